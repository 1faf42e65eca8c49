"""Runs and sweeps that are named on the command line, as what reports and plots are made of."""

from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from snnexp.cli.sweep_jobs import PLAN, Job, job_folders, jobs_of
from snnexp.cli.sweep_table import cells_of, words_below
from snnexp.files.foreign import Unreadable
from snnexp.files.visible import one_line
from snnexp.report.answers import Answers, answers_of
from snnexp.report.comparison import Run, read_run
from snnexp.report.material import FEW, Glimpse, Material, Subject, Sweep
from snnexp.report.records import records_of
from snnexp.report.twin import read_report

REPORTS = (".html", ".htm")
UNSEEN = "not looked at (--no-traces)"
MANY = f"more than {FEW} runs: none is looked at by itself"
Seen = tuple[tuple[Glimpse, ...], str]
"""What a look into a network gives, or why it gives nothing."""
Looking = Callable[[Path, Answers | None], Seen]
"""Looks into the network of a run, whose answers may be known."""


@dataclass(frozen=True)
class Named:
    """What a path on the command line stands for."""

    runs: tuple[Run, ...]
    sweeps: tuple[Sweep, ...] = ()


def take_runs(parser: ArgumentParser) -> None:
    """Gives a command the argument `runs`: what `material` is made of."""
    parser.add_argument(
        "runs",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="folder of a finished run or of a sweep, a result or evaluation (JSON), a report",
    )


def read_runs(path: Path) -> list[Run]:
    """The runs that a path stands for: one, or those of a report. Raises `Unreadable`."""
    if path.suffix.lower() in REPORTS and path.is_file():
        return read_report(path)
    return [read_run(path)]


def material(paths: Sequence[Path], look: Looking | None) -> Material:
    """All that is known of runs, of the jobs of sweeps, and of the runs of reports.

    Args:
        paths: folders, results or reports.
        look: how to look into a network; None for not at all.

    Raises:
        Unreadable: a path stands for nothing that has ended, or a file beside it holds something
            else.
    """
    every = [_named(path) for path in dict.fromkeys(paths)]
    runs = [run for named in every for run in named.runs]
    few = len(runs) <= FEW
    subjects = tuple(_subject(run, few, look) for run in runs)
    return Material(subjects, tuple(sweep for named in every for sweep in named.sweeps))


def _named(path: Path) -> Named:
    if not _is_sweep(path):
        return Named(tuple(read_runs(path)))
    jobs = jobs_of(path)
    finished = [read_run(path / job.name) for job in jobs if job.result is not None]
    if not finished:
        raise Unreadable(path, "no job of this sweep has finished yet")
    return Named(tuple(finished), (_sweep(path, jobs),))


def _is_sweep(path: Path) -> bool:
    alone = any((path / name).exists() for name in ("result.json", "status.json"))
    return path.is_dir() and not alone and ((path / PLAN).exists() or bool(job_folders(path)))


def _sweep(folder: Path, jobs: list[Job]) -> Sweep:
    cells = cells_of(jobs)
    remarks = (line.plain for line in words_below(folder, jobs))
    return Sweep(
        f"sweep {one_line(folder)}",
        (*cells.settings, *cells.measures),
        tuple(map(tuple, cells.rows)),
        tuple(map(tuple, cells.means)),
        tuple(remarks),
    )


def _subject(run: Run, few: bool, look: Looking | None) -> Subject:
    """Of many runs nothing is read that is drawn of few alone."""
    if not few:
        return Subject(run, unseen=MANY)
    damaged, answers = "", None
    try:
        answers = answers_of(run.path)
    except Unreadable as error:
        damaged = str(error)
    seen = ((), UNSEEN) if look is None else look(run.path, answers)
    return Subject(run, records_of(run.path), answers, damaged, *seen)
