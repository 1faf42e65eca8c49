"""The fused time loop in torch operations, for every device and dtype: the backward pass recomputes
potentials from the input.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.kernels import layout
from snnexp.kernels.scan.parameters import Number, ScanParameters, Wanted

SHAPES: dict[str, Callable[[Tensor], Tensor]] = {  # each may overwrite its argument
    "rectangle": lambda q: (q.abs_() < 0.5).to(q.dtype),
    "triangle": lambda q: q.abs_().neg_().add_(1).clamp_(min=0),
    "sigmoid": lambda q: q.sigmoid() * q.neg_().sigmoid_() * 4,
    "arctan": lambda q: q.mul_(math.pi / 2).square_().add_(1).reciprocal_(),
    "gaussian": lambda q: q.square_().mul_(-0.5).exp_(),
    "exponential": lambda q: q.abs_().neg_().exp_(),
    "fast_sigmoid": lambda q: q.abs_().add_(1).square_().reciprocal_(),
    "fired": lambda q: q.ge_(0),
}


def forward(
    x: Float[Tensor, "T B *n"],
    v: Float[Tensor, "B *n"],
    p: ScanParameters,
    counts: Float[Tensor, "B *n"] | None = None,
) -> tuple[Tensor, Tensor]:
    """Output spikes and last potential; the number of spikes of each neuron is added to
    `counts`.
    """
    y = layout.empty(x)
    for x_t, y_t in zip(x.unbind(0), y.unbind(0), strict=True):
        u = _charge(x_t, v, p)
        s = _fired(u, p)
        y_t.copy_(s if p.amplitude == "unit" else p.threshold * s)
        v = _reset(u, s, p)
        if counts is not None:
            counts += s
    return y, v


def backward(
    x: Float[Tensor, "T B *n"],
    v: Float[Tensor, "B *n"],
    p: ScanParameters,
    y_grad: Float[Tensor, "T B *n"],
    v_grad: Float[Tensor, "B *n"] | None,
    wanted: Wanted,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Gradients of x (summed over time, [1, B, *n], where x is static), of v, and of (leak, gain,
    threshold), as far as wanted.
    """
    potentials = _recompute(x, v, p)
    v_grad = torch.zeros_like(v) if v_grad is None else v_grad
    static = x.stride(0) == 0 and len(x) > 1
    x_grad = torch.zeros_like(v)[None] if static else layout.empty(x)
    sums = v.new_zeros(3)
    for t in reversed(range(len(x))):
        u = potentials.pop()
        s, arrived = _fired(u, p), y_grad[t].to(v.dtype)
        spike, charge = _unfire(u, s, arrived, v_grad, p)
        if wanted.parameters:
            before = _reset(potentials[-1], _fired(potentials[-1], p), p) if t else v
            sums += torch.stack(
                [
                    (charge * before).sum(),
                    (charge * x[t]).sum(),
                    _threshold_gradient(s, spike, arrived, v_grad, p),
                ]
            )
        (x_grad[0].add_ if static else x_grad[t].copy_)(_times(p.gain, charge))
        v_grad = charge if p.leak_gradient == "straight_through" else _times(p.leak, charge)
    return x_grad.to(x.dtype), v_grad, sums if wanted.parameters else None


def _times(number: Number, x: Tensor) -> Tensor:
    return x if isinstance(number, float) and number == 1 else number * x  # a pass over memory less


def _charge(x: Tensor, v: Tensor, p: ScanParameters) -> Tensor:
    return (p.leak * v).add_(
        _times(p.gain, x.to(v.dtype))
    )  # in this order, as in the cells: spikes are equal to the last bit


def _fired(u: Tensor, p: ScanParameters) -> Tensor:
    over = u - p.threshold
    return torch.ge(over, 0, out=over)


def _reset(u: Tensor, s: Tensor, p: ScanParameters) -> Tensor:
    return torch.addcmul(u, u, s, value=-1) if p.reset == "hard" else u - p.threshold * s


def _recompute(x: Tensor, v: Tensor, p: ScanParameters) -> list[Tensor]:
    potentials = []
    for x_t in x.unbind(0):
        potentials.append(_charge(x_t, v, p))
        v = _reset(potentials[-1], _fired(potentials[-1], p), p)
    return potentials


def _unfire(
    u: Tensor, s: Tensor, arrived: Tensor, v_grad: Tensor, p: ScanParameters
) -> tuple[Tensor, Tensor]:
    """Gradients that reach u - threshold through the spike, and u in all."""
    spike = SHAPES[p.surrogate]((u - p.threshold).div_(p.width)).mul_(p.scale)
    emitted = arrived if p.amplitude == "unit" else p.threshold * arrived
    if not p.detach_reset:
        emitted = emitted - v_grad * (u if p.reset == "hard" else p.threshold)
    spike.mul_(emitted)
    return spike, torch.addcmul(v_grad, v_grad, s, value=-1).add_(
        spike
    ) if p.reset == "hard" else v_grad + spike


def _threshold_gradient(
    s: Tensor, spike: Tensor, arrived: Tensor, v_grad: Tensor, p: ScanParameters
) -> Tensor:
    gradient = -spike
    if p.amplitude == "threshold":
        gradient = gradient + s * arrived
    if p.reset == "soft":
        gradient = gradient - s * v_grad
    return gradient.sum()
