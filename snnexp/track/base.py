"""What every tracker is: an abstract `Tracker`, told of a run's start, its records, its result and
its end.
"""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar


@dataclass(frozen=True)
class Labels:
    """What a run is filed under.

    Args:
        experiment: name of the experiment; None for a run without one.
        choices: the option chosen in each group, such as `{"neuron": "lif", "strategy": "bptt"}`.
        stages: names of the stages, in order.
        overrides: what was set on the command line, such as `neuron.leak=0.9`; in a sweep, for this
            job.
        sweep: name of the sweep's folder; None for a single run.
    """

    experiment: str | None
    choices: Mapping[str, str | None]
    stages: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    sweep: str | None = None

    @property
    def group(self) -> str:
        """The sweep; for a single run the experiment, "train" where there is none."""
        return self.sweep or self.experiment or "train"

    @property
    def tags(self) -> tuple[str, ...]:
        """The chosen options with their groups, such as `encoder:direct`."""
        chosen = (each for each in self.choices.items() if each[0] != "tracker")
        return tuple(
            f"{group}:{option}"
            for group, option in chosen
            if "@" not in group and option not in (None, "none")
        )


class Tracker(abc.ABC):
    """Somebody else's record of a run. It may raise any error at any time: the run goes on without
    it.
    """

    package: ClassVar[str | None] = None
    """What has to be installed for it, an extra of this package with the same name; None for
    nothing.
    """
    in_address: ClassVar[bool] = False
    """Whether its settings `project` and `entity` become parts of an address of W&B."""

    @abc.abstractmethod
    def start(self, run_dir: Path, config: dict[str, Any], labels: Labels) -> None:
        """A run begins, with its resolved configuration; whatever the tracker writes goes into
        `run_dir`.
        """

    @abc.abstractmethod
    def log(self, record: dict[str, Any]) -> None:
        """One epoch or evaluation: a flat dict such as `{"stage": "bptt", "epoch": 3, "train/loss":
        0.1, "test/accuracy": 96.5}`.
        """

    @abc.abstractmethod
    def result(self, result: dict[str, Any]) -> None:
        """The run's result, as in `result.json` (docs/result.md)."""

    @abc.abstractmethod
    def finish(self, exit_code: int) -> None:
        """The run has ended; 0 is success."""
