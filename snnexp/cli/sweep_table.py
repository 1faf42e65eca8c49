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

Words = Callable[[float, float | None], str]
"""Writes a number, or a mean and a deviation."""


@dataclass(frozen=True)
class Measure:
    """A column: what it shows of a result, and how its numbers are written, all of them in the
    unit that the largest has.
    """

    title: str
    value: Callable[[RunResult], float | None]
    written: Callable[[float], tuple[str, Words]]
    """From the largest number of a column to its unit, and how its numbers are written in that."""
    sign: int = -1
    """1 where more is better."""

    def form(self, value: float) -> str:
        """A number by itself, with its unit."""
        unit, words = self.written(abs(value))
        return f"{words(value, None)} {unit}".strip()


Written = tuple[Measure, Words]
"""A column with how its numbers are written."""


def _scaled(scale: float, digits: Callable[[float], int]) -> Words:
    def words(value: float, deviation: float | None) -> str:
        decimals = digits(value / scale)
        number = f"{value / scale:.{decimals}f}"
        return number if deviation is None else f"{number} ±{deviation / scale:.{decimals}f}"

    return words


def _three(value: float) -> int:
    """Decimals with which a number has three digits."""
    return max(0, 3 - len(str(int(abs(value)))))


def _percent(largest: float) -> tuple[str, Words]:
    return "%", _scaled(1.0, lambda value: 2 if abs(value) < 100 else 1)


def _whole(largest: float) -> tuple[str, Words]:
    return "", lambda value, deviation: f"{value:g}"


def _count(largest: float) -> tuple[str, Words]:
    return "", _scaled(1.0, _three)


def _joule(largest: float) -> tuple[str, Words]:
    scale = next((scale for scale in PREFIXES if largest >= scale), 1.0)
    return f"{PREFIXES[scale]}J", _scaled(scale, _three)


def _seconds(largest: float) -> tuple[str, Words]:
    scale, unit = (1.0, "s") if largest < 600 else (60.0, "min")
    return unit, _scaled(scale, lambda value: 1)


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
    "validation": Measure("val.", lambda r: r.last.validation_accuracy, _percent, 1),
    "accuracy": Measure("test", lambda r: r.last.accuracy, _percent, 1),
    "timesteps": Measure("T", lambda r: r.last.timesteps, _whole),
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


@dataclass(frozen=True)
class Cells:
    """A sweep as text: the jobs, one a row, by what sets them apart and what they came to; and mean
    and deviation of those that differ in the seed alone.
    """

    settings: tuple[str, ...]
    measures: tuple[str, ...]
    rows: list[list[str]]
    means: list[list[str]]


def cells_of(jobs: list[Job]) -> Cells:
    """The table of the jobs."""
    keys, measures = _keys(jobs), shown_measures(jobs)
    columns = [_column(measure, jobs) for measure in measures]
    written = [(measure, words) for measure, (_, words) in zip(measures, columns, strict=True)]
    states = any(job.result is None for job in jobs)
    rows = [
        [job.number, *_settings(job, keys), *_state(states, job.status), *_values(job, written)]
        for job in jobs
    ]
    means = [_mean_row(group, keys, written, states) for group in over_seeds(jobs)]
    head = ("job", *_headers(keys), *_state(states, "status"))
    return Cells(head, tuple(title for title, _ in columns), rows, means)


def _state(shown: bool, word: str) -> list[str]:
    return [word] if shown else []


def _mean_row(group: list[Job], keys: list[str], written: list[Written], states: bool) -> list[str]:
    settings = _settings(group[0], keys, without="seed")
    return [f"mean/{len(group)}", *settings, *_state(states, ""), *_means(group, written)]


def jobs_table(folder: Path, jobs: list[Job]) -> Table:
    """The jobs of a sweep for a terminal, and behind them the means over seeds."""
    title = Text(f"Sweep {one_line(folder)}")
    style = {"box": SIMPLE_HEAD, "padding": (0, 1, 0, 0), "show_edge": False}
    table = Table(title=title, title_justify="left", **style)
    cells = cells_of(jobs)
    for name in cells.settings:
        table.add_column(name, overflow="fold", no_wrap=len(_keys(jobs)) <= FEW)
    for name in cells.measures:
        table.add_column(name, justify="right", overflow="fold")
    for row in cells.rows:
        _add(table, row)
    table.add_section()
    for row in cells.means:
        _add(table, row)
    return table


def _column(measure: Measure, jobs: list[Job]) -> tuple[str, Words]:
    """The title of a column with its unit, and how its numbers are written."""
    values = (measure.value(job.result) for job in jobs if job.result is not None)
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    unit, words = measure.written(largest)
    return f"{measure.title} {unit}".strip(), words


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


def _values(job: Job, written: list[Written]) -> Iterator[str]:
    for measure, words in written:
        value = None if job.result is None else measure.value(job.result)
        flag = FLAGGED if job.flags and measure is MEASURES["accuracy"] else ""
        yield "" if value is None else f"{words(value, None)}{flag}"


def _means(group: list[Job], written: list[Written]) -> Iterator[str]:
    for measure, words in written:
        found = mean_and_deviation(group, measure)
        yield "" if found is None else words(*found)


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
    yield from map(Text, map(one_line, _flags(jobs)))
    yield from map(Text, best_trials(jobs, objectives_of(folder)))


def _flags(jobs: list[Job]) -> Iterator[str]:
    """What results have flags for, each kind once, with the jobs that have it."""
    found: dict[str, list[str]] = {}
    for job in jobs:
        for flag in job.flags:
            kind, _, told = flag.partition(": ")
            found.setdefault(kind, []).append(f"job {job.number} {told}".strip())
    for kind, told in found.items():
        yield f"{FLAGGED.strip()} {kind}: {', '.join(told)}"


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
    words = [_figure(each, job) for each in measures]
    if MEASURES["accuracy"] in measures:
        return "  ".join(words)
    return "  ".join(
        [*words, f"({_figure(MEASURES['accuracy'], job)}, by which it was not chosen)"]
    )


def _figure(measure: Measure, job: Job) -> str:
    """Such as `val. 97.50 %`."""
    value = None if job.result is None else measure.value(job.result)
    return f"{measure.title} {'-' if value is None else measure.form(value)}"
