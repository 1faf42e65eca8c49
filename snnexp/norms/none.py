"""No normalisation."""

from torch import nn


def none(features: int, dimensions: int, branches: int) -> nn.Identity:
    """The current as the weights give it.

    Args:
        features: channels or features of the current; any number does.
        dimensions: 1 for `[T, B, N]`, 2 for `[T, B, C, H, W]`; either does.
        branches: branches that meet in one neuron; any number does.
    """
    return nn.Identity()
