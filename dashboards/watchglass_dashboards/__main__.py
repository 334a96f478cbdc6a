"""The dashboard's process: `python -m streamlit run asgi.py`, away from any other application's `.streamlit` folder."""

import os
import sys
from pathlib import Path

from streamlit.web.cli import main

if __name__ == "__main__":
    here = Path(__file__).parent
    os.chdir(here)
    sys.argv = ["streamlit", "run", str(here / "asgi.py"), *sys.argv[1:]]
    sys.exit(main())
