"""How long a slot of 100, 1,000 and 10,000 alert rules takes, as JSON: `python benchmarks/alerts.py [--quick]`."""

import argparse
import json

from watchglass_alerts.bench import RULES, run


def main() -> None:
    """Run the benchmark of the alerts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200,000 calls instead of 10 million; fits in a minute")
    parser.add_argument("--rules", type=int, nargs="+", default=RULES, help="how many")
    given = parser.parse_args()
    print(json.dumps(run(quick=given.quick, rules=given.rules), indent=2))


if __name__ == "__main__":
    main()
