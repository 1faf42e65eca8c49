"""Limits: to the norm of all gradients together, and to every weight by itself."""

from collections.abc import Iterable

import torch
from torch import nn

from snnexp.layers.connection import Connection
from snnexp.layers.recurrent import Recurrent


def clip(parameters: Iterable[nn.Parameter], largest: float) -> None:
    """Scales all gradients in place so that their norm is at most `largest`, and they keep their
    direction.

        g <- g min(1, largest / ||g||)

    Args:
        parameters: those without a gradient are left out.
        largest: > 0.

    A norm that overflows in float32, as of one gradient of 2e19, is taken in float64: scaled by 1 /
    infinity, all would be zero, and a run would go on without learning anything.

    Source: Pascanu, Mikolov & Bengio, On the difficulty of training recurrent neural networks, ICML
    2013.
    """
    held = [each for each in parameters if each.grad is not None]
    norm = nn.utils.get_total_norm([each.grad for each in held])
    if not norm.isfinite():
        norm = torch.stack([each.grad.double().norm() for each in held]).norm()
    nn.utils.clip_grads_with_norm_(held, largest, norm)


@torch.no_grad()
def clip_weights(network: nn.Module, largest: float) -> None:
    """Puts every weight of a connection back into [-largest, largest], in place; biases and what
    norms and neurons have learned are left.

    Args:
        network: the weights of whose connections are limited.
        largest: > 0.

    Source: Zhang & Li 2020 TSSL-BP (survey [54], public code).
    """
    for module in network.modules():
        if isinstance(module, Connection):
            module.layer.weight.clamp_(-largest, largest)
        if isinstance(module, Recurrent):
            module.feedback.weight.clamp_(-largest, largest)
