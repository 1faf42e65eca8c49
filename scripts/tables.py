"""Writes what is recorded under results/ as pages: docs/tables.md and results/results.csv.

    python scripts/tables.py

Both say what `snnexp table` says, of the recorded runs alone; `make tables` writes whatever is made
of them.
"""

from pathlib import Path

from snnexp.files.atomic import write_text
from snnexp.report.formats import Lines, as_csv
from snnexp.report.table import NOTE, TITLES, as_markdown, lines
from snnexp.survey.experiments import experiments, references
from snnexp.survey.recorded import read_results, standing
from snnexp.survey.rows import TABLES, rows

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tables.md"
FLAT = ROOT / "results" / "results.csv"
COLUMNS = {
    "row": "id",
    "table": "table",
    "dataset": "dataset",
    "reference": "reference",
    "system": "citation",
    "strategy": "strategy",
    "network": "architecture",
    "published_timesteps": "timesteps",
    "published": "accuracy",
    "measured": "measured",
    "deviation": "std",
    "n": "n",
    "T": "measured_timesteps",
    "spikes_per_neuron": "spikes_per_neuron",
    "energy_joule": "energy_joule",
    "energy_model": "energy_model",
    "budget": "budget",
    "marks": "marks",
    "commit": "commit",
    "machine": "machine",
    "verdict": "status",
    "command": "command",
}
"""Of the flat file, by what they are called in the lines of a table."""
HEAD = f"""# The survey's tables

Made by `make tables` from the runs recorded under [results/](../results/README.md); a test holds
the page and the records together. `snnexp table 1`, `2`, `3` and `text` show the same, with your
own runs among them. The same in one file, with commit and machine:
[results.csv](../results/results.csv). What falls short, and why: [deviations.md](deviations.md);
how a row is run: [reproduce.md](reproduce.md).

{NOTE}
"""


def main() -> None:
    """Rewrites both."""
    for path, text in pages().items():
        write_text(path, text)


def pages() -> dict[Path, str]:
    """The page and the flat file as text, by their paths."""
    results = standing(read_results([ROOT / "results"]), references())
    tables = {name: lines(rows(name), results, experiments()) for name in TABLES}
    return {PAGE: page(tables), FLAT: flat(tables)}


def page(tables: dict[str, Lines]) -> str:
    """All tables, one below the other."""
    sections = (f"## {TITLES[name]}\n\n{_body(name, table)}" for name, table in tables.items())
    return "\n".join([HEAD, *sections])


def _body(name: str, table: Lines) -> str:
    """A table without its title and without the note that is on top of the page already."""
    text = as_markdown(name, table).partition("\n\n")[2]
    return text.replace(f"{NOTE}\n", "").rstrip() + "\n"


def flat(tables: dict[str, Lines]) -> str:
    """All rows, one below the other."""
    every = [line | {"table": name} for name, table in tables.items() for line in table]
    named = [{column: line[key] for column, key in COLUMNS.items()} for line in every]
    return as_csv([*COLUMNS], named)


if __name__ == "__main__":
    main()
