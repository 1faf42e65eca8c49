"""Writes docs/reliability.md from a run of the fault tests.

    SNNEXP_FAULTS=outputs/faults.json make test-faults
    python scripts/reliability.py outputs/faults.json

What stands above the marker in the page is written by hand and stays; the table below it is made
from the run.
"""

import argparse
import json
import platform
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from snnexp.files.atomic import write_text
from snnexp.runs.result import git_commit, versions

PAGE = Path(__file__).parents[1] / "docs/reliability.md"
MARKER = "<!-- made by scripts/reliability.py from a run of `make test-faults`: below this line -->"
SHOWN = 3
"""Different outcomes of one fault that the page lists."""


def main() -> None:
    """Replaces the table of the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("faults", type=Path, help="file that SNNEXP_FAULTS named")
    rows = json.loads(parser.parse_args().faults.read_text())
    above = PAGE.read_text().partition(MARKER)[0]
    write_text(PAGE, above + "\n".join([MARKER, "", *table(rows)]) + "\n")


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The lines of the table: one row for all cases of a fault."""
    passed = sum(row["outcome"] == "passed" for row in rows)
    packages = versions()
    around = (
        f"Python {packages['python']}, torch {packages['torch']}, {platform.system()} "
        f"{platform.machine()}"
    )
    yield f"{passed} of {len(rows)} cases passed at commit {git_commit()} ({around})."
    yield from ("", "| kind | fault | what happened | passed |", "|---|---|---|---|")
    for (kind, fault), cases in groupby(
        sorted(rows, key=order), key=lambda row: (row["kind"], row["fault"])
    ):
        cases = list(cases)
        good = sum(case["outcome"] == "passed" for case in cases)
        yield f"| {cell(kind)} | {cell(fault)} | {cell(happened(cases))} | {good} of {len(cases)} |"


def order(row: dict[str, Any]) -> tuple:
    """Numbers of the twenty-five faults as numbers, before the letters of the kinds."""
    parts = re.split(r"(\d+)", row["kind"])
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part], row[
        "fault"
    ]


def happened(cases: list[dict[str, Any]]) -> str:
    """What came of the cases of a fault, each outcome once."""
    told = list(dict.fromkeys(case["happened"] for case in cases if case["happened"]))
    more = f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return "; ".join(told[:SHOWN]) + more


def cell(text: str) -> str:
    """`text` within a cell of a table."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    main()
