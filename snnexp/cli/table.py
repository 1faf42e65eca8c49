"""`snnexp table`: the survey's tables, published beside measured."""

import argparse
from importlib.resources import files
from pathlib import Path

import yaml

from snnexp.survey.measured import read_results
from snnexp.survey.rows import TABLES, rows
from snnexp.survey.table import FORMATS, lines


def table(arguments: list[str]) -> int:
    """Prints one table from the results in `results/` and in the folders given."""
    parser = argparse.ArgumentParser("snnexp table", description="A table of the survey: published accuracy beside measured.")
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--runs", type=Path, action="append", default=[], metavar="DIR", help="look for results here too; may be repeated")
    parser.add_argument("--format", choices=FORMATS, default="rich")
    try:
        chosen = parser.parse_args(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    results = read_results([Path("results"), *chosen.runs])
    print(FORMATS[chosen.format](chosen.table, lines(rows(chosen.table), results, experiments())), end="")
    return 0


def experiments() -> dict[str, str]:
    """The experiment that stands for each row."""
    found = {}
    for path in sorted((files("snnexp.conf") / "experiment").iterdir(), key=lambda path: path.name):
        reference = (yaml.safe_load(path.read_text()) or {}).get("reference") if path.name.endswith(".yaml") else None
        found |= dict.fromkeys((reference or {}).get("rows", []), path.name.removesuffix(".yaml"))
    return found
