"""Leaky integrate-and-fire neurons with refractory period and lateral inhibition."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import at_rest
from snnexp.limits import Fraction, NonNegative, Positive
from snnexp.neurons.base import Neuron

SMALLEST = 1e-3
"""A threshold below it would turn rounding errors into spikes."""


class LateralLIF(Neuron):
    """Leaky neurons that take in less right after a spike of their own, and hold down the others of
    their layer when they fire.

        r = min(1, (d / refractory)^2)                   d timesteps since the last spike of its own
        u = leak v + r x                                          charge
        s = 1[u >= threshold]                                     fire
        v = u - threshold (s + inhibition sum_(j != i) s_j)       reset, inhibit

    The others are the neurons of a linear layer, or those of the other channels at the same place
    of a map. The threshold is learned, one per layer until `spread` gives every feature its own.

    Source: Lee 2016 (survey [44]); its kappa sigma is -inhibition, in steps of time instead of
    events.

    Args:
        leak: share of the potential kept per timestep, in [0, 1]; exp(-step / membrane time
            constant).
        refractory: timesteps until the input counts in full again, >= 0; at most 1 is no refractory
            period.
        inhibition: what a spike takes from each of the others, >= 0, as a fraction of their
            threshold.
        threshold: potential at which a spike is fired, > 0, in units of the input current.
        surrogate: potential minus threshold to spikes, with a slope for backpropagation through
            time.
    """

    def __init__(
        self,
        leak: Fraction,
        refractory: NonNegative,
        inhibition: NonNegative,
        threshold: Positive,
        surrogate: nn.Module,
    ):
        super().__init__()
        self.leak = leak
        self.refractory = refractory
        self.inhibition = inhibition
        self.surrogate = surrogate
        self.threshold = nn.Parameter(torch.tensor([float(threshold)]))
        self.features = 1
        self.rates: dict[str, float] = {}
        """What the learning rate of thresholds is multiplied by; a stage may say so."""

    def sized(self, shape: tuple[int, ...]) -> None:
        """Takes the number of features, which are the neurons of a linear layer or the channels of
        a map.
        """
        self.features = shape[0]

    @torch.no_grad()
    def spread(self, value: float) -> None:
        """Gives every feature a threshold of its own, `value` to start with."""
        self.threshold = nn.Parameter(self.threshold.new_full((self.features,), value))

    def make_room(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Spreads thresholds that have been spread before they were saved."""
        if shapes.get("threshold") == (self.features,) != tuple(self.threshold.shape):
            self.spread(1.0)

    @torch.no_grad()
    def shift(self, change: Float[Tensor, " f"]) -> None:
        """Adds to the thresholds, which stay above zero. What autograd has kept of them stays as
        it was.
        """
        self.threshold.data = (self.threshold + change).clamp(min=SMALLEST)

    @torch.no_grad()
    def bound(self) -> None:
        """Keeps the learned thresholds above zero."""
        self.threshold.clamp_(min=SMALLEST)

    def threshold_of(self, x: Float[Tensor, "B *n"]) -> Float[Tensor, "f *m"]:
        """The thresholds in the form that goes with a current `[B, *n]`."""
        return self.threshold.to(torch.promote_types(x.dtype, torch.float32)).view(
            -1, *[1] * (x.dim() - 2)
        )

    def initial(self, x: Float[Tensor, "B *n"]) -> tuple[Tensor, Tensor]:
        return at_rest(x), at_rest(x, self.refractory)

    def step(
        self, x: Float[Tensor, "B *n"], state: tuple[Tensor, Tensor]
    ) -> tuple[Float[Tensor, "B *n"], tuple[Tensor, Tensor]]:
        v, since = state
        if self.refractory > 1:
            since = since + 1
            x = x * (since / self.refractory).clamp(max=1).square()
        u = torch.add(x.to(v.dtype), v, alpha=self.leak)
        threshold = self.threshold_of(x)
        s = self.surrogate(u - threshold)
        # Written with as few passes over memory as it takes: s + inhibition (sum - s).
        pressed = (
            torch.add(self.inhibition * s.sum(1, keepdim=True), s, alpha=1 - self.inhibition)
            if self.inhibition
            else s
        )
        return s, (
            torch.addcmul(u, threshold, pressed, value=-1),
            since * (1 - s.detach()) if self.refractory > 1 else since,
        )
