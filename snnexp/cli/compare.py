"""`snnexp compare`: runs side by side, what differs in their configurations and what came of it."""

import argparse
import sys
from pathlib import Path

from snnexp.cli.arguments import Parser
from snnexp.cli.gathered import read_runs
from snnexp.cli.sweep_files import PICTURE, TABLE
from snnexp.cli.sweep_jobs import PLAN, finished, job_folders
from snnexp.files.atomic import write_bytes
from snnexp.files.disk import NoRoom
from snnexp.files.foreign import Unreadable
from snnexp.files.visible import visible
from snnexp.report import along, curves, tradeoff
from snnexp.report.columns import FORMATS, compared
from snnexp.report.comparison import Run

BESIDE_JOBS = (PLAN, TABLE, PICTURE, "multirun.yaml", "optimization_results.yaml")
"""Files in the folder of a sweep, by Hydra and its sweepers, too."""
EXAMPLES = """examples:
  snnexp compare RUN_DIR RUN_DIR
  snnexp compare outputs/digits_qcfs/* --plot accuracy.png
  snnexp compare RUN_DIR RUN_DIR/evaluations/*.json --plot energy.svg --against energy
  snnexp compare SWEEP --plot leak.png --along neuron.leak --show spikes_per_neuron
"""


def compare(arguments: list[str]) -> int:
    """Prints the comparison of the runs named, and draws it where a file is named for that."""
    try:
        chosen = _parser().parse_args(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    paths = [path for named in chosen.runs for path in _of_sweep(named)]
    runs, faults = _read(list(dict.fromkeys(paths)))
    if faults:
        print(visible("\n".join(f"snnexp: {fault}" for fault in faults)), file=sys.stderr)
        return 3
    whole = chosen.all or chosen.format == "csv"
    print(FORMATS[chosen.format](runs, compared(runs, whole)), end="")
    return 0 if chosen.plot is None else _plot(runs, chosen)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        "snnexp compare",
        description="Runs and evaluations side by side: what came of them, in what they differ.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "runs",
        type=Path,
        nargs="+",
        metavar="RUN_DIR",
        help="folder of a finished run or sweep, JSON file of a result or evaluation, or a report",
    )
    parser.add_argument(
        "--all", action="store_true", help="every setting and circumstance in which they differ"
    )
    parser.add_argument("--format", choices=FORMATS, default="rich")
    parser.add_argument(
        "--plot",
        type=_picture,
        metavar="FILE",
        help=f"draw accuracy against timesteps, bands over seeds: .{', .'.join(curves.FORMATS)}",
    )
    parser.add_argument(
        "--against",
        choices=("timesteps", *tradeoff.COSTS),
        default="timesteps",
        help="what accuracy is drawn against (timesteps)",
    )
    parser.add_argument(
        "--along",
        metavar="KEY",
        help="draw against this setting in which the runs differ, such as timesteps",
    )
    parser.add_argument(
        "--show",
        action="append",
        metavar="FIELD",
        help="of the result, with --along: a panel for each such as train_seconds (accuracy)",
    )
    return parser


def _of_sweep(path: Path) -> list[Path]:
    """The finished jobs in place of the folder of a sweep, nothing in place of what a sweep has
    beside them, as `SWEEP/*` names that, too.
    """
    if path.is_file() and path.name in BESIDE_JOBS and (path.parent / PLAN).exists():
        return []
    if not (path / PLAN).is_file():
        return [path]
    jobs = {job: finished(job) for job in job_folders(path)}
    left_out = [job.name for job, is_finished in jobs.items() if not is_finished]
    if left_out and any(jobs.values()):
        words = f"{path}: left out, not finished: {', '.join(left_out)}"
        print(visible(f"snnexp: {words}"), file=sys.stderr)
    return [job for job, is_finished in jobs.items() if is_finished] or [path]


def _picture(name: str) -> Path:
    path = Path(name)
    if path.suffix.removeprefix(".").lower() not in curves.FORMATS:
        raise argparse.ArgumentTypeError(f"{name!r} should end in .{', .'.join(curves.FORMATS)}")
    return path


def _read(paths: list[Path]) -> tuple[list[Run], list[str]]:
    runs, faults = [], []
    for path in paths:
        try:
            runs += read_runs(path)
        except Unreadable as error:
            faults.append(str(error))
    return runs, faults


def _plot(runs: list[Run], chosen: argparse.Namespace) -> int:
    path: Path = chosen.plot
    form = path.suffix.removeprefix(".").lower()
    try:
        write_bytes(path, _drawn(runs, form, chosen))
    except (along.NothingToDraw, curves.NoMatplotlib, OSError) as error:
        print(visible(f"snnexp: {error}"), file=sys.stderr)
        return (
            2 if isinstance(error, along.NothingToDraw) else 4 if isinstance(error, NoRoom) else 1
        )
    print(visible(f"picture  {path}"), file=sys.stderr)
    return 0


def _drawn(runs: list[Run], form: str, chosen: argparse.Namespace) -> bytes:
    if chosen.along is not None:
        return along.drawn(runs, form, chosen.along, chosen.show or ["accuracy"])
    if chosen.against in tradeoff.COSTS:
        return tradeoff.drawn(runs, form, chosen.against)
    return curves.drawn(runs, form)
