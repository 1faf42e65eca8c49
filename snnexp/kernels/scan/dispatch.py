"""One operation for the time loop of an integrate-and-fire neuron, and the choice of the kernel
that runs it.
"""

from dataclasses import replace
from types import ModuleType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnexp.kernels import layout
from snnexp.kernels.scan import c as compiled
from snnexp.kernels.scan import torch as fallback
from snnexp.kernels.scan.parameters import ScanParameters, Wanted

LEARNABLE = ("leak", "gain", "threshold")


def scan(
    x: Float[Tensor, "T B *n"], v: Float[Tensor, "B *n"], p: ScanParameters
) -> tuple[Float[Tensor, "T B *n"], Float[Tensor, "B *n"]]:
    """Runs the neuron of `p` over all timesteps of `x`, from the potential `v`; returns output and
    last potential.

    Equal to the loop over the cell, spikes to the last bit; differentiable once in x, v, leak, gain
    and threshold. Keeps nothing for the backward pass but its arguments: potentials are computed
    anew from `x`.
    """
    return run(choose_kernel(x, v), x, v, p)


def run(kernel: ModuleType, x: Tensor, v: Tensor, p: ScanParameters) -> tuple[Tensor, Tensor]:
    """`scan` by a certain kernel: a module with `forward` and `backward`."""
    x = layout.rows(x)
    repeats = len(x) if len(x) > 1 and x.stride(0) == 0 else None
    inputs = (
        x if repeats is None else layout.once(x),
        v,
        *(getattr(p, name) for name in LEARNABLE),
    )
    if torch.is_grad_enabled() and any(isinstance(i, Tensor) and i.requires_grad for i in inputs):
        return _Scan.apply(kernel, p, repeats, *inputs)
    return kernel.forward(x, layout.arranged(v, x.stride()[1:]), p)


def counted(
    x: Float[Tensor, "T B *n"],
    v: Float[Tensor, "B *n"],
    p: ScanParameters,
    kernel: ModuleType | None = None,
) -> tuple[Float[Tensor, "T B *n"], Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
    """`scan` without gradients that gives the number of spikes of each neuron too, a by-product of
    the same pass over memory.
    """
    x = layout.rows(x.detach())
    v = layout.arranged(v.detach(), x.stride()[1:])
    counts = torch.zeros_like(v)
    with torch.no_grad():
        return *(choose_kernel(x, v) if kernel is None else kernel).forward(x, v, p, counts), counts


def through(
    x: Float[Tensor, "T B *n"], v: Float[Tensor, "B *n"], p: ScanParameters, count: bool
) -> tuple[Float[Tensor, "T B *n"], Float[Tensor, "B *n"], Float[Tensor, "B *n"] | None]:
    """`scan`, and where asked to `count`, without gradients, the number of spikes of each neuron;
    else None in its place.
    """
    return counted(x, v, p) if count else (*scan(x, v, p), None)


def choose_kernel(x: Tensor, v: Tensor) -> ModuleType:
    """The fastest kernel for these tensors: a module with `forward` and `backward`."""
    if x.dtype not in (torch.float32, torch.bfloat16) or v.dtype != torch.float32 or x.numel() == 0:
        return fallback
    if x.device.type == "cuda":
        return triton_kernel()
    return compiled if x.device.type == "cpu" and compiled.library() is not None else fallback


def triton_kernel() -> ModuleType:
    """The kernel in Triton, or the one in torch where Triton is not installed."""
    try:
        import triton  # noqa: F401  (only here: it takes long, and exists for Linux alone)
    except ImportError:
        return fallback
    from snnexp.kernels.scan import cuda

    return cuda


class _Scan(torch.autograd.Function):
    """Keeps the arguments, and hands both passes to the kernel."""

    @staticmethod
    def forward(
        ctx: Any,
        kernel: ModuleType,
        p: ScanParameters,
        repeats: int | None,
        x: Tensor,
        v: Tensor,
        *numbers: float | Tensor,
    ) -> tuple[Tensor, Tensor]:
        ctx.kernel, ctx.p, ctx.repeats = kernel, p, repeats
        ctx.save_for_backward(
            x, v, *(number if isinstance(number, Tensor) else None for number in numbers)
        )
        ctx.set_materialize_grads(False)
        x = x if repeats is None else x.expand(repeats, *x.shape)
        return kernel.forward(x, layout.arranged(v, x.stride()[1:]), p)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, y_grad: Tensor | None, v_grad: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        x, v, *numbers = ctx.saved_tensors
        x = x if ctx.repeats is None else x.expand(ctx.repeats, *x.shape)
        v = layout.arranged(v, x.stride()[1:])
        p = replace(
            ctx.p,
            **{
                name: number
                for name, number in zip(LEARNABLE, numbers, strict=True)
                if number is not None
            },
        )
        y_grad = (
            layout.empty(x).zero_()
            if y_grad is None
            else layout.arranged(y_grad, layout.strides(x))
        )
        v_grad = None if v_grad is None else layout.arranged(v_grad, v.stride())
        wanted = Wanted(state=ctx.needs_input_grad[4], parameters=any(ctx.needs_input_grad[5:]))
        x_grad, before, sums = ctx.kernel.backward(x, v, p, y_grad, v_grad, wanted)
        x_grad = x_grad if ctx.repeats is None else x_grad[0]
        return (
            None,
            None,
            None,
            x_grad,
            before,
            *_parameter_gradients(numbers, ctx.needs_input_grad[5:], sums),
        )


def _parameter_gradients(
    numbers: list[Tensor | None], needed: tuple[bool, ...], sums: Tensor | None
) -> list[Tensor | None]:
    return [
        sums[i].to(number) if need else None
        for i, (number, need) in enumerate(zip(numbers, needed, strict=True))
    ]
