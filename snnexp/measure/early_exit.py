"""Where a network may stop before T, by what its norms have learned of each timestep."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from snnexp.norms.base import Norm


def early_exit(network: nn.Module, accuracies: list[float | None]) -> dict[str, Any]:
    """`early_exit` of a result, or nothing where no norm asks for it.

        t = min { t : mean |gamma_t| < threshold in every layer }

    Nothing is run again: what the network says after t timesteps does not depend on those behind.
    Source: Kim & Panda 2021 (survey [67]).

    Args:
        network: whose norms have sizes of scales by timestep, and a bound for them.
        accuracies: in percent, [t - 1] after t timesteps.
    """
    layers = [*_asking(network)]
    if not layers:
        return {}
    faded = torch.stack([sizes < bound for sizes, bound in layers])[:, : len(accuracies)].all(0)
    first = int(faded.nonzero()[0]) if faded.any() else None
    timestep = None if first is None else first + 1
    accuracy = None if first is None else accuracies[first]
    threshold = max(bound for _, bound in layers)
    return {"early_exit": {"threshold": threshold, "timestep": timestep, "accuracy": accuracy}}


def _asking(network: nn.Module) -> Iterator[tuple[Tensor, float]]:
    """The sizes of the scales of every layer, and the bound for them."""
    for module in network.modules():
        bound = getattr(module, "exit_scale", None)
        if isinstance(module, Norm) and bound is not None:
            yield module.sizes(), bound
