"""`snnexp runs`: the runs below a folder, one a line."""

import sys
from argparse import RawDescriptionHelpFormatter
from datetime import datetime, timedelta, timezone
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from snnexp.cli.arguments import Parser
from snnexp.files.visible import one_line, visible
from snnexp.report import formats
from snnexp.runs.found import FoundRun, found_run, run_folders

COLUMNS = ("run", "status", "accuracy", "T", "age", "arguments", "note")
WIDE = 100
"""Columns of a terminal from which names of folders are not folded."""
STYLES = {"finished": "green", "running": "cyan", "failed": "red"}
EXAMPLES = """examples:
  snnexp runs                       what is under outputs/
  snnexp runs outputs/digits_qcfs   of one experiment, or of one sweep
  snnexp runs --format csv          for another program
"""


def runs(arguments: list[str]) -> int:
    """Prints the runs below a folder, the latest last."""
    parser = Parser(
        "snnexp runs",
        description="The runs below a folder: status, accuracy, T and age; the latest last.",
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path("outputs"), metavar="DIR")
    parser.add_argument("--format", choices=("rich", "csv"), default="rich")
    try:
        chosen = parser.parse_args(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    if not chosen.folder.is_dir():
        print(visible(f"snnexp: {_nowhere(chosen.folder)}"), file=sys.stderr)
        return 3
    found = sorted(map(found_run, run_folders(chosen.folder)), key=_when)
    if not found:
        print(visible(f"snnexp: no run below {chosen.folder}"), file=sys.stderr)
        return 0
    lines = [_line(run, chosen.folder) for run in found]
    print(formats.as_csv([*COLUMNS], lines) if chosen.format == "csv" else _page(lines), end="")
    return 0


def _nowhere(folder: Path) -> str:
    return (
        f"{folder}: no such folder. Expected: one with runs in it, such as `snnexp train` makes "
        "(outputs)"
    )


def _when(run: FoundRun) -> tuple[datetime, str]:
    return run.since or datetime.min.replace(tzinfo=timezone.utc), str(run.path)


def _line(run: FoundRun, folder: Path) -> dict[str, str]:
    shown = [each for each in run.arguments if not each.startswith(("data_dir=", "output_dir="))]
    age = "" if run.since is None else in_words(datetime.now(timezone.utc) - run.since)
    return {
        "run": one_line(run.path),
        "status": one_line(run.standing),
        "accuracy": "" if run.accuracy is None else f"{run.accuracy:.2f}",
        "T": "" if run.timesteps is None else str(run.timesteps),
        "age": age,
        "arguments": one_line(" ".join(shown)),
        "note": one_line(run.progress),
    }


def in_words(age: timedelta) -> str:
    """Such as `5 min`, `3 h` or `12 d`."""
    seconds = max(age.total_seconds(), 0)
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} d"


def _page(lines: list[dict[str, str]]) -> str:
    console = Console(highlight=False)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    whole = console.width >= WIDE  # so that it can be copied
    table.add_column("run", overflow="fold", style="cyan", ratio=3, no_wrap=whole)
    table.add_column("status", no_wrap=True)
    for name in ("accuracy", "T", "age"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("arguments, note", overflow="fold", ratio=2)
    for line in lines:
        last = Text(line["arguments"])
        last.append(f"{' ' if line['arguments'] else ''}{line['note']}", "yellow")
        status = Text(line["status"], STYLES.get(line["status"], "yellow"))
        cells = (Text(line["run"]), status, line["accuracy"], line["T"], line["age"], last)
        table.add_row(*cells)
    with console.capture() as capture:
        console.print(table)
    return capture.get()
