"""`snnexp plot`: one picture of a report by itself, or its figures."""

import sys
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from pathlib import Path

from snnexp.cli.arguments import Parser
from snnexp.cli.codes import BAD_CONFIG, BAD_DATA, FAILED, NO_ROOM
from snnexp.cli.gathered import material, take_runs
from snnexp.cli.looking import add_look, looking
from snnexp.cli.own import with_own_components
from snnexp.files.atomic import write_bytes
from snnexp.files.disk import NoRoom
from snnexp.files.foreign import Unreadable
from snnexp.files.visible import visible
from snnexp.report.charts.base import Chart
from snnexp.report.curves import NoMatplotlib
from snnexp.report.formats import as_csv
from snnexp.report.material import Material
from snnexp.report.order import charts, lacking, plots
from snnexp.report.picture import as_png
from snnexp.report.svg.draw import as_file

LOOKED = ("raster", "traces")
"""Plots for which a network is looked into."""
EXAMPLES = """examples:
  snnexp plot RUN_DIR RUN_DIR accuracy -o accuracy.svg
  snnexp plot SWEEP_DIR energy -o energy.png
  snnexp plot RUN_DIR raster -o raster.png --images 17 --layers body.conv1
  snnexp plot RUN_DIR confusion -o confusion.csv

A run with components of your own needs the words it was trained with, such as trust=mine.
"""


def plot(arguments: list[str]) -> int:
    """Draws one kind of plot of the runs named."""
    return with_own_components(_plot, arguments)


def _plot(arguments: list[str]) -> int:
    try:
        chosen = _parser().parse_args(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    try:
        found = material(chosen.runs, looking(chosen) if chosen.kind in LOOKED else None)
        drawn = charts(found, chosen.kind)
        if not drawn:
            print(visible(f"snnexp: {_nothing(found, chosen.kind)}"), file=sys.stderr)
            return BAD_CONFIG
        write_bytes(chosen.output, FORMATS[chosen.output.suffix.lower()](drawn))
    except (Unreadable, NoMatplotlib, OSError) as error:
        print(visible(f"snnexp: {error}"), file=sys.stderr)
        kinds = {Unreadable: BAD_DATA, NoRoom: NO_ROOM}
        return next((code for kind, code in kinds.items() if isinstance(error, kind)), FAILED)
    print(visible(f"plot  {chosen.output}"))
    return 0


def _nothing(found: Material, kind: str) -> str:
    """Why there is nothing of a kind."""
    why = "; ".join(lacking(found, kind))
    return f"nothing to draw of {kind}: {why or 'these results have none, or there are many runs'}"


def _svg(drawn: Sequence[Chart]) -> bytes:
    return as_file(drawn).encode()


def _csv(drawn: Sequence[Chart]) -> bytes:
    """A row for each point, with the title of its picture."""
    columns = dict.fromkeys(column for chart in drawn for column in chart.columns)
    lines = [
        {"plot": chart.title} | dict(zip(chart.columns, map(_cell, row), strict=True))
        for chart in drawn
        for row in chart.rows()
    ]
    return as_csv(["plot", *columns], lines).encode()


def _cell(value: object) -> str:
    return "" if value is None else str(value)


FORMATS: dict[str, Callable[[Sequence[Chart]], bytes]] = {
    ".png": as_png,
    ".svg": _svg,
    ".csv": _csv,
}


def _parser() -> Parser:
    kinds = "\n".join(f"  {kind:11} {words}" for kind, words in plots().items())
    parser = Parser(
        "snnexp plot",
        usage="snnexp plot RUN [RUN ...] KIND -o FILE",
        description=f"One picture of `snnexp report` by itself, or its figures.\n\nkinds:\n{kinds}",
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    take_runs(parser)
    parser.add_argument("kind", choices=plots(), metavar="KIND", help="one of these")
    parser.add_argument(
        "-o",
        "--output",
        type=_file,
        required=True,
        metavar="FILE",
        help=f"{', '.join(FORMATS)}; PNG needs matplotlib",
    )
    add_look(parser)
    return parser


def _file(name: str) -> Path:
    path = Path(name)
    if path.suffix.lower() not in FORMATS:
        raise ArgumentTypeError(f"{name!r} should end in {', '.join(FORMATS)}")
    return path
