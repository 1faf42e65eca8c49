"""How many weights a spike reaches, and how many multiplications a real-valued input takes."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnexp.layers.average_pool import AveragePool
from snnexp.layers.connection import Connection


def multiplications(layer: nn.Conv2d | nn.Linear, current: Tensor) -> int:
    """Of one timestep of one image with the output `current` `[T, B, *m]`: k^2 C_in C_out H W,
    borders counted as if padded.
    """
    positions = current[0, 0, 0].numel() if isinstance(layer, nn.Conv2d) else 1
    return layer.weight.numel() * positions


def fan_out(connection: Connection, x: Tensor) -> Tensor:
    """How many weights a spike at each position of `x` `[1, *n]` reaches; broadcasts against
    `[*n]`, float64.
    """
    layer = connection.layer
    with torch.enable_grad():
        plane = torch.ones_like(x[:, :1], dtype=torch.float64, requires_grad=True)
        reached = _reached(connection, plane)
        (count,) = torch.autograd.grad(reached.sum(), plane)
    return count[0] * (
        layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels // layer.groups
    )


def _reached(connection: Connection, plane: Tensor) -> Tensor:
    layer = connection.layer
    for module in connection.preceding:
        if isinstance(module, AveragePool):
            plane = module.spikes_behind(plane)
    if isinstance(layer, nn.Linear):
        return plane * 1  # not the very tensor, so that the gradient reaches it
    kernel = torch.ones(1, 1, *layer.kernel_size, dtype=torch.float64, device=plane.device)
    return functional.conv2d(plane, kernel, None, layer.stride, layer.padding, layer.dilation)
