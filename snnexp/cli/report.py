"""`snnexp report`: what runs came to, on one page."""

import shlex
import sys
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from functools import partial
from pathlib import Path

from snnexp.cli.arguments import Parser
from snnexp.cli.codes import BAD_DATA, FAILED, NO_ROOM
from snnexp.cli.gathered import REPORTS, material, take_runs
from snnexp.cli.looking import add_look, looking
from snnexp.cli.own import with_own_components
from snnexp.files.atomic import write_text
from snnexp.files.disk import NoRoom
from snnexp.files.foreign import Unreadable
from snnexp.files.visible import visible
from snnexp.report.order import blocks
from snnexp.report.page import page

EXAMPLES = """examples:
  snnexp report RUN_DIR -o report.html
  snnexp report RUN_DIR RUN_DIR -o report.html --images 0,17
  snnexp report SWEEP_DIR -o sweep.html
  snnexp report results/cifar10_qcfs_resnet20/*.json -o recorded.html

The page is one file that asks for nothing; `snnexp compare report.html` reads it.
A run with components of your own needs the words it was trained with, such as trust=mine.
"""


def report(arguments: list[str]) -> int:
    """Writes the report of the runs named into a file."""
    return with_own_components(partial(_report, arguments), arguments)


def _report(typed: list[str], arguments: list[str]) -> int:
    try:
        chosen = _parser().parse_args(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    try:
        found = material(chosen.runs, looking(chosen) if chosen.traces else None)
        command = shlex.join(["snnexp", "report", *typed])
        write_text(chosen.output, page(found, blocks(found), command))
    except (Unreadable, OSError) as error:
        print(visible(f"snnexp: {error}"), file=sys.stderr)
        kinds = {Unreadable: BAD_DATA, NoRoom: NO_ROOM}
        return next((code for kind, code in kinds.items() if isinstance(error, kind)), FAILED)
    print(visible(f"report  {chosen.output}"))
    return 0


def _parser() -> Parser:
    parser = Parser(
        "snnexp report",
        description="Runs, or the jobs of a sweep, on one page: warnings, accuracy, cost, spikes, "
        "training, classes, conversion, configuration.",
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    take_runs(parser)
    parser.add_argument(
        "-o", "--output", type=_page, required=True, metavar="FILE.html", help="where to write it"
    )
    parser.add_argument(
        "--no-traces",
        dest="traces",
        action="store_false",
        help="do not look into the networks: no spikes and potentials, and nothing is computed",
    )
    add_look(parser)
    return parser


def _page(name: str) -> Path:
    path = Path(name)
    if path.suffix.lower() not in REPORTS:
        raise ArgumentTypeError(f"{name!r} should end in .html")
    return path
