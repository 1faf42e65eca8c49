"""The jobs of the queue: runs of experiments, each with a folder of its own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from snnexp.errors import ConfigError
from snnexp.reproduce.processor import multiplies_bfloat16

LEAST = 0.25
"""Weight of an experiment that serves no row."""


@dataclass(frozen=True)
class Job:
    """A run of an experiment.

    Args:
        experiment: its name.
        seed: of the run, from 1 for the first of several.
        settings: overrides of the experiment.
        start: the experiment whose network the first stage takes over; None where it trains its
            own.
        stage: name of that stage.
        weight: how much a figure of it says.
    """

    experiment: str
    seed: int
    settings: tuple[str, ...] = ()
    start: str | None = None
    stage: str = "pretrain"
    weight: float = LEAST

    @property
    def name(self) -> str:
        return f"{self.experiment}/s{self.seed}"

    @property
    def first(self) -> "str | None":
        """The name of the job that has to be finished before this one."""
        return None if self.start is None else f"{self.start}/s{self.seed}"

    def folder(self, runs: Path) -> Path:
        """Of the run."""
        return runs / self.name

    def words(self, runs: Path) -> list[str]:
        """What stands behind `snnexp train`, but for the folder of the run."""
        taken = [] if self.start is None else self._taking_over(runs / f"{self.start}/s{self.seed}")
        return [f"+experiment={self.experiment}", *self.settings, *taken, f"seed={self.seed}"]

    def _taking_over(self, folder: Path) -> list[str]:
        stage = f"strategy.stages.{self.stage}"
        return [f"{stage}.start='{folder}'", f"{stage}.epochs=0"]


def jobs(
    names: Iterable[str],
    references: Mapping[str, Mapping[str, Any]],
    replicates: int,
    settings: tuple[str, ...] = (),
) -> list[Job]:
    """The jobs for rows and experiments of these names, with those that they start from; all of the
    plan where none is named.

    Args:
        names: of rows of the survey and of experiments.
        references: of each experiment there is, the published result that it stands for.
        replicates: runs of each, with seeds from 1.
        settings: overrides of all, behind those of the plan.

    Raises:
        ConfigError: there is no such row or experiment.
    """
    plan = _plan()
    chosen = dict.fromkeys(
        experiment for name in names for experiment in _meant(name, references)
    ) or dict.fromkeys(plan)
    for name in [*chosen]:
        if start := plan.get(name, {}).get("start"):
            chosen.setdefault(start)
    return [
        _job(name, seed, plan, references, settings)
        for name in chosen
        for seed in range(1, replicates + 1)
    ]


def _job(
    name: str,
    seed: int,
    plan: Mapping[str, Any],
    references: Mapping[str, Any],
    settings: tuple[str, ...],
) -> Job:
    said = plan.get(name) or {}
    rows = len(references.get(name, {}).get("rows", ()))
    weight = float(said.get("weight", max(rows, LEAST)))
    half = ["precision=bfloat16"] if said.get("half") and multiplies_bfloat16() else []
    return Job(
        name,
        seed,
        (*half, *said.get("set", ()), *settings),
        said.get("start"),
        said.get("stage", "pretrain"),
        weight,
    )


def _meant(name: str, references: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if name in references:
        return [name]
    serving = [
        experiment
        for experiment, reference in references.items()
        if name in reference.get("rows", ())
    ]
    if not serving:
        raise ConfigError(
            f"{name}: neither an experiment nor a row that one serves (`snnexp list` and "
            "`snnexp table` show them)"
        )
    return serving[:1]


def _plan() -> dict[str, Any]:
    return yaml.safe_load((files("snnexp.reproduce") / "plan.yaml").read_text())
