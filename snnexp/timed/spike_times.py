"""One operation from the spike times of a layer to those of the next, differentiable in times and
weights.
"""

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnexp.timed.neuron import TimedNeuron
from snnexp.timed.solvers import blocks as scan
from snnexp.timed.solvers import compiled as events
from snnexp.timed.solvers import cuda as fused
from snnexp.timed.solvers import grid, whole
from snnexp.timed.solvers.solver import Solver
from snnexp.timed.synapses import Synapses

SolverName = Literal["auto", "events", "scan", "grid"]

FEW = 4
"""Times on a grid up to which plain products are faster than going through events."""


def spike_times(
    times: Float[Tensor, "B *n"],
    synapses: Synapses,
    neuron: TimedNeuron,
    solver: SolverName = "auto",
    slope_limit: float | None = None,
    normalize: bool = False,
) -> Float[Tensor, "B *m"]:
    """Times at which the neurons of a layer fire; for those that never do infinity, or the horizon
    where the neuron is forced.

    All solvers are exact; they differ in what they cost. Silent neurons and inputs that come too
    late get no gradient.

    Args:
        times: of the inputs; infinity for never.
        synapses: weights.
        neuron: the equations.
        solver: events goes through sorted inputs in C or on CUDA in Triton, scan in torch, grid
            does a convolution per distinct time; auto chooses. Windowed neurons have one of their
            own.
        slope_limit: largest |dt_out/du| in the backward pass; None for the exact slope.
        normalize: whether the gradient that arrives is brought to norm 1 / B for each sample, where
            it is not zero.
    """
    return _SpikeTimes.apply(
        times,
        synapses.weight,
        synapses.bias,
        synapses,
        neuron,
        choose_solver(solver, times, neuron),
        slope_limit,
        normalize,
    )


def choose_solver(solver: SolverName, times: Tensor, neuron: TimedNeuron) -> Solver:
    """The solver that goes through these times: the one that is asked for, or the fastest there is.

    Raises:
        ValueError: solver=events is asked for, and no kernel takes these times.
    """
    if neuron.windowed:
        return whole
    if solver == "auto" and _few(times, neuron):
        return grid
    if solver in ("scan", "grid"):
        return {"scan": scan, "grid": grid}[solver]
    compiled = next((each for each in (events, fused) if each.available(times, neuron)), None)
    if compiled is None and solver == "events":
        raise ValueError(
            "solver=events needs float32, and the compiled kernel on a CPU or Triton on "
            "CUDA; use solver=auto or scan"
        )
    return scan if compiled is None else compiled


def _few(times: Tensor, neuron: TimedNeuron) -> bool:
    """Whether there are at most `FEW` times; without sorting all where a few samples show that
    there are more.
    """
    some = times[:2].unique()
    return len(some) <= FEW + 1 and len(times[times < neuron.horizon].unique()) <= FEW


class _SpikeTimes(torch.autograd.Function):
    """Keeps times, weights and three numbers per neuron; neither sorted weights nor patches."""

    @staticmethod
    def forward(
        ctx: Any,
        times: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        synapses: Synapses,
        neuron: TimedNeuron,
        solver: Solver,
        slope_limit: float | None,
        normalize: bool,
    ) -> Tensor:
        synapses = synapses.replaced(weight, bias)
        times = times.masked_fill(times >= neuron.horizon, torch.inf)
        s0, s1, start = solver.forward(times, synapses, neuron)
        t, p, q, slope = neuron.solve(s0, s1, start)
        t = torch.where(
            start > -torch.inf, t.maximum(start), torch.inf
        )  # rounding must not put an effect before its cause
        t = t.masked_fill(t >= neuron.horizon, neuron.horizon if neuron.forced else torch.inf)
        start = torch.where(start == -torch.inf, neuron.horizon, start) if neuron.forced else start
        limit = (
            torch.ones_like(slope) if slope_limit is None else (slope_limit / slope).clamp(max=1)
        )
        p, q = (torch.where(t.isfinite(), each * limit, 0) for each in (p, q))
        ctx.save_for_backward(times, weight, bias, start, p, q)
        ctx.stride = synapses.stride
        ctx.padding = synapses.padding
        ctx.neuron = neuron
        ctx.solver = solver
        ctx.normalize = normalize
        return t

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        times, weight, bias, start, p, q = ctx.saved_tensors
        synapses = Synapses(weight, bias, ctx.stride, ctx.padding)
        grad = torch.where(start > -torch.inf, grad, 0)
        if ctx.normalize:
            grad = _normalized(grad)
        weights, biases, by_first, by_second = ctx.solver.backward(
            times, synapses, ctx.neuron, start, p * grad, q * grad
        )
        arrives = times.isfinite()
        first, second = ctx.neuron.slopes(times.masked_fill(~arrives, 0))
        by_time = torch.where(arrives, first * by_first + second * by_second, 0)
        return by_time, weights, biases, None, None, None, None, None


def _normalized(grad: Tensor) -> Tensor:
    norm = torch.linalg.vector_norm(grad.flatten(1), dim=1).view(-1, *[1] * (grad.dim() - 1))
    return grad / (norm * len(grad)).clamp(min=torch.finfo(grad.dtype).tiny)
