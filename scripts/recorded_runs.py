"""Writes into results/README.md what is recorded there, and how it was run.

    python scripts/recorded_runs.py

The table stands between two markers. Commands and figures come from the results, remarks from
results/remarks.csv.
"""

import csv
from pathlib import Path

from snnexp.files.atomic import write_text
from snnexp.files.weights import WEIGHTS
from snnexp.report.formats import as_markdown
from snnexp.reproduce.recorded import LARGEST
from snnexp.results.run import RunResult
from snnexp.survey.recorded import recorded

RESULTS = Path(__file__).parents[1] / "results"
PAGE = RESULTS / "README.md"
BEGIN, END = "<!-- recorded runs: begin -->", "<!-- recorded runs: end -->"
COLUMNS = ["file", "accuracy %", "T", "weights", "command", "remark"]
FLOAT = 4
"""Bytes of a parameter."""


def main() -> None:
    """Rewrites the table."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    write_text(PAGE, f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}")


def table() -> str:
    """One row per recorded run, as Markdown."""
    told = remarks()
    lines = [_line(name, result, told.get(name, "")) for name, result in recorded(RESULTS).items()]
    return as_markdown("Recorded runs", COLUMNS, lines).partition("\n\n")[2].strip()


def remarks() -> dict[str, str]:
    """What a reader should know of a recorded run besides, by its path."""
    with (RESULTS / "remarks.csv").open(newline="", encoding="utf-8") as file:
        return {line["path"]: line["remark"] for line in csv.DictReader(file)}


def _line(name: str, result: RunResult, remark: str) -> dict[str, str]:
    figures = f"{result.last.accuracy:.2f}", str(result.last.timesteps), weights(name, result)
    cells = f"`{name}`", *figures, f"`{result.command}`", remark
    return dict(zip(COLUMNS, cells, strict=True))


def weights(name: str, result: RunResult) -> str:
    """How large the weights beside a result are, or why there are none."""
    path = (RESULTS / name).with_name(WEIGHTS)
    if name.endswith("/result.json") and path.exists():
        return f"{path.stat().st_size / 1e6:.2f} MB"
    large = FLOAT * (result.last.parameters or 0) > LARGEST
    return f"over {LARGEST // 10**6} MB" if large else "not kept"


if __name__ == "__main__":
    main()
