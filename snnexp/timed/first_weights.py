"""What the weights of a timed network are at first."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True)
class FirstWeights:
    """How the first weights of a layer are drawn, by the time that its neurons then fire at.

    Weights start as N or U of mean drive / N and standard deviation deviation / N times the
    threshold, N the fan-in: `drive` is then the sum of a neuron's weights in thresholds, which for
    if_exp has to exceed 1 for a neuron to fire at all; biases start at 0. With a `gain` in place of
    a deviation

        w_ji = theta drive (1 / N + gain (e_ji - e_j) / sqrt(N)),   e_ji of mean 0 and variance 1,

    e_j their mean over the inputs, in a convolution for each place of the kernel. Every neuron's
    weights then add up to the drive, at the border of a map to the share of the kernel that lies
    within. Inputs that all arrive before the neuron fires, at times t_i that differ by little, make
    it fire at sum_i w_ji t_i / (theta drive) and a delay that all neurons share: with gain = 1
    differences between spike times keep their size from layer to layer. Of if_delta, which fires at
    one of the t_i, that is not so; dropout, pulses and delays change it.

    A deviation is what the papers have, and does for a layer or two; a gain is worth choosing for
    deeper networks.

    Args:
        distribution: of the noise.
        drive: per layer, the last for all further ones.
        deviation: per layer, the last for all further ones; None for a gain.
        gain: of differences between spike times at first, >= 0; None for a deviation.

    Raises:
        ValueError: no drive; neither a deviation nor a gain, or both.
    """

    distribution: Literal["uniform", "normal"]
    drive: list[float]
    deviation: list[float] | None
    gain: float | None

    def __post_init__(self) -> None:
        if not self.drive or self.deviation == []:
            raise ValueError(
                "drive and deviation need a number at least; set form.drive=[4.0] of the stage"
            )
        if self.deviation is None and self.gain is None:
            raise ValueError(
                "first weights need a deviation or a gain; set form.gain=1.0 of the stage"
            )
        if self.deviation is not None and self.gain is not None:
            raise ValueError(
                "a gain takes the place of the deviation; set form.deviation=null of the stage"
            )

    def draw(
        self,
        layer: nn.Conv2d | nn.Linear,
        threshold: float,
        place: int,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "O *n"]:
        """First weights for a layer; it is left as it is.

        Args:
            layer: what they are for.
            threshold: of its neurons.
            place: of the layer in the order of the forward pass, from 0.
            generator: what the noise is drawn by, None for torch's own.
        """
        size = layer.weight[0].numel()
        drive = _of_layer(self.drive, place)
        noise = self._noise(layer.weight.shape, generator)
        if self.gain is None:
            deviation = _of_layer(self.deviation, place)
            return (drive + deviation * noise) * (threshold / size)
        balanced = noise - noise.mean(1, keepdim=True)
        return (1 + self.gain * size**0.5 * balanced) * (drive * threshold / size)

    @torch.no_grad()
    def start(self, layer: nn.Conv2d | nn.Linear, threshold: float, place: int) -> None:
        """Gives a layer first weights, in place; its biases are 0."""
        layer.weight.copy_(self.draw(layer, threshold, place))
        if layer.bias is not None:
            layer.bias.zero_()

    def _noise(self, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        """Of mean 0 and variance 1."""
        noise = torch.empty(shape)
        if self.distribution == "normal":
            return noise.normal_(generator=generator)
        return noise.uniform_(-(3**0.5), 3**0.5, generator=generator)


def _of_layer(values: list[float], place: int) -> float:
    return values[min(place, len(values) - 1)]
