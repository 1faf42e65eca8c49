"""The event-driven solver for single-spike neurons on CUDA devices, in Triton; equations as in
events.c.

A row is one output position of one image: it sees a pixel at each of its taps, and `C` inputs at
each pixel. A linear layer has one tap, and one pixel per image. Inputs are sorted once per pixel;
every row merges the lists of its pixels, and one program goes along the merged list for a block of
outputs. The backward pass is two products of tiles in which an input counts where it came before
the neuron fired. Programs are single warps, so that nothing waits for another; sums have a fixed
order, so that results are the same from run to run.
"""

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int32
from torch import Tensor

from snnexp.kernels.events.inputs import Layer, Lists, Numbers

LIST = 128  # inputs of a pixel that one program brings to their places
BLOCK = 128  # outputs of one program
UNROLL = 4  # events whose weights are loaded together
TILE = 2048  # weights whose gradients one program sums up
PIXELS, INPUTS = 32, 16  # whose gradients one program sums up
PROGRAMS = 4096  # over which the rows are spread where weights alone give fewer

# ---- equations


@triton.jit
def _exponential(x):
    """exp(x) for |x| < 80, to the last digits: the device's own is exact only near 0."""
    x = tl.minimum(tl.maximum(x, -80.0), 80.0)
    n = tl.floor(x * 1.44269504 + 0.5)
    rest = (x - n * 0.693359375) + n * 2.12194440e-4
    return tl.exp(rest) * ((n.to(tl.int32) + 127) << 23).to(tl.float32, bitcast=True)


@triton.jit
def _weighted(first, second, t, z, kind: tl.constexpr):
    """Both factors of an input at `t`, times one number each; z is exp(t / tau), for lif2 exp(t / 2
    tau).
    """
    if kind == "if_exp":
        second = second * z
    elif kind == "if_linear":
        second = second * t
    elif kind == "alpha":
        first, second = first * z, second * (t * z)
    elif kind == "lif2":
        first, second = first * z, second * (z * z)
    else:
        tl.static_assert(kind == "if_delta")
        second = tl.zeros_like(second)
    return first, second


@triton.jit
def _reached(s0, s1, start, end, z_start, z_end, threshold, tau, kind: tl.constexpr):
    """Whether the potential gets to the threshold between `start` and `end`, as `reaches` of the
    neurons.
    """
    if kind == "if_exp":
        hit = z_end * (s0 - threshold) >= s1
    elif kind == "if_linear":
        hit = end * s0 - s1 >= threshold
    elif kind == "alpha":
        peak = tl.minimum(tl.maximum(s1 / tl.where(s0 > 0, s0, 1.0) + tau, start), end)
        hit = (s0 > 0) & (_exponential(-peak / tau) * (s0 * peak - s1) >= threshold)
    elif kind == "lif2":
        u = tl.maximum(tl.minimum(s0 / tl.where(s1 > 0, 2 * s1, 1.0), 1 / z_start), 1 / z_end)
        hit = (s1 > 0) & (s0 > 0) & (2 * u * (s0 - s1 * u) >= threshold)
    else:
        tl.static_assert(kind == "if_delta")
        hit = s0 > threshold
    return hit


# ---- the inputs of a row in the order of their times


@triton.jit
def _before(times, size, t, ties, bits: tl.constexpr):
    """How many of `size` sorted times come before each of `t`, or no later where `ties`: by steps
    that halve.
    """
    found = tl.zeros_like(t).to(tl.int32)
    for step in tl.static_range(bits):
        ahead = found + (1 << (bits - 1 - step))
        inside = ahead <= size
        there = tl.load(times + (ahead - 1), mask=inside, other=float("inf"))
        found = tl.where(
            inside & (tl.where(there == t, ties, tl.where(there < t, 1, 0)) > 0), ahead, found
        )
    return found


@triton.jit
def _close(merged, merged_z, order, early, count, bias_place, horizon, z_horizon, bias: tl.constexpr, exponential: tl.constexpr,
           unroll: tl.constexpr, room: tl.constexpr):  # fmt: skip
    """Writes the bias, which fires at time 0, and the horizon behind the last event as often as may
    be read.
    """
    if bias:
        tl.store(merged + early, 0.0)
        tl.store(order + early, bias_place)
        if exponential:
            tl.store(merged_z + early, 1.0)
    k = tl.arange(0, room)
    end = tl.zeros((room,), tl.float32) + horizon
    tl.store(merged + count + k, end, mask=k <= unroll)
    tl.store(order + count + k, k * 0, mask=k <= unroll)
    if exponential:
        tl.store(merged_z + count + k, end * 0 + z_horizon, mask=k <= unroll)


@triton.jit
def _merge(
    times, z, channels, sizes, seen, early, count, merged, merged_z, order, taps, inputs, width, bias_place, horizon, z_horizon,
    bias: tl.constexpr, exponential: tl.constexpr, bits: tl.constexpr, unroll: tl.constexpr, room: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Brings `block` inputs of one tap to their places: each comes after the inputs of all taps
    that are earlier than it.
    """
    row = tl.program_id(0).to(tl.int64)
    merged, merged_z, order, seen = (
        merged + row * width,
        merged_z + row * width,
        order + row * width,
        seen + row * taps,
    )
    blocks = tl.cdiv(inputs, block)
    tap = tl.program_id(1) // blocks
    k = tl.program_id(1) % blocks * block + tl.arange(0, block)
    pixel = tl.load(seen + tap).to(tl.int64)
    inside = k < tl.load(sizes + pixel, mask=pixel >= 0, other=0)
    t = tl.load(times + pixel * inputs + k, mask=inside, other=float("inf"))
    place = k
    for other in range(taps):
        if other != tap:
            there = tl.load(seen + other).to(tl.int64)
            size = tl.load(sizes + there, mask=there >= 0, other=0)
            place += _before(times + there * inputs, size, t, tl.where(other < tap, 1, 0), bits)
    if bias:
        place += tl.where(t >= 0, 1, 0)
    tl.store(merged + place, t, mask=inside)
    tl.store(
        order + place,
        tap * inputs + tl.load(channels + pixel * inputs + k, mask=inside, other=0),
        mask=inside,
    )
    if exponential:
        tl.store(
            merged_z + place, tl.load(z + pixel * inputs + k, mask=inside, other=0.0), mask=inside
        )
    if tl.program_id(1) == 0:
        first, last = tl.load(early + row), tl.load(count + row)
        _close(
            merged=merged,
            merged_z=merged_z,
            order=order,
            early=first,
            count=last,
            bias_place=bias_place,
            horizon=horizon,
            z_horizon=z_horizon,
            bias=bias,
            exponential=exponential,
            unroll=unroll,
            room=room,
        )


# ---- from event to event


@triton.jit
def _walk(
    times, z, order, count, weights, s0, s1, start, outputs, width, threshold, tau,
    kind: tl.constexpr, exponential: tl.constexpr, unroll: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Adds the events of a row to the sums of a block of outputs until all have fired or none is
    left.
    """
    row = tl.program_id(0).to(tl.int64)
    o = tl.program_id(1) * block + tl.arange(0, block)
    inside = o < outputs
    times, z, order, weights = (
        times + row * width,
        z + row * width,
        order + row * width,
        weights + o,
    )
    last = tl.load(count + row)
    first_sum = tl.zeros((block,), tl.float32)
    second_sum = tl.zeros((block,), tl.float32)
    fired = tl.where(inside, float("-inf"), float("inf"))
    now = tl.load(times)
    z_now = tl.load(z) if exponential else now
    event = tl.zeros_like(last)
    going = tl.where(last > 0, 1, 0)
    while going > 0:
        for _ in tl.static_range(unroll):
            weight = tl.load(
                weights + tl.load(order + event).to(tl.int64) * outputs, mask=inside, other=0.0
            )
            end = tl.load(times + event + 1)
            z_end = tl.load(z + event + 1) if exponential else end
            waiting = fired == float("-inf")
            weight = tl.where(waiting, weight, 0.0)
            first, second = _weighted(weight, weight, now, z_now, kind)
            first_sum += first
            second_sum += second
            hit = _reached(first_sum, second_sum, now, end, z_now, z_end, threshold, tau, kind)
            fired = tl.where(
                hit & waiting, tl.where(end > now, now, float("-inf")), fired
            )  # all that come at once are added first
            now, z_now = end, z_end
            event += 1
        going = tl.where(event < last, tl.max(tl.where(fired == float("-inf"), 1, 0), axis=0), 0)
    here = row * outputs + o
    tl.store(s0 + here, tl.where(fired > float("-inf"), first_sum, 0.0), mask=inside)
    tl.store(s1 + here, tl.where(fired > float("-inf"), second_sum, 0.0), mask=inside)
    tl.store(start + here, fired, mask=inside)


# ---- gradients


@triton.jit
def _by_weight(
    times, z, seen, start, p, q, parts, rows, share, taps, inputs, outputs,
    kind: tl.constexpr, exponential: tl.constexpr, height: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Sums p a(t) + q b(t) over a share of the rows, for `height` inputs at one tap and `block`
    outputs.
    """
    blocks = tl.cdiv(inputs, height)
    tap = tl.program_id(1) // blocks
    i = tl.program_id(1) % blocks * height + tl.arange(0, height)
    o = tl.program_id(2) * block + tl.arange(0, block)
    first = tl.program_id(0) * share
    last = tl.minimum(first + share, rows)
    total = tl.zeros((height, block), tl.float32)
    seen += tap
    pixel = tl.load(seen + tl.cast(first, tl.int64) * taps)
    for row in range(first, last):
        following = tl.load(
            seen + (tl.cast(row, tl.int64) + 1) * taps, mask=row + 1 < last, other=-1
        )
        arrives = (i < inputs) & (pixel >= 0)
        t = tl.load(times + tl.cast(pixel, tl.int64) * inputs + i, mask=arrives, other=float("inf"))
        z_t = (
            tl.load(z + tl.cast(pixel, tl.int64) * inputs + i, mask=arrives, other=0.0)
            if exponential
            else t
        )
        here = tl.cast(row, tl.int64) * outputs + o
        spike = tl.load(start + here, mask=o < outputs, other=float("-inf"))
        by_s0 = tl.load(p + here, mask=o < outputs, other=0.0)
        by_s1 = tl.load(q + here, mask=o < outputs, other=0.0)
        by_s0, by_s1 = _weighted(by_s0[None, :], by_s1[None, :], t[:, None], z_t[:, None], kind)
        total += tl.where(t[:, None] <= spike[None, :], by_s0 + by_s1, 0.0)
        pixel = following
    place = (tl.program_id(0).to(tl.int64) * taps + tap) * inputs + i
    tl.store(
        parts + place[:, None] * outputs + o[None, :],
        total,
        mask=(i < inputs)[:, None] & (o < outputs)[None, :],
    )


@triton.jit
def _by_input(
    times, reached, weights, start, p, q, by_first, by_second, pixels, taps, inputs, outputs, positions,
    two: tl.constexpr, height: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Sums p W and q W over the neurons that `height` inputs at each of `block` pixels reach before
    these fire.
    """
    i = tl.program_id(1) * height + tl.arange(0, height)
    pixel = tl.program_id(0) * block + tl.arange(
        0, block
    )  # on the axis that may have millions of programs
    inside = (i < inputs)[:, None] & (pixel < pixels)[None, :]
    here = (i.to(tl.int64) * pixels)[:, None] + pixel[None, :]
    t = tl.load(times + here, mask=inside, other=float("inf"))
    first = tl.zeros((height, block), tl.float32)
    second = tl.zeros((height, block), tl.float32)
    for tap in range(taps):
        row = tl.load(reached + pixel.to(tl.int64) * taps + tap, mask=pixel < pixels, other=-1)
        neuron = (row // positions).to(tl.int64) * outputs * positions + row % positions
        weight_at = weights + tl.cast(tap, tl.int64) * outputs * inputs + i
        for _ in range(outputs):
            spike = tl.load(start + neuron, mask=row >= 0, other=float("-inf"))
            causal = t <= spike[None, :]
            weight = tl.load(weight_at, mask=i < inputs, other=0.0)[:, None]
            by_s0 = tl.load(p + neuron, mask=row >= 0, other=0.0)
            first += tl.where(causal, by_s0[None, :], 0.0) * weight
            if two:
                by_s1 = tl.load(q + neuron, mask=row >= 0, other=0.0)
                second += tl.where(causal, by_s1[None, :], 0.0) * weight
            neuron += positions
            weight_at += inputs
    tl.store(by_first + here, first, mask=inside)
    tl.store(by_second + here, second, mask=inside)


# ---- entries


def forward(
    lists: Lists, rows: slice, weights: Float[Tensor, "N O"], bias: bool, numbers: Numbers
) -> tuple[Tensor, Tensor, Tensor]:
    """Both sums at the spike, and the time of the last input that counts, -inf where there is no
    spike: `[R, O]` each for some rows.

    Weights lie as [tap][input at a pixel][output], those of the bias last.
    """
    count, outputs = lists.count[rows], weights.shape[1]
    s0, s1, start = (weights.new_empty(len(count), outputs) for _ in range(3))
    block = _block(outputs)
    with torch.cuda.device_of(weights):
        times, z, order = _merged(lists, rows, bias, numbers)
        _walk[(len(count), triton.cdiv(outputs, block))](
            times=times,
            z=z,
            order=order,
            count=count,
            weights=weights,
            s0=s0,
            s1=s1,
            start=start,
            outputs=outputs,
            width=times.shape[1],
            threshold=numbers.threshold,
            tau=numbers.time_constant,
            **_choices(lists.layer),
            unroll=UNROLL,
            block=block,
            num_warps=1,
        )
    return s0, s1, start


def _merged(
    lists: Lists, rows: slice, bias: bool, numbers: Numbers
) -> tuple[Tensor, Tensor, Tensor]:
    layer, seen = lists.layer, lists.layer.seen[rows]
    inputs, taps = layer.times.shape[1], seen.shape[1]
    merged = layer.times.new_empty(len(seen), width(layer, bias))
    z = merged if layer.z is None else torch.empty_like(merged)
    order = torch.empty_like(merged, dtype=torch.int32)
    block = min(LIST, triton.next_power_of_2(inputs))
    _merge[(len(seen), taps * triton.cdiv(inputs, block))](
        times=layer.times,
        z=_z(layer),
        channels=lists.channels,
        sizes=lists.sizes,
        seen=seen,
        early=lists.early[rows],
        count=lists.count[rows],
        merged=merged,
        merged_z=z,
        order=order,
        taps=taps,
        inputs=inputs,
        width=merged.shape[1],
        bias_place=taps * inputs,
        horizon=numbers.horizon,
        z_horizon=numbers.z_horizon,
        bias=bias,
        exponential=layer.z is not None,
        bits=inputs.bit_length(),
        unroll=UNROLL,
        room=triton.next_power_of_2(UNROLL + 1),
        block=block,
        num_warps=1,
    )
    return merged, z, order


def width(layer: Layer, bias: bool) -> int:
    """Places of a merged list: events, and the horizon as often as it may be read behind the last
    one.
    """
    return layer.seen.shape[1] * layer.times.shape[1] + bias + UNROLL + 1


def by_weight(
    layer: Layer, start: Float[Tensor, "R O"], p: Float[Tensor, "R O"], q: Float[Tensor, "R O"]
) -> Float[Tensor, "K C O"]:
    """Gradient of the weights: dW[i] = sum of p a(t_i) + q b(t_i) over the rows whose neuron fired
    after t_i.
    """
    (rows, taps), inputs, outputs = layer.seen.shape, layer.times.shape[1], start.shape[1]
    block = _block(outputs)
    height = min(TILE // block, triton.next_power_of_2(inputs))
    tiles = taps * triton.cdiv(inputs, height), triton.cdiv(outputs, block)
    share = triton.cdiv(rows, max(1, min(PROGRAMS // (tiles[0] * tiles[1]), rows // 64)))
    parts = start.new_empty(triton.cdiv(rows, share), taps, inputs, outputs)
    with torch.cuda.device_of(start):
        _by_weight[(len(parts), *tiles)](
            times=layer.times,
            z=_z(layer),
            seen=layer.seen,
            start=start,
            p=p,
            q=q,
            parts=parts,
            rows=rows,
            share=share,
            taps=taps,
            inputs=inputs,
            outputs=outputs,
            **_choices(layer),
            height=height,
            block=block,
            num_warps=1,
        )
    return parts.sum(0)


def by_input(
    times: Float[Tensor, "C X"],
    reached: Int32[Tensor, "X K"],
    weights: Float[Tensor, "K O C"],
    start: Float[Tensor, "B O P"],
    p: Float[Tensor, "B O P"],
    q: Float[Tensor, "B O P"],
    two: bool,
) -> tuple[Float[Tensor, "C X"], Float[Tensor, "C X"]]:
    """Gradients of the two factors of each input: sums of p W and q W over the rows `reached` from
    its pixel, -1 for none.

    The second one is 0 where not asked for by `two`.
    """
    inputs, (_, outputs, positions) = len(times), start.shape
    by_first, by_second = (torch.empty_like(times) for _ in range(2))
    (pixels, taps), block = reached.shape, min(PIXELS, triton.next_power_of_2(len(reached)))
    height = min(INPUTS, triton.next_power_of_2(inputs))
    with torch.cuda.device_of(start):
        _by_input[(triton.cdiv(pixels, block), triton.cdiv(inputs, height))](
            times=times,
            reached=reached,
            weights=weights,
            start=start,
            p=p,
            q=q,
            by_first=by_first,
            by_second=by_second,
            pixels=pixels,
            taps=taps,
            inputs=inputs,
            outputs=outputs,
            positions=positions,
            two=two,
            height=height,
            block=block,
            num_warps=1,
        )
    return by_first, by_second


def _block(size: int) -> int:
    return min(BLOCK, triton.next_power_of_2(size))


def _z(layer: Layer) -> Tensor:
    return layer.times if layer.z is None else layer.z


def _choices(layer: Layer) -> dict[str, str | bool]:
    return {"kind": layer.kind, "exponential": layer.z is not None}
