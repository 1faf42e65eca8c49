"""What the kernels for CUDA devices are given; it can be imported where there is no Triton."""

from dataclasses import dataclass

from jaxtyping import Float, Int32
from torch import Tensor


@dataclass(frozen=True)
class Layer:
    """What a layer's inputs are and which of them each row sees.

    Args:
        times: of the inputs at each pixel.
        z: exponentials that the factors of the two sums are made of; None where they have none.
        seen: pixel that a row sees at each tap, -1 for none.
        kind: of the neuron.
    """

    times: Float[Tensor, "X C"]
    z: Float[Tensor, "X C"] | None
    seen: Int32[Tensor, "R K"]
    kind: str


@dataclass(frozen=True)
class Lists:
    """The inputs of each pixel in the order of their times, those that never come last.

    Args:
        layer: times and exponentials in this order.
        channels: number of the input at its pixel.
        sizes: how many of a pixel's arrive at all.
        early: how many of a row's come before time 0, where the bias fires.
        count: how many events a row has, with the bias.
    """

    layer: Layer
    channels: Int32[Tensor, "X C"]
    sizes: Int32[Tensor, "X"]
    early: Int32[Tensor, "R"]
    count: Int32[Tensor, "R"]


@dataclass(frozen=True)
class Numbers:
    """The neuron's constants.

    Args:
        threshold: at which it fires.
        time_constant: 1 for a neuron without.
        horizon: time from which on no spike counts.
        z_horizon: the exponential of a spike at the horizon, 0 for a neuron without.
    """

    threshold: float
    time_constant: float
    horizon: float
    z_horizon: float
