"""Calibration of the mean of every neuron."""

from jaxtyping import Float
from torch import Tensor

from snnexp.calibrations.base import Calibration, layer_by_layer
from snnexp.calibrations.light import Light
from snnexp.conversion.converted import Converted
from snnexp.conversion.units import hidden_units
from snnexp.datasets.batches import Batches
from snnexp.limits import Count


class Advanced(Calibration):
    """After the light calibration, layer by layer, lets every neuron start with the charge it
    misses on average.

        v(0) <- v(0) + timesteps (mean(a) - mean(threshold s))       means over images and timesteps

    Source: Li 2021, SNN calibration, advanced pipeline with potentials; beyond the survey. The
    correction is for these timesteps alone: at twice as many its effect is half.

    Args:
        samples: number of training images, without augmentation.
        timesteps: T that the correction is for; measured over all of them.
    """

    corrects_potentials = True

    def __init__(self, samples: Count, timesteps: Count):
        self.light = Light(samples, timesteps)
        self.samples = samples
        self.timesteps = timesteps

    def __call__(self, converted: Converted, train: Batches) -> None:
        self.light(converted, train)
        batch = train.sample(self.samples)
        for name, wanted in layer_by_layer(converted.activations(batch, _per_neuron)):
            missing = wanted - _per_neuron(converted.train(name, batch, self.timesteps).value)
            neuron = hidden_units(converted.spiking)[name].neuron
            neuron.charge(missing * (self.timesteps * converted.current(name)))


def _per_neuron(values: Float[Tensor, "B *m"]) -> Float[Tensor, "*m"]:
    return values.mean(0)
