"""The fused time loop on CUDA devices, in Triton. Multiply and add are kept apart
(`enable_fp_fusion`): spikes equal those of the cell.
"""

import torch
import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

from snnexp.kernels import layout
from snnexp.kernels.scan.parameters import Number, ScanParameters, Wanted

BLOCK = 512  # neurons of one program, four to a thread
SEGMENT = 8  # timesteps whose potentials stay in registers in the backward pass

# ---- one timestep


@triton.jit
def _number(number, is_tensor: tl.constexpr):
    """A parameter, read from the device where it is a tensor, so that the host never waits for
    it.
    """
    return tl.load(number).to(tl.float32) if is_tensor else number


@triton.jit
def _row(rows, t, stride, i, inside):
    return tl.load(rows + t * stride + i, mask=inside, other=0.0).to(tl.float32)


@triton.jit
def _reset(u, threshold, soft: tl.constexpr):
    over = u - threshold
    return tl.where(over >= 0, over if soft else 0.0, u)


@triton.jit
def _slope(over, scale, width, shape: tl.constexpr):
    q = tl.abs(over / width)
    if shape == "rectangle":
        s = tl.where(q < 0.5, 1.0, 0.0)
    elif shape == "triangle":
        s = tl.where(q < 1, 1 - q, 0.0)
    elif shape == "sigmoid":
        e = tl.exp(-q)
        s = 4 * e / ((1 + e) * (1 + e))
    elif shape == "arctan":
        s = 1 / (1 + (1.5707963267948966 * q) * (1.5707963267948966 * q))
    elif shape == "gaussian":
        s = tl.exp(-0.5 * q * q)
    elif shape == "exponential":
        s = tl.exp(-q)
    elif shape == "fired":
        s = tl.where(over >= 0, 1.0, 0.0)
    else:
        tl.static_assert(shape == "fast_sigmoid")
        s = 1 / ((1 + q) * (1 + q))
    return scale * s


@triton.jit
def _unfire(
    u,
    arrived,
    carry,
    threshold,
    slope,
    soft: tl.constexpr,
    scaled: tl.constexpr,
    detach: tl.constexpr,
):
    """Gradients that reach u - threshold through the spike, and u in all."""
    spike = arrived * threshold if scaled else arrived
    if not detach:
        spike = spike - carry * (threshold if soft else u)
    spike = spike * slope
    return spike, spike + (carry if soft else tl.where(u - threshold >= 0, 0.0, carry))


@triton.jit
def _threshold_gradient(
    u, arrived, carry, spike, threshold, soft: tl.constexpr, scaled: tl.constexpr
):
    direct = tl.zeros_like(spike)
    if scaled:
        direct += arrived
    if soft:
        direct -= carry
    return tl.where(u - threshold >= 0, direct, 0.0) - spike


# ---- all timesteps of a block of neurons


@triton.jit
def _forward(
    x, v, y, v_last, counts, leak, gain, threshold, steps, size, stride,
    leak_is_tensor: tl.constexpr, gain_is_tensor: tl.constexpr, threshold_is_tensor: tl.constexpr,
    soft: tl.constexpr, scaled: tl.constexpr, counting: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    leak, gain = _number(leak, leak_is_tensor), _number(gain, gain_is_tensor)
    threshold = _number(threshold, threshold_is_tensor)
    size, stride = (
        tl.cast(size, tl.int64),
        tl.cast(stride, tl.int64),
    )  # steps * size may exceed 32 bits
    i = tl.program_id(0) * tl.cast(block, tl.int64) + tl.arange(0, block)
    inside = i < size
    potential = tl.load(v + i, mask=inside, other=0.0)
    count = tl.zeros_like(potential)
    for t in range(steps):
        u = leak * potential + gain * _row(x, t, stride, i, inside)
        spike = tl.where(u - threshold >= 0, threshold if scaled else 1.0, 0.0)
        tl.store(y + t * size + i, spike.to(y.dtype.element_ty), mask=inside)
        potential = _reset(u, threshold, soft)
        count += tl.where(u - threshold >= 0, 1.0, 0.0)
    tl.store(v_last + i, potential, mask=inside)
    if counting:
        tl.store(counts + i, tl.load(counts + i, mask=inside, other=0.0) + count, mask=inside)


@triton.jit
def _note_starts(
    x,
    start,
    starts,
    leak,
    gain,
    threshold,
    segments,
    size,
    stride,
    i,
    inside,
    soft: tl.constexpr,
    segment: tl.constexpr,
):
    """Stores the potential at the start of each segment but the last, and returns that one."""
    for k in range(segments - 1):
        tl.store(starts + k * size + i, start, mask=inside)
        for j in range(segment):
            start = _reset(
                leak * start + gain * _row(x, k * segment + j, stride, i, inside), threshold, soft
            )
    return start


@triton.jit
def _befores(
    x,
    potential,
    leak,
    gain,
    threshold,
    first,
    steps,
    stride,
    i,
    inside,
    soft: tl.constexpr,
    segment: tl.constexpr,
):
    """Row j holds the potential before timestep j of a segment: a table in registers, written and
    read by comparison.
    """
    row = tl.arange(0, segment)[:, None]
    table = tl.zeros((segment, i.shape[0]), tl.float32)
    for j in range(segment):
        table = tl.where(row == j, potential[None, :], table)
        current = _row(x, first + j, stride, i, inside & (first + j < steps))
        potential = _reset(leak * potential + gain * current, threshold, soft)
    return table


@triton.jit
def _sum_up(sums, leak_sum, gain_sum, threshold_sum, inside):
    here = sums + tl.program_id(0) * 3
    tl.store(here, tl.sum(tl.where(inside, leak_sum, 0.0), axis=0))
    tl.store(here + 1, tl.sum(tl.where(inside, gain_sum, 0.0), axis=0))
    tl.store(here + 2, tl.sum(tl.where(inside, threshold_sum, 0.0), axis=0))


@triton.jit
def _backward(
    x, v, y_grad, v_last_grad, x_grad, v_grad, starts, sums, leak, gain, threshold, scale, width, steps, size, stride,
    leak_is_tensor: tl.constexpr, gain_is_tensor: tl.constexpr, threshold_is_tensor: tl.constexpr,
    soft: tl.constexpr, scaled: tl.constexpr, detach: tl.constexpr, straight: tl.constexpr, shape: tl.constexpr,
    from_last: tl.constexpr, state: tl.constexpr, parameters: tl.constexpr, static: tl.constexpr,
    segment: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    leak, gain = _number(leak, leak_is_tensor), _number(gain, gain_is_tensor)
    threshold = _number(threshold, threshold_is_tensor)
    size, stride = (
        tl.cast(size, tl.int64),
        tl.cast(stride, tl.int64),
    )  # steps * size may exceed 32 bits
    i = tl.program_id(0) * tl.cast(block, tl.int64) + tl.arange(0, block)
    inside = i < size
    segments = tl.cdiv(steps, segment)
    start = tl.load(v + i, mask=inside, other=0.0)
    start = _note_starts(
        x, start, starts, leak, gain, threshold, segments, size, stride, i, inside, soft, segment
    )
    carry = tl.load(v_last_grad + i, mask=inside & from_last, other=0.0)
    total = tl.zeros((block,), tl.float32)
    leak_sum = tl.zeros((block,), tl.float32)
    gain_sum = tl.zeros((block,), tl.float32)
    threshold_sum = tl.zeros((block,), tl.float32)
    for back in range(segments):
        first = (segments - 1 - back) * segment
        if back > 0:
            start = tl.load(starts + (segments - 1 - back) * size + i, mask=inside, other=0.0)
        befores = _befores(
            x, start, leak, gain, threshold, first, steps, stride, i, inside, soft, segment
        )
        for ahead in range(tl.minimum(segment, steps - first)):
            t = tl.minimum(first + segment, steps) - 1 - ahead
            before = tl.sum(
                tl.where(tl.arange(0, segment)[:, None] == t - first, befores, 0.0), axis=0
            )
            current = _row(x, t, stride, i, inside)
            u = leak * before + gain * current
            arrived = _row(y_grad, t, size, i, inside)
            spike, charge = _unfire(
                u,
                arrived,
                carry,
                threshold,
                _slope(u - threshold, scale, width, shape),
                soft,
                scaled,
                detach,
            )
            if parameters:
                leak_sum += charge * before
                gain_sum += charge * current
                threshold_sum += _threshold_gradient(
                    u, arrived, carry, spike, threshold, soft, scaled
                )
            total = gain * charge + (total if static else 0.0)
            if not static:
                tl.store(x_grad + t * stride + i, total.to(x_grad.dtype.element_ty), mask=inside)
            carry = charge if straight else leak * charge
    if static:
        tl.store(x_grad + i, total.to(x_grad.dtype.element_ty), mask=inside)
    tl.store(v_grad + i, carry, mask=inside & state)
    if parameters:
        _sum_up(sums, leak_sum, gain_sum, threshold_sum, inside)


# ---- entries


def forward(
    x: Float[Tensor, "T B *n"],
    v: Float[Tensor, "B *n"],
    p: ScanParameters,
    counts: Float[Tensor, "B *n"] | None = None,
) -> tuple[Tensor, Tensor]:
    """Output spikes and last potential; the number of spikes of each neuron is added to `counts`,
    which is laid out like `v`.
    """
    y, v_last = layout.empty(x), torch.empty_like(v)
    grid = (triton.cdiv(v.numel(), BLOCK),)
    tensors = x, v, y, v_last, v if counts is None else counts
    with torch.cuda.device_of(x):  # in the backward pass autograd sees to it
        _forward[grid](
            *(*tensors, *_numbers(p), *_sizes(x, v)),
            **_choices(p),
            counting=counts is not None,
            block=BLOCK,
            enable_fp_fusion=False,
        )
    return y, v_last


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
    blocks, segment = triton.cdiv(v.numel(), BLOCK), min(SEGMENT, triton.next_power_of_2(len(x)))
    x_grad = layout.empty(x[:1] if _static(x) else x)
    before = torch.empty_like(v) if wanted.state else None
    sums = v.new_empty(blocks, 3) if wanted.parameters else None
    starts = v.new_empty(triton.cdiv(len(x), segment) - 1, v.numel())
    _backward[(blocks,)](
        *(
            x,
            v,
            y_grad,
            v if v_grad is None else v_grad,
            x_grad,
            v if before is None else before,
            starts,
            v if sums is None else sums,
        ),
        *(*_numbers(p), p.scale, p.width, *_sizes(x, v)),
        **_choices(p),
        detach=p.detach_reset,
        straight=p.leak_gradient == "straight_through",
        shape=p.surrogate,
        from_last=v_grad is not None,
        state=wanted.state,
        parameters=wanted.parameters,
        static=_static(x),
        segment=segment,
        block=BLOCK,
        enable_fp_fusion=False,
    )
    return x_grad, before, None if sums is None else sums.sum(0)


def _static(x: Tensor) -> bool:
    return len(x) > 1 and x.stride(0) == 0


def _numbers(p: ScanParameters) -> tuple[Number, Number, Number]:
    return p.leak, p.gain, p.threshold


def _sizes(x: Tensor, v: Tensor) -> tuple[int, int, int]:
    return len(x), v.numel(), 0 if _static(x) else v.numel()


def _choices(p: ScanParameters) -> dict[str, bool]:
    tensors = {
        f"{name}_is_tensor": isinstance(getattr(p, name), Tensor)
        for name in ("leak", "gain", "threshold")
    }
    return {**tensors, "soft": p.reset == "soft", "scaled": p.amplitude == "threshold"}
