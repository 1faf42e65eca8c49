"""The exact solver for any device and dtype: inputs sorted, sums over them in blocks."""

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.timed.neuron import TimedNeuron
from snnexp.timed.solvers.solver import Gradients, Sums
from snnexp.timed.synapses import Synapses

BLOCK = 32
"""Sorted inputs per block."""
LARGEST = 2**24
"""Elements of a temporary tensor."""


def forward(times: Float[Tensor, "B *n"], synapses: Synapses, neuron: TimedNeuron) -> Sums:
    """Goes along the sorted inputs of every neuron until all have fired; weights are gathered a
    block at a time.
    """
    rows, columns = synapses.rows(times), synapses.columns()
    parts = [
        _scanned(part, columns, neuron)
        for part in rows.split(_rows_at_once(BLOCK * columns.shape[1]))
    ]
    return tuple(synapses.from_rows(torch.cat(each), times) for each in zip(*parts, strict=True))


def _rows_at_once(elements: int) -> int:
    return max(1, LARGEST // elements)


def _scanned(rows: Tensor, columns: Tensor, neuron: TimedNeuron) -> Sums:
    times, order = rows.sort(1)
    first, second = neuron.factors(times.masked_fill(times.isinf(), 0))
    ends = torch.cat([times[:, 1:], times.new_full((len(times), 1), torch.inf)], 1).clamp(
        max=neuron.horizon
    )
    sums = [columns.new_zeros(len(rows), columns.shape[1]) for _ in range(2)] + [
        columns.new_full((len(rows), columns.shape[1]), -torch.inf)
    ]
    waiting = torch.ones_like(sums[0], dtype=torch.bool)
    carried = sums[:2]
    for block in torch.arange(rows.shape[1], device=rows.device).split(BLOCK):
        inside = (times[:, block] < neuron.horizon)[..., None]
        if not inside.any() or not waiting.any():
            break
        weights = columns[order[:, block]] * inside
        s0, s1 = (
            carry[:, None] + (weights * f[:, block, None]).cumsum(1)
            for carry, f in zip(carried, (first, second), strict=True)
        )
        start, end = times[:, block, None], ends[:, block, None]
        hits = neuron.reaches(s0, s1, start, end) & (end > start) & inside & waiting[:, None]
        hit, place = hits.any(1), hits.to(torch.uint8).argmax(1, keepdim=True)
        found = (s0, s1, start.expand_as(s0))
        sums = [
            torch.where(hit, each.gather(1, place)[:, 0], old)
            for each, old in zip(found, sums, strict=True)
        ]
        waiting, carried = waiting & ~hit, [s0[:, -1], s1[:, -1]]
    return tuple(sums)


def backward(
    times: Float[Tensor, "B *n"],
    synapses: Synapses,
    neuron: TimedNeuron,
    start: Float[Tensor, "B *m"],
    p: Float[Tensor, "B *m"],
    q: Float[Tensor, "B *m"],
) -> Gradients:
    """Goes along the rows again, a part at a time; an input counts where it came before the neuron
    fired.
    """
    rows, columns = synapses.rows(times), synapses.columns()
    start, p, q = (synapses.to_rows(each) for each in (start, p, q))
    gradient, parts = torch.zeros_like(columns), []
    for part in torch.arange(len(rows), device=rows.device).split(_rows_at_once(columns.numel())):
        causal = (rows[part, :, None] <= start[part, None]).to(p.dtype)
        first, second = neuron.factors(rows[part].masked_fill(rows[part].isinf(), 0))
        by_s0, by_s1 = causal * p[part, None], causal * q[part, None]
        gradient += (first[..., None] * by_s0).sum(0) + (second[..., None] * by_s1).sum(0)
        parts.append(((by_s0 * columns).sum(2), (by_s1 * columns).sum(2)))
    by_first, by_second = (
        synapses.fold(torch.cat(each), times) for each in zip(*parts, strict=True)
    )
    bias = None if synapses.bias is None else gradient[-1]
    weights = gradient if synapses.bias is None else gradient[:-1]
    return weights.T.reshape(synapses.weight.shape), bias, by_first, by_second
