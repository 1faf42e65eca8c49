"""What a timed network costs and shows: spikes until the decision, and accuracy against resolution
and latency in discrete time.
"""

from typing import Any

import torch

from snnexp.datasets.batches import Batches
from snnexp.measure.discrete_pass import DiscretePass, discrete_pass
from snnexp.measure.exact_pass import ExactPass
from snnexp.measure.predictions import Kept
from snnexp.measure.presented import presented
from snnexp.measure.tally import Tally
from snnexp.network.network import Network

COARSEST = 8
"""Timesteps of the coarsest resolution."""


@torch.no_grad()
def through_time(
    network: Network, batches: Batches, timesteps: int, kept: Kept | None = None
) -> tuple[Tally, dict[str, Any]]:
    """One exact pass that counts, and passes in discrete time of `timesteps` and halves of it down
    to `COARSEST`.

    With several processes each goes through its images, and all come to the figures of all images
    together. The timesteps cover the time within which 99.9 percent of the exact decisions fall; a
    neuron on a grid has all of its horizon. `accuracy_by_timestep` is read at the finest
    resolution: the class of the earliest spike, before it that of the largest potential. Of several
    earliest spikes that of the largest potential counts, where the exact `accuracy` takes two
    classes at one time as wrong. Of windowed neurons `timesteps_per_layer` are those of a window;
    an image takes `windows`, `timesteps` in all, the last to answer. The answers at the finest
    resolution go into `kept`, if there is one.
    """
    exact = ExactPass(network)
    for batch in presented(batches, 1):
        exact.see(batch)
    exact.gather()
    report = _in_discrete_time(network, batches, timesteps, exact.span(), kept) | exact.shown()
    if exact.neuron.windowed:
        report = _in_windows(report, windows=len(exact.layers) + 1)
    return exact.tally, report


def _in_discrete_time(
    network: Network, batches: Batches, timesteps: int, span: float, kept: Kept | None
) -> dict[str, Any]:
    """Passes of several resolutions, the finest after every timestep."""

    def run(steps: int) -> DiscretePass:
        finest = steps == timesteps
        read_at = range(1 if finest else steps, steps + 1)
        return discrete_pass(network, batches, span / steps, read_at, kept if finest else None)

    passes = [run(steps) for steps in _halves(timesteps)]
    return {
        "timesteps": timesteps,
        "accuracy_by_timestep": passes[-1].accuracies(),
        "resolution": [one.shown() for one in passes],
    }


def _halves(timesteps: int) -> list[int]:
    """The timesteps and halves of them, from the fewest to all."""
    steps = [timesteps]
    while steps[0] // 2 >= COARSEST:
        steps.insert(0, steps[0] // 2)
    return steps


def _in_windows(report: dict[str, Any], windows: int) -> dict[str, Any]:
    """Of windowed neurons the passes have gone through one window: an image takes one for the input
    and one for each layer, and nothing is read before the last.
    """
    steps = report["timesteps"]
    unread = [None] * (steps * (windows - 1))
    return report | {
        "timesteps": windows * steps,
        "timesteps_per_layer": steps,
        "accuracy_by_timestep": unread + report["accuracy_by_timestep"],
        "resolution": [_row_in_windows(row, windows) for row in report["resolution"]],
        "windows": windows,
    }


def _row_in_windows(row: dict[str, Any], windows: int) -> dict[str, Any]:
    steps, decision = row["timesteps"], row["decision_step"]
    return row | {
        "timesteps": windows * steps,
        "timesteps_per_layer": steps,
        "decision_step": None if decision is None else decision + steps * (windows - 1),
    }
