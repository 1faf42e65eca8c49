"""Neuron normalisation: a trace of all channels is taken off the spikes."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import Cell, Over, at_rest
from snnexp.layers.signal import Accompanied, Real, Signal, Spikes
from snnexp.limits import Fraction
from snnexp.norms.base import Norm


class NeuNorm(Norm):
    """Behind the neurons of a convolution, an auxiliary neuron at every place of the map follows
    the spikes of all channels there, and its trace is taken off what they send.

        x_t = decay x_(t-1) + (1 - decay) / F^2 sum_f s_(t,f)      x_0 before the first step is 0
        y_(t,f) = s_(t,f) - U_f x_t                                F channels

    The weights U are learned, one for a place or one for each channel there; they start as
    U ~ U(-1, 1) / sqrt(H W). Linear layers have no map and send their spikes as they are.

    What goes on is real, and counted as what it is made of: every spike is added (AC), and the
    trace beside it is multiplied at every timestep (MAC), k^2 C_out H W of a convolution where U is
    shared, since the sum of the weights over the channels is known before, and F times that where
    it is not. The trace itself is not counted, like leaks. memory=lean keeps these values whole.

    One would choose it where neither statistics over a batch nor values per timestep are wanted,
    such as for batches of a few images; it needs a network without an analog form.

    Source: Wu 2019 (survey [51]); its public code has no norm, the shapes and the start of U are
    those of SpikingJelly.

    Args:
        decay: k, share of the trace kept per timestep, in [0, 1].
        shared: whether all channels share U.
        features: channels of the current.
        dimensions: 1 for `[T, B, N]`, 2 for `[T, B, C, H, W]`.
        branches: branches that meet in one neuron; changes nothing here.
    """

    behind_neurons: ClassVar[bool] = True

    def __init__(
        self, decay: Fraction, shared: bool, features: int, dimensions: int, branches: int
    ):
        super().__init__()
        self.steps = Over(*([_Auxiliary(decay, shared)] if dimensions == 2 else []))
        self.alike = features if shared else 1

    def forward(self, x: Float[Tensor, "T B *m"]) -> Float[Tensor, "T B *m"]:
        return self.steps(x)

    def passed(self, signals: list[Signal], values: Tensor) -> Signal:
        """Spikes, accompanied by traces."""
        (signal,) = signals
        if not len(self.steps.cells):
            return signal
        if isinstance(signal, Spikes):
            return Accompanied(signal, steps=len(values), alike=self.alike)
        return Real(len(values))


class _Auxiliary(Cell):
    """The auxiliary neurons of a map; the state is their trace `[B, 1, H, W]`."""

    def __init__(self, decay: float, shared: bool):
        super().__init__()
        self.decay, self.shared = decay, shared

    def sized(self, shape: tuple[int, ...]) -> None:
        """Draws U for a map (C, H, W)."""
        channels, height, width = shape
        bound = (height * width) ** -0.5
        drawn = torch.empty(1 if self.shared else channels, height, width).uniform_(-bound, bound)
        self.weight = nn.Parameter(drawn)

    def initial(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 H W"]:
        return at_rest(x[:, :1])

    def step(
        self, x: Float[Tensor, "B C H W"], state: Float[Tensor, "B 1 H W"]
    ) -> tuple[Float[Tensor, "B C H W"], Float[Tensor, "B 1 H W"]]:
        share = (1 - self.decay) / x.shape[1] ** 2
        trace = self.decay * state + share * x.sum(1, keepdim=True, dtype=state.dtype)
        return x - self.weight * trace, trace
