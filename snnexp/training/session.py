"""What every stage of a run works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from snnexp.datasets.batches import Batches
from snnexp.measure.evaluator import Evaluation
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.runs.checkpoint import Checkpoints
from snnexp.track.muted import Muted
from snnexp.track.trackers import Trackers
from snnexp.training.execution import Execution
from snnexp.training.outlook import Outlook


@dataclass(frozen=True)
class Session:
    """What every stage of a run shares."""

    blueprint: Blueprint
    train: Batches
    validation: Batches | None
    test: Batches
    evaluator: Callable[..., Evaluation]
    trackers: Trackers | Muted | None
    device: torch.device
    precision: torch.dtype
    execution: Execution
    selection: str
    evaluate_every: int
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    epochs_before: int = 0
    """Epochs of earlier stages: what is random about an epoch depends on its number in the run, so
    that no stage repeats another's.
    """
    earlier: Mapping[str, Network] = field(default_factory=dict)
    """What stages before have left that a later one is taught by, by name."""
    outlook: Outlook = field(default_factory=Outlook)
    """What the run will take."""
    class_names: tuple[str, ...] = ()
    """What the network is to tell apart, in the order of its scores."""
    timestep: str | None = None
    """What a timestep of the samples is, in words, where they are frames over time."""

    def timestep_of(self, network: Network) -> dict[str, str]:
        """What a timestep of a network is, as a field of its result: where it sees one frame of
        events at each.
        """
        by_frame = network.form == "spiking" and self.blueprint.encoder.by_frame
        return {"timestep_is": self.timestep} if by_frame and self.timestep else {}

    def accuracy(self, network: Network) -> float:
        """The accuracy of a network on the test set, in percent."""
        return self.evaluator(network, self.test).accuracy
