"""Distance of spike trains to a train that is wanted."""

from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from snnexp.limits import Interval, Natural
from snnexp.losses.base import Loss
from snnexp.losses.reading import Reading


class SpikeTrain(Loss):
    """Squared distance of the trains of output neurons to one pattern for the label and silence for
    the others, both seen through exponential filters.

        h(x)(t) = h(x)(t - 1) + (x(t) - h(x)(t - 1)) / time_constant
        L = 1/(2 S) sum_s sum_n sum_t (h^filters_outputs(s_sn)(t) - y_sn h^filters_target(p)(t))^2

    where y is 1 for the neurons of the label and p is the pattern, repeated or cut to T. With one
    filter each it is the distance of van Rossum 2001. Neurons of a class stand side by side, as
    readout voting has them. Choose it where the moments of output spikes are to be trained, which
    rates leave open.

    Source: Zhang & Li 2020 TSSL-BP (survey [54]), whose code filters the target twice; Ledinauskas
    2020 (survey [58]) with a spike at every timestep.

    Args:
        pattern: train of the label, 1 where a spike is wanted.
        time_constant: of the filters, >= 1, in timesteps.
        filters_outputs: how often the trains are filtered, >= 0.
        filters_target: how often the pattern is, >= 0.
    """

    every_timestep: ClassVar[bool] = True
    of_spikes: ClassVar[bool] = True

    def __init__(
        self,
        pattern: list[Literal[0, 1]],
        time_constant: Annotated[float, Interval(1.0)],
        filters_outputs: Natural,
        filters_target: Natural,
    ):
        super().__init__()
        self.pattern = pattern
        self.time_constant = time_constant
        self.filters_outputs = filters_outputs
        self.filters_target = filters_target

    def forward(self, reading: Reading, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
        trains = reading.drive.to(torch.promote_types(reading.drive.dtype, torch.float32))
        seen = torch.tensordot(self._filter(trains, self.filters_outputs), trains, 1)
        label = functional.one_hot(labels, reading.scores.shape[-1]).to(trains.dtype)
        label = label.repeat_interleave(trains.shape[-1] // label.shape[-1], 1)
        wanted = self.wanted(trains)[:, None, None] * label
        return (seen - wanted).square().sum() / (2 * len(labels))

    def wanted(self, trains: Float[Tensor, "T B N"]) -> Float[Tensor, " T"]:
        """The pattern behind its filters, as long as `trains`, in their dtype."""
        steps = len(trains)
        pattern = (self.pattern * steps)[:steps]
        return self._filter(trains, self.filters_target) @ trains.new_tensor(pattern)

    def _filter(self, trains: Tensor, times: int) -> Float[Tensor, "T T"]:
        """The filters, one behind the other, as one matrix over time."""
        steps = torch.arange(len(trains), device=trains.device)
        lag = steps[:, None] - steps
        kept = torch.tensor(1 - 1 / self.time_constant, dtype=trains.dtype, device=trains.device)
        response = kept ** lag.clamp(min=0) / self.time_constant
        return torch.linalg.matrix_power(torch.where(lag >= 0, response, 0.0), times)
