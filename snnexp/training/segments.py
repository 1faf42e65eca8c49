"""Training through time in segments: of each segment only the state at its start is kept, the rest
is computed again.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from snnexp.cell import Over, State
from snnexp.layers.batch_norm import running_statistics_kept
from snnexp.losses.reading import Reading, joined
from snnexp.network.network import Network


def segmented(
    network: Network,
    images: Float[Tensor, "B *sample"],
    steps: range,
    keys: Int[Tensor, "B"],
    segments: int,
) -> Reading:
    """`network(images, steps, keys)` with the memory of one segment of timesteps and one state per
    boundary.

    Gradients are those of the whole sequence. What a layer takes over all timestep at once it takes
    over a segment instead: batch statistics are per segment, and running statistics move once per
    segment. Dropout masks are the same in all segments. The backward pass begins with the last
    segment, of which everything is kept. Source: Chen 2016, training deep nets with sublinear
    memory cost, along time.
    """
    loops = [module for module in network.modules() if isinstance(module, Over)]
    states: list[list[State]] = [[None] * len(loop.cells) for loop in loops]
    length = math.ceil(len(steps) / segments)
    readings = []
    devices = [images.device] if images.device.type == "cuda" else []
    for start in range(0, len(steps), length):
        last = start + length >= len(steps)
        # The random state is put back after every segment but the last, so that each draws the same
        # masks.
        with torch.random.fork_rng(devices, enabled=not last):
            given = network, loops, images, steps[start : start + length], keys, states
            part, states = _segment(*given) if last else _recomputed(*given)
        readings.append(part)
    return joined(readings)


def number_of_segments(setting: int | str, timesteps: int) -> int:
    """The number `time_segments` asks for: `auto` is the square root of T from 16 timesteps on,
    which keeps the least in all.
    """
    if setting == "auto":
        return math.isqrt(timesteps - 1) + 1 if timesteps >= 16 else 1
    return min(int(setting), timesteps)


def _recomputed(network: Network, *given: Any) -> tuple[Reading, list[list[State]]]:
    passes = partial(_passes, network)
    return checkpoint(_segment, network, *given, use_reentrant=False, context_fn=passes)


def _passes(network: Network) -> tuple[AbstractContextManager, AbstractContextManager]:
    """Around a segment's first pass, and around that in which it is computed again."""
    return nullcontext(), running_statistics_kept(network)


def _segment(
    network: Network,
    loops: Sequence[Over],
    images: Tensor,
    steps: range,
    keys: Tensor,
    states: list[list[State]],
) -> tuple[Reading, list[list[State]]]:
    for loop, lent in zip(loops, states, strict=True):
        loop.states = list(lent)
    try:
        reading = network(images, steps, keys)
        return reading, [loop.states for loop in loops]
    finally:
        for loop in loops:
            loop.states = None
