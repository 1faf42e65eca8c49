"""`snnexp reproduce`: the queue that fills the tables, in time that nobody else wants."""

import argparse
import math
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from snnexp.cli.arguments import Parser
from snnexp.cli.codes import BAD_CONFIG, FAILED
from snnexp.errors import ConfigError
from snnexp.files.visible import visible
from snnexp.reproduce.jobs import Job, jobs
from snnexp.reproduce.order import ordered
from snnexp.survey.experiments import references

if TYPE_CHECKING:
    from snnexp.reproduce.estimate import Estimate

FREE = 0.95
"""Share of the processor from which a machine counts as one that does nothing else."""
RUNS = "~/.local/share/snnexp/reproduce"


def reproduce(arguments: list[str]) -> int:
    """Runs experiments one after the other, what says most per hour first, and returns the exit
    code.
    """
    try:
        chosen = _parser().parse_args(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    try:
        return _reproduced(chosen, Path(chosen.runs).expanduser().absolute())
    except ConfigError as error:
        print(visible(f"snnexp: {error}"), file=sys.stderr)
        return BAD_CONFIG


def _parser() -> Parser:
    parser = Parser(
        "snnexp reproduce",
        description="Runs the experiments behind rows of the survey one at a time at idle "
        "priority, what says most per hour first. "
        "It can be ended anywhere and started again: finished runs are taken, the others go "
        "on, each with the code that began it.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="ROW or EXPERIMENT",
        help="what to run; all that is planned without a name",
    )
    parser.add_argument(
        "--budget-hours",
        type=_hours,
        default=math.inf,
        metavar="H",
        help="stop after so many hours (no limit)",
    )
    parser.add_argument(
        "--threads", type=_count, default=1, metavar="N", help="threads of each run (1)"
    )
    parser.add_argument(
        "--replicates", type=_count, default=1, metavar="N", help="seeds of each, from 1 (1)"
    )
    parser.add_argument("--runs", default=RUNS, metavar="DIR", help=f"folder of the runs ({RUNS})")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an override of every experiment; may be repeated",
    )
    parser.add_argument(
        "--status", action="store_true", help="say how everything stands, and run nothing"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="measure and say what would be run in which order, and run nothing",
    )
    return parser


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**15:
        raise argparse.ArgumentTypeError(f"expected a whole number > 0, got {text!r}")
    return int(text)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not hours > 0:
        raise argparse.ArgumentTypeError(f"expected a number of hours > 0, got {text!r}")
    return hours


def _reproduced(chosen: argparse.Namespace, runs: Path) -> int:
    wanted = jobs(chosen.names, references(), chosen.replicates, tuple(chosen.set))
    if chosen.status:
        return _status(wanted, runs)
    from snnexp.reproduce.queue import Asked, alone, asked_by_signals

    with alone(runs), asked_by_signals():
        try:
            return _worked(wanted, chosen, runs)
        except Asked as asked:
            _say(f"{asked}; the same command goes on")
            return 128 + asked.number


def _worked(wanted: Sequence[Job], chosen: argparse.Namespace, runs: Path) -> int:
    from snnexp.reproduce.queue import begun, work

    until = time.monotonic() + 3600 * chosen.budget_hours
    ready = _ready(wanted)
    found = _estimated(ready, runs, chosen.threads)
    alone = {name: None if each is None else each.alone / 3600 for name, each in found.items()}
    started = {job.name for job in ready if begun(job, runs)}
    queue = _within(ordered(ready, alone, started), found, chosen.budget_hours)
    if chosen.dry_run:
        return 0
    return FAILED if work(queue, runs, chosen.threads, until, _say) else 0


def _ready(wanted: Sequence[Job]) -> list[Job]:
    """The jobs for which everything is there; of the others it is said why they are skipped."""
    from snnexp.reproduce.ready import missing

    lacking = {job.name: missing(job) for job in wanted}
    for name, why in lacking.items():
        if why:
            _say(f"{name}: skipped, {why}")
    return [job for job in wanted if not lacking[job.name]]


def _estimated(ready: Sequence[Job], runs: Path, threads: int) -> dict[str, "Estimate | None"]:
    from snnexp.reproduce.estimate import Estimate, estimate
    from snnexp.reproduce.frozen import frozen
    from snnexp.reproduce.queue import finished
    from snnexp.reproduce.ready import configuration

    found: dict[str, Estimate | None] = {}
    for job in ready:
        if finished(job, runs):
            found[job.name] = Estimate(0.0, 1.0)
            continue
        config, dataset = configuration(job)
        found[job.name] = estimate(job, config, dataset, runs, frozen(runs), threads)
    return found


def _within(
    queue: Sequence[Job], found: Mapping[str, "Estimate | None"], budget: float
) -> list[Job]:
    """The jobs that fit into the budget, said with their times."""
    kept, left = [], budget
    for job in queue:
        needed = found[job.name]
        hours = 0.0 if needed is None else needed.beside_others / 3600
        if hours > left:
            _say(f"{job.name}: skipped, over budget ({hours:.2f} h of the {left:.2f} h left)")
            continue
        _say(f"{job.name}: {_in_words(needed)}")
        left -= hours
        kept.append(job)
    return kept


def _status(wanted: Sequence[Job], runs: Path) -> int:
    from snnexp.reproduce.standing import standing

    for job in wanted:
        print(visible(f"{job.name:44} {standing(job, runs)}"))
    return 0


def _in_words(needed: "Estimate | None") -> str:
    """What a run takes, in hours; None where it was not measured."""
    if needed is None:
        return "not measured"
    if not needed.alone:
        return "finished"
    busy = (
        f" with {needed.share:.0%} of the processor, as when it was measured; "
        f"{needed.alone / 3600:.2f} h with all of it"
    )
    return f"{needed.beside_others / 3600:.2f} h{busy if needed.share < FREE else ''}"


def _say(text: str) -> None:
    print(visible(f"{time.strftime('%H:%M:%S')} {text}"), file=sys.stderr, flush=True)
