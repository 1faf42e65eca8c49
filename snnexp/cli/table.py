"""`snnexp table`: the survey's tables, published beside measured."""

import sys
from argparse import RawDescriptionHelpFormatter
from pathlib import Path

from snnexp.cli.arguments import Parser
from snnexp.files.visible import visible
from snnexp.report.table import FORMATS, lines
from snnexp.survey.experiments import experiments, references
from snnexp.survey.recorded import read_results, shipped, standing
from snnexp.survey.rows import TABLES, rows

OUTPUTS = Path("outputs")
EXAMPLES = """examples:
  snnexp table 3                              strategies compared
  snnexp table text --format html > page.html
  snnexp table 1 --runs DIR                   with the results of runs elsewhere
"""


def table(arguments: list[str]) -> int:
    """Prints one table from recorded results, and from those here and in the folders given."""
    try:
        chosen = _parser().parse_args(arguments)
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
    places = _places(chosen.runs)
    results = standing(read_results([*places.values()]), references())
    every = lines(rows(chosen.table), results, experiments())
    print(FORMATS[chosen.format](chosen.table, every), end="")
    if chosen.format == "rich":
        print(visible(_looked(places)))
    return 0


def _parser() -> Parser:
    parser = Parser(
        "snnexp table",
        description=(
            "A table of the survey: published accuracy beside measured. Results are those recorded "
            "with this package, those in results/ of the project one is in, and those under "
            "outputs/ here."
        ),
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
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
    return parser


def _places(named: list[Path]) -> dict[str, Path]:
    """Where results are looked for, by what is said of each."""
    found: dict[str, Path] = {}
    if (recorded := shipped()) is not None:
        found["those recorded with this package"] = recorded
    for folder in (_of_project(), OUTPUTS, *named):
        if folder.is_dir() and not any(folder.samefile(other) for other in found.values()):
            found[str(folder)] = folder
    return found


def _looked(places: dict[str, Path]) -> str:
    if not places:
        return "No results: none came with this package, and there is no results/ or outputs/ here."
    return f"Results: {', '.join(places)}; elsewhere: --runs DIR."


def _of_project() -> Path:
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
