"""Writes into the README how many of the survey's figures have been reproduced, from the recorded
runs.

    python scripts/survey_counts.py

The table stands between two markers in README.md. It counts what `snnexp table` says of every row.
"""

from collections import Counter
from pathlib import Path

from snnexp.report.table import TITLES, lines
from snnexp.survey.experiments import experiments, references
from snnexp.survey.recorded import read_results, standing
from snnexp.survey.rows import TABLES, rows

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- survey counts: begin -->", "<!-- survey counts: end -->"
KINDS = ("reproduced", "above", "below", "partial", "not run", "no experiment")


def main() -> None:
    """Rewrites the table."""
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    readme.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}")


def table() -> str:
    """Rows of each table of the survey by what has come of them, as Markdown."""
    results = standing(read_results([ROOT / "results"]), references())
    counts = {
        TITLES[name]: Counter(line["status"] for line in lines(rows(name), results, experiments()))
        for name in TABLES
    }
    counts["all"] = sum(counts.values(), Counter())
    head = ["| | " + " | ".join(KINDS) + " |", "|---" * (len(KINDS) + 1) + "|"]
    return "\n".join(
        [
            *head,
            *(
                f"| {name} | {' | '.join(str(each[kind]) for kind in KINDS)} |"
                for name, each in counts.items()
            ),
        ]
    )


if __name__ == "__main__":
    main()
