"""What ingest costs, as one JSON value: `python benchmarks/ingest.py [--quick]`. Progress goes to stderr.

`--grow 1000000 10000000` measures instead whether the cost stays the same as the tables grow to so many spans. Ten
million take about 5 GB of disk in the temporary directory while it runs.
"""

import argparse
import json
import tempfile
from pathlib import Path

from watchglass_collector import bench, bench_growth


def main() -> None:
    """Run the benchmark of the collector."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything; fits in a minute")
    parser.add_argument("--grow", nargs="+", type=int, metavar="SPANS", help="sizes of the tables, ascending")
    arguments = parser.parse_args()
    if not arguments.grow:
        print(json.dumps(bench.run(quick=arguments.quick), indent=2))
        return
    requests = 16 if arguments.quick else 60
    with tempfile.TemporaryDirectory() as directory:
        print(json.dumps(bench_growth.run(arguments.grow, Path(directory), requests=requests), indent=2))


if __name__ == "__main__":
    main()
