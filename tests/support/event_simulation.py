"""An independent event-driven simulation: one neuron at a time, integrated from event to event in
plain floats.
"""

import math
from collections.abc import Callable

# From the state after an event and the time since, the state and the potential; arrivals add the
# weight to the last entries of the state.


def if_exp(state: list[float], dt: float) -> tuple[list[float], float]:
    u, j = state
    k = math.exp(-dt)
    return [u + j * (1 - k), j * k], u + j * (1 - k)


def if_linear(state: list[float], dt: float) -> tuple[list[float], float]:
    u, j = state
    return [u + dt * j, j], u + dt * j


def alpha(state: list[float], dt: float) -> tuple[list[float], float]:
    u, j = state
    k = math.exp(-dt)
    return [k * (u + dt * j), k * j], k * (u + dt * j)


def lif2(state: list[float], dt: float) -> tuple[list[float], float]:
    u, j = state  # du/dt = -u / 2 + j, dj/dt = -j
    slow, fast = math.exp(-dt / 2), math.exp(-dt)
    return [u * slow + 2 * j * (slow - fast), j * fast], u * slow + 2 * j * (slow - fast)


FLOWS: dict[str, Callable] = {
    "if_exp": if_exp,
    "if_linear": if_linear,
    "alpha": alpha,
    "lif2": lif2,
}


def first_spike(
    kind: str, times: list[float], weights: list[float], threshold: float, horizon: float
) -> float:
    """The first time at which the potential is at the threshold; for none before the horizon
    infinity, on a grid the horizon.
    """
    if kind == "if_delta":
        return _counted(times, weights, threshold, horizon)
    flow, state = FLOWS[kind], [0.0, 0.0]
    events = sorted(
        (time, weight) for time, weight in zip(times, weights, strict=True) if time < horizon
    )
    for place, (time, weight) in enumerate(events):
        state[1] += weight
        end = events[place + 1][0] if place + 1 < len(events) else horizon
        crossing = _crossing(flow, state, end - time, threshold)
        if crossing is not None:
            return time + crossing
        state, _ = flow(state, end - time)
    return math.inf


def _crossing(flow: Callable, state: list[float], length: float, threshold: float) -> float | None:
    """Two exponentials have one extremum at most; where it is a maximum, the potential rises until
    then.
    """
    top = max(_peak(flow, state, length), length, key=lambda dt: flow(state, dt)[1])
    return _bisected(flow, state, 0.0, top, threshold) if flow(state, top)[1] >= threshold else None


def _peak(flow: Callable, state: list[float], length: float) -> float:
    low, high = 0.0, length
    for _ in range(80):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (left, high) if flow(state, left)[1] < flow(state, right)[1] else (low, right)
    return (low + high) / 2


def _bisected(
    flow: Callable, state: list[float], low: float, high: float, threshold: float
) -> float:
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if flow(state, middle)[1] >= threshold else (middle, high)
    return high


def _counted(times: list[float], weights: list[float], threshold: float, horizon: float) -> float:
    u = 0.0
    for now in range(math.ceil(horizon)):
        if u > threshold:
            return float(now)
        u += sum(weight for time, weight in zip(times, weights, strict=True) if time == now)
    return horizon
