"""Neurons whose gradient is that of spike counts by the spike trains that made them."""

from typing import Annotated, Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnexp.cell import State, at_rest, stepwise
from snnexp.limits import Interval, Natural, Positive
from snnexp.neurons.base import Neuron


class MacroMicro(Neuron):
    """Leaky neurons trained on how many spikes they send, through what each spike train does to
    each other one.

        u = (1 - 1/time_constant) v + x,  0 within `refractory` timesteps of a spike    charge
        s = 1[u >= threshold]                                                           fire
        v = u (1 - s)                                                                   reset

    The backward pass knows a neuron i by its count o_i alone. What all its input has done to it is
    a_i, the sum of the potentials at which it fired; o_i = a_i / threshold. With q_j the current of
    a unit weight from neuron j, behind the synapse,

        a_i = sum_j w_ij e_i|j,   e_i|j = sum_t G_i(t) q_j(t)                           micro
        G_i(t) = (1 - 1/time_constant)^(f - t),  f the first spike at or after t, 0 if none
        do_i/dx_i(t) = k_i G_i(t) / threshold,   k_i = 1 + a_i / (threshold o_i)        macro
        de_i|j/do_j = e_i|j / o_j

    The last line is the mean over the spikes of j of what arrives at each. k_i is for e_i|j being
    longer the more i fires (`own_count`). A silent neuron is taken as one that fires at the last
    timestep, with k = 1; of what arrives at it the mean over all timesteps is taken. Layers that
    share weights share G and q as well, so that convolutions need nothing of their own. Choose it
    with synapse=exponential, readout=rate and loss=spike_count, for long trains of spikes.

    Source: Jin 2018 HM2-BP (survey [49]), of which the closed form of e_i|j is here that of the
    simulated neuron; there k_i is with the weights of i only, here in what goes to the layer before
    as well; a silent neuron has e = 0.1. In recurrent layers (`R128`): Zhang & Li 2019 ST-RSBP
    (survey [52]), see `layers/recurrent.py`.

    Args:
        time_constant: of the potential, >= 1, in timesteps.
        threshold: potential at which a spike is fired, > 0, in units of the current.
        refractory: timesteps after a spike in which the potential stays 0, >= 0.
        own_count: whether k_i is as above (first_order), or 1 (none).
    """

    leaks: ClassVar[bool] = True
    own_gradient: ClassVar[bool] = True

    def __init__(
        self,
        time_constant: Annotated[float, Interval(1.0)],
        threshold: Positive,
        refractory: Natural,
        own_count: Literal["first_order", "none"],
    ):
        super().__init__()
        self.kept = 1 - 1 / time_constant
        self.threshold = threshold
        self.refractory = refractory
        self.own_count = own_count

    def initial(self, x: Float[Tensor, "B *n"]) -> State:
        return at_rest(x), at_rest(x)

    def step(self, x: Float[Tensor, "B *n"], state: State) -> tuple[Float[Tensor, "B *n"], State]:
        v, resting = state
        u = (self.kept * v + x.to(v.dtype)) * (resting <= 0)
        s = (u >= self.threshold).to(u.dtype)
        return s, (u * (1 - s), (resting - 1).clamp(min=0) + self.refractory * s)

    def through(
        self, x: Float[Tensor, "T B *n"], state: State, count: bool
    ) -> tuple[Float[Tensor, "T B *n"], State, None]:
        """All timesteps, with the gradient above."""
        with torch.no_grad():
            s, after = stepwise(self, x, state)
        return (self.with_gradient(x, s), after, None) if x.requires_grad else (s, after, None)

    def with_gradient(
        self,
        x: Float[Tensor, "T B *n"],
        s: Float[Tensor, "T B *n"],
        across: Float[Tensor, "B N N"] | None = None,
    ) -> Float[Tensor, "T B *n"]:
        """The spikes `s` that the current `x` has caused, with the gradient by it.

        Args:
            x: current.
            s: spikes.
            across: of a recurrent layer dL/do of a neuron (the last axis) by that of another, over
                what it sends there; None where neurons do not hear each other.
        """
        reach = self.reach(s)
        return _Counted.apply(x, s, reach, self.slope(x.detach(), s, reach), across)

    def reach(self, s: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *n"]:
        """G: how much of a current is left at the spike that follows; a silent neuron is taken to
        fire at last.
        """
        s = s.clone()
        s[-1] = torch.where(s.any(0), s[-1], torch.ones_like(s[-1]))
        free, later, reach = self._free(s), torch.zeros_like(s[0]), []
        for s_t, free_t in zip(s.flip(0).unbind(0), free.flip(0).unbind(0), strict=True):
            later = free_t * (s_t + (1 - s_t) * self.kept * later)
            reach.append(later)
        return torch.stack(reach[::-1])

    def _free(self, s: Float[Tensor, "T B *n"]) -> Tensor:
        """Where a neuron is not refractory."""
        recent = torch.zeros_like(s)
        for lag in range(1, self.refractory + 1):
            recent[lag:] += s[:-lag]
        return recent == 0

    def slope(self, x: Tensor, s: Tensor, reach: Tensor) -> Float[Tensor, "B *n"]:
        """k / threshold."""
        if self.own_count == "none":
            return torch.full_like(reach[0], 1 / self.threshold)
        counts = s.sum(0)
        ratio = (reach * x).sum(0) / (self.threshold * counts.clamp(min=1))
        return (1 + ratio * (counts > 0)) / self.threshold


class _Counted(torch.autograd.Function):
    """Spikes as they are, and the gradient of their number by the current."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, s: Tensor, reach: Tensor, slope: Tensor, across: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(s, reach, slope, across)
        ctx.dtype = x.dtype
        return s.view_as(s)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_spikes: Tensor) -> tuple[Tensor, None, None, None, None]:
        s, reach, slope, across = ctx.saved_tensors
        counts = s.sum(0)
        of_count = (of_spikes * s).sum(0) / counts.clamp(min=1)
        of_count = torch.where(counts > 0, of_count, of_spikes.mean(0))
        if across is not None:
            identity = torch.eye(across.shape[-1], dtype=across.dtype, device=across.device)
            of_count = torch.linalg.solve(identity - across, of_count[..., None])[..., 0]
        return (of_count * slope * reach).to(ctx.dtype), None, None, None, None
