"""How spike times and their gradients are found."""

from dataclasses import dataclass
from typing import Literal

from snnexp.timed.spike_times import SolverName


@dataclass(frozen=True)
class Solving:
    """How the neurons of a timed layer are solved, and what happens to the weights on the way.

    Args:
        solver: see `spike_times`.
        slope_limit: see `spike_times`.
        normalize: see `spike_times`.
        centralize: see `centralized`.
        clock: whether spikes wait for the next multiple of the neuron's timestep; their gradient
            does not.
        bits: of the weights, None for all.
        variation: relative standard deviation of weights and thresholds, drawn anew for every
            training batch.
        stepped: timesteps for which the cell itself runs step by step, None where spike times are
            solved.
    """

    solver: SolverName
    slope_limit: float | None
    normalize: bool
    centralize: bool
    clock: bool
    bits: Literal[2, 4, 8] | None
    variation: float
    stepped: int | None = None
