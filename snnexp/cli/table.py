"""`snnexp table`: the survey's tables, published beside measured."""

import sys
from pathlib import Path

from snnexp.cli.arguments import Parser
from snnexp.files.visible import visible
from snnexp.report.table import FORMATS, lines
from snnexp.survey.experiments import experiments, references
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
