"""`snnexp table`: the survey's tables, published beside measured."""

import sys
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from snnexp.cli.arguments import Parser
from snnexp.files.visible import visible
from snnexp.report.table import FORMATS, lines
from snnexp.survey.recorded import read_results, standing
from snnexp.survey.rows import TABLES, rows


def table(arguments: list[str]) -> int:
    """Prints one table from the results in `results/` and in the folders given."""
    parser = Parser(
        "snnexp table",
        description=(
            "A table of the survey: published accuracy beside measured. Results are read from "
            "results/ of the project one is in."
        ),
    )
    parser.add_argument("table", choices=TABLES)
    parser.add_argument(
        "--runs",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="look for results here too; may be repeated",
    )
    parser.add_argument("--format", choices=FORMATS, default="rich")
    try:
        chosen = parser.parse_args(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    missing = [folder for folder in chosen.runs if not folder.is_dir()]
    if missing:
        said = "\n".join(
            f"snnexp: {folder}: no such folder. Expected: one with runs or results in it"
            for folder in missing
        )
        print(visible(said), file=sys.stderr)
        return 3
    results = standing(read_results([_recorded(), *chosen.runs]), references())
    print(
        FORMATS[chosen.format](chosen.table, lines(rows(chosen.table), results, experiments())),
        end="",
    )
    return 0


def _recorded() -> Path:
    """The folder `results` here or, within a project, at its root."""
    here = Path.cwd()
    roots = [
        folder
        for folder in (here, *here.parents)
        if (folder / "pyproject.toml").exists() or (folder / ".git").exists()
    ]
    return next(
        (folder / "results" for folder in (here, *roots[:1]) if (folder / "results").is_dir()),
        here / "results",
    )


def experiments() -> dict[str, str]:
    """The experiment that stands for each row; of several, the first by name."""
    found: dict[str, str] = {}
    for name, named in served().items():
        for row in named:
            found.setdefault(row, name)
    return found


def served() -> dict[str, list[str]]:
    """The rows for which each experiment stands, by name."""
    return {name: reference.get("rows", []) for name, reference in references().items()}


@cache
def references() -> dict[str, dict[str, Any]]:
    """The published result that each experiment stands for, by name."""
    paths = [
        path
        for path in (files("snnexp.conf") / "experiment").iterdir()
        if path.name.endswith(".yaml")
    ]
    heads = {
        path.name.removesuffix(".yaml"): yaml.safe_load(path.read_text()) or {}
        for path in sorted(paths, key=lambda path: path.name)
    }
    return {name: head.get("reference") or {} for name, head in heads.items()}
