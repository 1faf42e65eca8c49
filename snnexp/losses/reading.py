"""What a network gives: its scores, and what they were read from."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Reading:
    """What a network says at every timestep of a call, for losses and for whoever measures.

    Not a tensor, and nothing to be indexed or unpacked: whoever takes a value out of it says which
    of the two is meant.

    Args:
        scores: of the classes, at every timestep t what the network says having seen timesteps
            0..t.
        drive: what the readout read: spikes of the output neurons, in their height, where the
            readout is `spiking`, else the current of the output layer; of a timed network spike
            times, of an analog one the output layer's values.
    """

    scores: Float[Tensor, "T B K"]
    drive: Float[Tensor, "T B N"]

    @property
    def answer(self) -> Float[Tensor, "B K"]:
        """The scores at the last timestep, in float32 at least: half precision would round a
        loss.
        """
        return self.scores[-1].to(torch.promote_types(self.scores.dtype, torch.float32))

    def at_end(self) -> "Reading":
        """The last timestep alone."""
        return Reading(self.scores[-1:], self.drive[-1:])


def joined(readings: Sequence[Reading]) -> Reading:
    """Readings of consecutive timesteps as one."""
    scores = torch.cat([reading.scores for reading in readings])
    return Reading(scores, torch.cat([reading.drive for reading in readings]))
