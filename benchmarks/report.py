"""Tables and plots of a run, from its JSON alone: `python -m benchmarks.report [FILE]`, or `make bench-report`."""

import argparse
import sys
from pathlib import Path

from benchmarks import results as stored
from benchmarks.servers import ROOT
from benchmarks.tables import markdown

FOLDER = ROOT / "benchmarks" / "results"
README = ROOT / "benchmarks" / "README.md"
BEGIN, END = "<!-- figures: make bench-report README=1 -->", "<!-- end of figures -->"


def newest(folder: Path) -> Path:
    """The results that were begun last. Raises ValueError where there are none."""
    found = [(stored.read(path).started_at, path) for path in folder.glob("*.json")]
    if not found:
        raise ValueError(f"There are no results in {folder}: `make bench` writes some.")
    return max(found)[1]


def put_between(text: str, tables: str) -> str:
    """The text with the tables between the two markers. Raises ValueError where it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"There is no {BEGIN} … {END} to write between.")
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="results (default: the newest in benchmarks/results)")
    parser.add_argument("--plots", type=Path, help="folder for the plots (default: one beside the results)")
    parser.add_argument("--readme", action="store_true", help="write the tables into benchmarks/README.md too")
    told = parser.parse_args()
    try:
        path: Path = told.file or newest(FOLDER)
        results = stored.read(path)
        tables = markdown(results)
        print(tables)
        if told.readme:
            README.write_text(put_between(README.read_text(), tables))
    except (ValueError, OSError) as fault:
        print(fault, file=sys.stderr)
        return 1
    from benchmarks import plots  # a second of importing that a wrong file need not wait for

    for plot in plots.draw(results, told.plots or path.with_suffix("")):
        print(f"plot: {plot}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
