"""A pass through a timed network in discrete time: how well it decides with timesteps of a
length.
"""

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from snnexp.datasets.batches import Batches
from snnexp.distributed import gathered
from snnexp.measure.predictions import Kept
from snnexp.measure.presented import presented
from snnexp.network.network import Network
from snnexp.timed.discrete import Output, clocked, output_of


class DiscretePass:
    """Decisions in discrete time, over all images seen.

    Args:
        step: length of a timestep.
        read_at: numbers of the timesteps after which the class is read, from 1; ends with the last.
    """

    def __init__(self, step: float, read_at: range):
        self.step = step
        self.read_at = read_at
        self.images = 0
        self.correct = torch.zeros(len(read_at), dtype=torch.float64)
        """Images whose class was right, by the place in `read_at`."""
        self.tied = 0
        """Images whose earliest output spikes share a timestep."""
        self.undecided = 0
        """Images without an output spike."""
        self.decisions: list[Tensor] = []
        """Timesteps of the decisions, batch by batch."""

    @property
    def timesteps(self) -> int:
        """How many timesteps it takes."""
        return self.read_at[-1]

    def see(self, output: Output, labels: Int[Tensor, "B"]) -> Int[Tensor, "B T"]:
        """Takes in what the output layer says of a batch; the answers at every timestep read."""
        decisions = output.decisions()
        answers = torch.stack([output.labels_at(step, decisions) for step in self.read_at], 1)
        self.correct += (answers == labels[:, None]).sum(0).cpu()
        late = decisions.step > self.timesteps
        self.images += len(labels)
        self.tied += int((decisions.tied & ~late).sum())
        self.undecided += int(late.sum())
        self.decisions.append(decisions.step[~late].cpu())
        return answers

    def gather(self) -> None:
        """Takes in what other processes have seen."""
        own = self.images, self.correct, self.tied, self.undecided, self.decisions
        images, correct, tied, undecided, decisions = zip(*gathered(own), strict=True)
        self.images = sum(images)
        self.correct = torch.stack(correct).sum(0)
        self.tied = sum(tied)
        self.undecided = sum(undecided)
        self.decisions = [batch for part in decisions for batch in part]

    def accuracies(self) -> list[float]:
        """Percent of the images whose class was right, after each timestep that is read."""
        return (self.correct * (100.0 / self.images)).tolist()

    def shown(self) -> dict[str, Any]:
        """What the result file says of it as one resolution of several."""
        decisions = torch.cat(self.decisions)
        return {
            "timesteps": self.timesteps,
            "step": self.step,
            "accuracy": self.accuracies()[-1],
            "ties": 100.0 * self.tied / self.images,
            "undecided": 100.0 * self.undecided / self.images,
            "decision_step": float(decisions.mean()) if len(decisions) else None,
        }


@torch.no_grad()
def discrete_pass(
    network: Network, batches: Batches, step: float, read_at: range, kept: Kept | None = None
) -> DiscretePass:
    """Runs a timed network in timesteps of `step`; arguments as those of `DiscretePass`. The
    answers go into `kept`, if there is one.
    """
    seen = DiscretePass(step, read_at)
    with clocked(network.body, step, seen.timesteps):
        for batch in presented(batches, seen.timesteps):
            times = network.encoder(batch.input, range(1), batch.keys)
            answers = seen.see(output_of(network.body, times, step), batch.labels)
            if kept is not None:
                kept.append((batch.keys, batch.labels, answers))
    seen.gather()
    return seen
