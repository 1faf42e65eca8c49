"""How a training pass is carried out: memory and time, not what is computed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from snnexp import distributed
from snnexp.layers.lean import Everything, Keeping, Little
from snnexp.losses.reading import Reading
from snnexp.network.network import Network
from snnexp.network.parts import keep
from snnexp.training.segments import number_of_segments, segmented

TrainingPass = Callable[[Network, range], nn.Module]
"""From a network and timesteps to the training pass in which it is trained."""


@dataclass(frozen=True)
class Execution:
    """Settings of the training pass.

    Args:
        memory: "lean" keeps bits for spikes and normalises again in the backward pass.
        time_segments: parts of the sequence of which only the first state is kept; "auto" is about
            sqrt(T) from T = 16 on.
        compile: whether torch.compile translates the network.
    """

    memory: Literal["default", "lean"]
    time_segments: int | Literal["auto"]
    compile: bool

    def forward(
        self, network: Network, steps: range, training_pass: TrainingPass | None = None
    ) -> nn.Module:
        """A module from (images, keys) to a `Reading` that trains `network` on `steps`, through
        time unless `form` says how.
        """
        keep(network, self.keeping(steps))
        forward = (
            Forward(network, steps, self.segments(steps))
            if training_pass is None
            else training_pass(network, steps)
        )
        if self.compile:
            forward.compile(dynamic=False)
        return forward if distributed.processes() == 1 else DistributedDataParallel(forward)

    def keeping(self, steps: range) -> Keeping:
        """What units keep. Of segments that are computed again nothing is kept, and what a unit
        keeps would be in the way.
        """
        lean = self.memory == "lean" and self.segments(steps) == 1
        return Little() if lean else Everything()

    def segments(self, steps: range) -> int:
        """Into how many parts these timesteps are divided."""
        return number_of_segments(self.time_segments, len(steps))


class Forward(nn.Module):
    """A training pass over fixed timesteps.

    Args:
        network: what is trained.
        steps: the timesteps.
        segments: parts of the sequence that are computed again in the backward pass; 1 for none.
    """

    def __init__(self, network: Network, steps: range, segments: int):
        super().__init__()
        self.network = network
        self.steps = steps
        self.segments = segments

    def forward(self, images: Float[Tensor, "B *sample"], keys: Int[Tensor, "B"]) -> Reading:
        if self.segments == 1:
            return self.network(images, self.steps, keys)
        return segmented(self.network, images, self.steps, keys, self.segments)
