"""A sweep as a table: its jobs, mean and deviation over seeds, and the best trial of a search."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from snnexp.cli.sweep_jobs import Job, objectives_of
from snnexp.files.visible import one_line
from snnexp.report.front import front
from snnexp.report.lines import FLAGGED, PREFIXES
from snnexp.results.run import RunResult


@dataclass(frozen=True)
class Measure:
    """A column: what it shows of a result, and how a number of it, or a mean and a deviation, are
    written.
    """

    title: str
    value: Callable[[RunResult], float | None]
    form: Callable[..., str]
    sign: int = -1
    """1 where more is better."""


def _percent(value: float, deviation: float | None = None) -> str:
    return f"{value:.2f}" + ("" if deviation is None else f" ±{deviation:.2f}")


def _count(value: float, deviation: float | None = None) -> str:
    digits = max(0, 2 - len(str(int(abs(value)))) + 1)
    return f"{value:.{digits}f}" + ("" if deviation is None else f" ±{deviation:.{digits}f}")


def _joule(value: float, deviation: float | None = None) -> str:
    """Both in the unit of the first."""
    scale = next((scale for scale in PREFIXES if abs(value) >= scale), 1.0)
    number = _count(value / scale, None if deviation is None else deviation / scale)
    return f"{number} {PREFIXES[scale]}J"


def _seconds(value: float, deviation: float | None = None) -> str:
    scale, unit = (1, "s") if value < 600 else (60, "min")
    spread = "" if deviation is None else f" ±{deviation / scale:.1f}"
    return f"{value / scale:.1f}{spread} {unit}"


def train_seconds(result: RunResult) -> float | None:
    """What training took in all stages together."""
    blocks = list(result.stages.values()) or [result.last]
    known = [each.train_seconds for each in blocks if each.train_seconds is not None]
    return sum(known) if known else None


def energy(result: RunResult) -> float | None:
    """Energy of the operations for one image, in joule."""
    operations = result.last.operations
    return None if operations is None else operations.energy_joule


MEASURES = {
    "validation": Measure("val. %", lambda r: r.last.validation_accuracy, _percent, 1),
    "accuracy": Measure("test %", lambda r: r.last.accuracy, _percent, 1),
    "timesteps": Measure("T", lambda r: r.last.timesteps, lambda value, _=None: f"{value:g}"),
    "spikes": Measure("spikes", lambda r: r.last.spikes_per_inference, _count),
    "energy": Measure("energy", energy, _joule),
    "time": Measure("time", train_seconds, _seconds),
}
"""The columns, by name. Spikes and energy are for one test image; time is that of training."""
FEW = 3
"""Settings that have room beside the measures on a narrow terminal."""
LEGEND = (
    "val., test: accuracy on the validation split and the test set after T timesteps; spikes and "
    "energy (45 nm, float32) for one image; time of training"
)


def jobs_table(folder: Path, jobs: list[Job]) -> Table:
    """The jobs of a sweep, one a line, by what sets them apart and what they came to; behind them
    mean and deviation of those that differ in the seed alone.
    """
    title = Text(f"Sweep {one_line(folder)}")
    style = {"box": SIMPLE_HEAD, "padding": (0, 1, 0, 0), "collapse_padding": True}
    table = Table(title=title, title_justify="left", **style)
    keys, measures = _keys(jobs), shown_measures(jobs)
    states = any(job.result is None for job in jobs)
    for name in ("job", *_headers(keys), *(["status"] if states else [])):
        table.add_column(name, overflow="fold", no_wrap=len(keys) <= FEW)
    for measure in measures:
        table.add_column(measure.title, justify="right", overflow="fold")
    for job in jobs:
        state = [job.status] if states else []
        _add(table, [job.number, *_settings(job, keys), *state, *_values(job, measures)])
    table.add_section()
    for group in over_seeds(jobs):
        settings = _settings(group[0], keys, without="seed")
        state = [""] if states else []
        _add(table, [f"mean/{len(group)}", *settings, *state, *_means(group, measures)])
    return table


def _add(table: Table, cells: list[str]) -> None:
    table.add_row(*(Text(one_line(cell)) for cell in cells))


def _headers(keys: list[str]) -> list[str]:
    """The last parts of the keys, and the whole ones where these are not enough."""
    last = ["T" if key == "timesteps" else key.rpartition(".")[2] for key in keys]
    return [short if last.count(short) == 1 else key for key, short in zip(keys, last, strict=True)]


def _keys(jobs: list[Job]) -> list[str]:
    """The keys in which jobs differ."""
    common = in_common(jobs)
    differing = (each for job in jobs for each in job.overrides if each not in common)
    return list(dict.fromkeys(each.lstrip("+").partition("=")[0] for each in differing))


def _settings(job: Job, keys: list[str], without: str | None = None) -> list[str]:
    given = dict(each.lstrip("+").partition("=")[::2] for each in job.overrides)
    return ["" if key == without else _short(given.get(key, "")) for key in keys]


def _short(value: str) -> str:
    """A number that a search has drawn with the digits that tell."""
    return f"{float(value):.4g}" if re.fullmatch(r"-?\d+\.\d{5,}(e-?\d+)?", value) else value


def shown_measures(jobs: list[Job]) -> list[Measure]:
    """The columns in which any job has a value, without T where it is one of the settings."""
    results = [job.result for job in jobs if job.result is not None]
    swept = "timesteps" in _keys(jobs)
    return [
        each
        for name, each in MEASURES.items()
        if any(each.value(result) is not None for result in results)
        and not (swept and name == "timesteps" and _as_set(jobs))
    ]


def _as_set(jobs: list[Job]) -> bool:
    """Whether every network ran for as many timesteps as its setting says."""
    return all(
        _settings(job, ["timesteps"]) == [str(job.result.last.timesteps)]
        for job in jobs
        if job.result is not None
    )


def in_common(jobs: list[Job]) -> set[str]:
    """The arguments that all jobs share."""
    return set.intersection(*(set(job.overrides) for job in jobs)) if len(jobs) > 1 else set()


def over_seeds(jobs: list[Job]) -> list[list[Job]]:
    """The finished jobs that differ in the seed alone, where there are several."""
    groups: dict[tuple[str, ...], list[Job]] = {}
    for job in jobs:
        if job.result is not None:
            groups.setdefault(job.apart_from_seed, []).append(job)
    return [group for group in groups.values() if len(group) > 1]


def mean_and_deviation(group: list[Job], measure: Measure) -> tuple[float, float] | None:
    """Mean and sample standard deviation over jobs that have the measure; None where not two
    have.
    """
    values = [measure.value(job.result) for job in group if job.result is not None]
    known = [value for value in values if value is not None]
    return (fmean(known), stdev(known)) if len(known) > 1 else None


def _words(overrides: list[str], common: set[str]) -> str:
    return " ".join(each.lstrip("+") for each in overrides if each not in common)


def _values(job: Job, measures: list[Measure]) -> Iterator[str]:
    for measure in measures:
        value = None if job.result is None else measure.value(job.result)
        flag = FLAGGED if job.flags and measure is MEASURES["accuracy"] else ""
        yield "" if value is None else f"{measure.form(value)}{flag}"


def _means(group: list[Job], measures: list[Measure]) -> Iterator[str]:
    for measure in measures:
        found = mean_and_deviation(group, measure)
        yield "" if found is None else measure.form(*found)


def words_below(folder: Path, jobs: list[Job]) -> Iterator[Text]:
    """What does not fit into the table: what the columns are, what went wrong, and what a search
    has found.
    """
    if any(job.result is not None for job in jobs):
        yield Text(LEGEND)
    if over_seeds(jobs):
        yield Text("mean/n: over n seeds, ± the sample standard deviation")
    for job in jobs:
        if job.error:
            yield Text(one_line(f"job {job.number} {job.status}: {job.error}"))
        for flag in job.flags:
            yield Text(one_line(f"job {job.number}{FLAGGED}: {flag}"))
    yield from map(Text, best_trials(jobs, objectives_of(folder)))


def best_trials(jobs: list[Job], objectives: list[str]) -> Iterator[str]:
    """The best trial of a search by what it looks for, or those of which none is worse than another
    in everything.
    """
    measures = [_sought(name, jobs) for name in objectives if name in MEASURES]
    trials = [job for job in jobs if job.result is not None]
    values = [[_signed(each, job) for each in measures] for job in trials]
    if not measures or not trials:
        return
    best = front([tuple(each) for each in values])
    if len(measures) == 1:
        best = best[:1]
    yield "best trial:" if len(measures) == 1 else "front, no trial of which another beats:"
    common = in_common(jobs)
    for place in best:
        job = trials[place]
        yield f"  job {job.number}  {_told(job, measures)}  {_words(job.overrides, common)}"


def _sought(name: str, jobs: list[Job]) -> Measure:
    """What a search judges by: the accuracy on the validation split, where there is one."""
    split = any(job.result and job.result.last.validation_accuracy is not None for job in jobs)
    return MEASURES["validation" if name == "accuracy" and split else name]


def _signed(measure: Measure, job: Job) -> float:
    value = None if job.result is None else measure.value(job.result)
    return float("-inf") if value is None else measure.sign * value


def _told(job: Job, measures: list[Measure]) -> str:
    words = [
        f"{each.title} {value}"
        for each, value in zip(measures, _values(job, measures), strict=True)
    ]
    if MEASURES["accuracy"] in measures:
        return "  ".join(words)
    (test,) = _values(job, [MEASURES["accuracy"]])
    return "  ".join([*words, f"(test % {test}, by which it was not chosen)"])
