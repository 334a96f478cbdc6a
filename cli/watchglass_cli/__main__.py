"""`python -m watchglass_cli` is `watchglass`."""

from watchglass_cli.main import main

main()
