"""What ingest costs, as one JSON object: `python benchmarks/ingest.py [--quick]`. Progress goes to stderr."""

import argparse
import json

from watchglass_collector.bench import run


def main() -> None:
    """Run the benchmark of the collector."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything; fits in a minute")
    print(json.dumps(run(quick=parser.parse_args().quick), indent=2))


if __name__ == "__main__":
    main()
