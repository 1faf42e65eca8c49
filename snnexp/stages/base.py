"""What a stage is, and what it works with."""

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from snnexp.checkpoint import Checkpoints
from snnexp.datasets.batches import Batches
from snnexp.evaluate import Evaluator
from snnexp.network import Blueprint, Network
from snnexp.stages.execution import Execution
from snnexp.timed_evaluate import TimedEvaluator
from snnexp.track.muted import Muted
from snnexp.track.trackers import Trackers


@dataclass(frozen=True)
class Session:
    """What every stage of a run shares."""

    blueprint: Blueprint
    train: Batches
    validation: Batches | None
    test: Batches
    evaluator: Evaluator | TimedEvaluator
    trackers: Trackers | Muted | None
    device: torch.device
    precision: torch.dtype
    execution: Execution
    selection: str
    evaluate_every: int
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    epochs_before: int = 0
    """Epochs of earlier stages: what is random about an epoch depends on its number in the run, so that no stage repeats another's."""
    earlier: Mapping[str, Network] = field(default_factory=dict)
    """What stages before have left that a later one is taught by, by name."""
    class_names: tuple[str, ...] = ()
    """What the network is to tell apart, in the order of its scores."""


@dataclass
class Outcome:
    """A network and what its making has shown, by the names of the result file."""

    network: Network
    shown: dict


class Stage(abc.ABC):
    """One step of a training strategy: network in, network out.

    A stage may change the form of the network. It neither writes results nor reads the configuration.
    """

    @abc.abstractmethod
    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        """Runs the stage.

        Args:
            name: the name under which the strategy lists the stage.
            network: what the stage before left; None for the first.
            session: data, evaluation and trackers.
        """


Factory = Callable
"""A nested component of the configuration, handed over as a constructor that waits for what code provides."""
