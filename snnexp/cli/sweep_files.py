"""What a sweep leaves beside its jobs: the table as a file, and a picture of accuracy against
spikes.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import fmean, stdev

from snnexp.cli.sweep_jobs import Job, objectives_of
from snnexp.cli.sweep_table import MEASURES, in_common, mean_and_deviation, over_seeds
from snnexp.files.atomic import write_bytes, write_text
from snnexp.report.curves import NoMatplotlib
from snnexp.report.front import Point, drawn

TABLE = "sweep.csv"
PICTURE = "sweep.png"


def leave_files(folder: Path, jobs: list[Job]) -> Iterator[str]:
    """Writes both into the folder of the sweep, and says where they are."""
    try:
        write_text(folder / TABLE, as_csv(jobs))
        yield f"the table is in {folder / TABLE}"
        points = points_of(jobs, by_validation=bool(objectives_of(folder)))
        if len(points) > 1:
            split = "validation" if objectives_of(folder) and _have_split(jobs) else "test"
            write_bytes(folder / PICTURE, drawn(points, split, "png"))
            yield f"accuracy against spikes is drawn in {folder / PICTURE}"
    except (OSError, NoMatplotlib) as error:
        yield str(error)


def as_csv(jobs: list[Job]) -> str:
    """A line for every job, and one for every mean over seeds, whose deviations stand in columns
    of their own.
    """
    text, names = io.StringIO(), [*MEASURES]
    table = csv.writer(text, lineterminator="\n")
    deviations = [f"{name}_deviation" for name in names]
    table.writerow(["kind", "job", "overrides", "status", *names, *deviations, "error"])
    for job in jobs:
        values = [None if job.result is None else MEASURES[n].value(job.result) for n in names]
        blank = [None] * len(names)
        head = ["job", job.name, " ".join(job.overrides), job.status]
        table.writerow([*head, *values, *blank, job.error])
    for group in over_seeds(jobs):
        found = [mean_and_deviation(group, MEASURES[name]) or (None, None) for name in names]
        means, spread = zip(*found, strict=True)
        head = ["mean", f"{len(group)} seeds", " ".join(group[0].apart_from_seed), "finished"]
        table.writerow([*head, *means, *spread, ""])
    return text.getvalue()


def points_of(jobs: list[Job], by_validation: bool) -> list[Point]:
    """A point for all jobs that differ in the seed alone; analog networks, which have no spikes
    to be saved, and silent ones have none.
    """
    measure = MEASURES["validation" if by_validation and _have_split(jobs) else "accuracy"]
    groups: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    for job in (job for job in jobs if job.result is not None):
        pair = MEASURES["spikes"].value(job.result), measure.value(job.result)
        if None not in pair and pair[0]:
            groups.setdefault(job.apart_from_seed, []).append(pair)
    common = in_common(jobs)
    return [_point(_label(overrides, common), pairs) for overrides, pairs in groups.items()]


def _label(overrides: tuple[str, ...], common: set[str]) -> str:
    return " ".join(each.lstrip("+") for each in overrides if each not in common) or "all seeds"


def _point(label: str, pairs: list[tuple[float, float]]) -> Point:
    spikes, accuracy = zip(*pairs, strict=True)
    spread = [stdev(each) if len(each) > 1 else 0.0 for each in (spikes, accuracy)]
    return Point(label, fmean(spikes), fmean(accuracy), *spread)


def _have_split(jobs: list[Job]) -> bool:
    with suppress(StopIteration):
        first = next(job.result for job in jobs if job.result is not None)
        return first.last.validation_accuracy is not None
    return False
