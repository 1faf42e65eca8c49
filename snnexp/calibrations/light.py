"""Calibration of the mean of every channel."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.calibrations.base import Calibration, layer_by_layer
from snnexp.conversion.converted import Converted
from snnexp.datasets.batches import Batches
from snnexp.limits import Count


class Light(Calibration):
    """Layer by layer, adds to the bias of every channel what its spikes miss on average, with the
    layers before corrected already.

        b <- b + mean(a) - mean(threshold s)        means over images, positions and timesteps

    Source: Li 2021, SNN calibration, light pipeline; beyond the survey. Goes with threshold=mse
    there.

    Args:
        samples: number of training images, without augmentation.
        timesteps: T that the correction is for; measured over all of them.
    """

    def __init__(self, samples: Count, timesteps: Count):
        self.samples = samples
        self.timesteps = timesteps

    def __call__(self, converted: Converted, train: Batches) -> None:
        batch = train.sample(self.samples)
        for name, wanted in layer_by_layer(converted.activations(batch, _per_channel)):
            missing = wanted - _per_channel(converted.train(name, batch, self.timesteps).value)
            connection = converted.connection(name)
            if connection is not None:
                _shift(connection.layer, missing * converted.current(name))


def _per_channel(values: Float[Tensor, "B C *m"]) -> Float[Tensor, " C"]:
    return values.transpose(0, 1).flatten(1).mean(1)


@torch.no_grad()
def _shift(layer: nn.Module, current: Float[Tensor, " C"]) -> None:
    if layer.bias is None:
        layer.bias = nn.Parameter(torch.zeros_like(current))
    layer.bias.add_(current)
