"""Leaky integrate-and-fire neurons whose thresholds rise with every spike of their own."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import State, at_rest
from snnexp.limits import Fraction, Natural, NonNegative, Positive
from snnexp.neurons.base import Neuron


class ALIF(Neuron):
    """Neurons some of which fire less readily the more they have fired, and remember by it.

        u = leak v + (1 - leak) x                                 charge
        b = decay b + (1 - decay) s(t - 1)                        adaptation
        B = threshold + strength b  (of the share that adapts),  threshold  (of the others)
        s = 1[u >= B],  0 within `refractory` steps of a spike    fire
        v = u - B s                                               reset

    The surrogate takes the relative distance (u - B) / B, so that its slope is per unit of that;
    the gradient passes through the threshold, by which it reaches far back. Neurons are counted
    along the first axis of the layer: the last ones adapt. In terms of time constants leak and
    decay are exp(-1 / tau). To be chosen with recurrent layers (`R128`), where what was shown long
    ago counts. No kernel runs it in one operation.

    Source: Bellec 2018 LSNN (survey [50]) and its public code, in which a neuron fires by the
    potential of the timestep before, and is reset one later.

    Args:
        leak: share of the potential kept from one timestep to the next, in [0, 1].
        threshold: potential at which a spike is fired at rest, > 0, in units of the current.
        share: of the neurons that adapt, in [0, 1].
        strength: what an adaptation of 1, which is a spike at every timestep, adds to the
            threshold, >= 0, in units of the current.
        decay: share of the adaptation kept from one timestep to the next, in [0, 1].
        refractory: timesteps after a spike in which none is fired, >= 0.
        detach_reset: whether the reset passes no gradient through the spikes.
        surrogate: relative distance from the threshold to spikes, with a slope for the backward
            pass.
    """

    leaks: ClassVar[bool] = True

    def __init__(
        self,
        leak: Fraction,
        threshold: Positive,
        share: Fraction,
        strength: NonNegative,
        decay: Fraction,
        refractory: Natural,
        detach_reset: bool,
        surrogate: nn.Module,
    ):
        super().__init__()
        self.leak = leak
        self.threshold = threshold
        self.share = share
        self.strength = strength
        self.decay = decay
        self.refractory = refractory
        self.detach_reset = detach_reset
        self.surrogate = surrogate

    def initial(self, x: Float[Tensor, "B *n"]) -> State:
        return at_rest(x), at_rest(x), at_rest(x)

    def step(self, x: Float[Tensor, "B *n"], state: State) -> tuple[Float[Tensor, "B *n"], State]:
        v, b, resting = state
        u = self.leak * v + (1 - self.leak) * x.to(v.dtype)
        threshold = self.threshold + self._strengths(b) * b
        s = self.surrogate((u - threshold) / threshold)
        if self.refractory:
            s = s * (resting <= 0)
        taken = s.detach() if self.detach_reset else s
        resting = (resting - 1).clamp(min=0) + self.refractory * s.detach()
        b = self.decay * b + (1 - self.decay) * s
        return s, (u - threshold * taken, b, resting)

    def _strengths(self, b: Float[Tensor, "B *n"]) -> Tensor:
        """`strength` for the neurons that adapt, 0 for the first ones, which do not."""
        neurons = b.shape[1]
        adapts = torch.arange(neurons, device=b.device) >= neurons - round(self.share * neurons)
        return self.strength * adapts.to(b.dtype).view(-1, *[1] * (b.dim() - 2))
