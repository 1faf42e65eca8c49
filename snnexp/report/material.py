"""What a report is made of, run by run."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from snnexp.report.answers import Answers
from snnexp.report.charts.raster import Band
from snnexp.report.charts.traces import Panel
from snnexp.report.comparison import Run
from snnexp.report.labels import labels, seeds_together

FEW = 4
"""Runs up to which each has pictures of its own."""


@dataclass(frozen=True)
class Glimpse:
    """What a network does with one image.

    Args:
        image: its number in the test set.
        label: the right answer.
        answers: that after every timestep; None where no class is ahead.
        bands: who fires when, of some neurons of every layer.
        panels: potentials of fewer of them.
        timesteps: how many of them are shown.
    """

    image: int
    label: str
    answers: tuple[str | None, ...]
    bands: tuple[Band, ...]
    panels: tuple[Panel, ...]
    timesteps: int


@dataclass(frozen=True)
class Subject:
    """One run of a report.

    Args:
        run: with its result.
        records: of its epochs, as `metrics.jsonl` has them.
        answers: to the test images; None where they are not kept.
        damaged: what is wrong with answers that are kept, in words.
        glimpses: of the network at work.
        unseen: why there are none, in words.
    """

    run: Run
    records: tuple[Mapping[str, Any], ...] = ()
    answers: Answers | None = None
    damaged: str = ""
    glimpses: tuple[Glimpse, ...] = ()
    unseen: str = ""


@dataclass(frozen=True)
class Sweep:
    """The jobs of a sweep as a table.

    Args:
        name: its folder.
        head: names of the columns.
        rows: of the jobs.
        means: rows of means over seeds.
        remarks: what stands below the table.
    """

    name: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    means: tuple[tuple[str, ...], ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Material:
    """All that a report is made of."""

    subjects: tuple[Subject, ...]
    sweeps: tuple[Sweep, ...] = ()

    @cached_property
    def runs(self) -> list[Run]:
        """The runs."""
        return [subject.run for subject in self.subjects]

    @cached_property
    def names(self) -> list[str]:
        """What the runs are called, by what tells them apart."""
        return labels(self.runs)

    @cached_property
    def groups(self) -> dict[str, list[Run]]:
        """Runs that differ in the seed alone, by what they are called."""
        return seeds_together(self.runs)

    @property
    def few(self) -> bool:
        """Whether each run has pictures of its own."""
        return len(self.subjects) <= FEW

    def named(self) -> list[tuple[str, Subject]]:
        """The runs with what they are called."""
        return [*zip(self.names, self.subjects, strict=True)]
