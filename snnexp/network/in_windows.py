"""What in a body is not linear beside its neurons, made for neurons that code in windows."""

from collections import OrderedDict
from collections.abc import Callable

from torch import nn

from snnexp.cell import Cell, Over
from snnexp.layers.per_step import PerStep
from snnexp.layers.spiking import SpikingUnit
from snnexp.layers.squeeze_excitation import SqueezeExcitation
from snnexp.layers.window_maximum import WindowMaximum
from snnexp.layers.window_mean import WindowMean
from snnexp.network.wiring import wiring
from snnexp.neurons.fitted_few_spikes import FittedFewSpikes, steps
from snnexp.neurons.windowed import Windowed


def put_in_windows(body: nn.Module, neuron: Windowed, synapse: Callable[[], Cell]) -> None:
    """Replaces max pools by pools of values, and gates by neurons that send sigmoids, in place.

    A code whose windows end in silent steps is left as it is, and so are gates where a window is
    too short for a sigmoid.

    Args:
        body: what the architecture built, in spiking form.
        neuron: one of its neurons.
        synapse: makes what stands before each of them.
    """
    if neuron.silent:
        return
    for node in wiring(body).of("pool", "joint"):
        if _takes_maxima(node.module):
            body.set_submodule(node.name, Over(WindowMaximum(node.module[0], neuron.window)))
        elif isinstance(node.module, SqueezeExcitation) and neuron.window >= steps("sigmoid"):
            node.module.gate = _gate(neuron.window, synapse())


def _takes_maxima(module: nn.Module) -> bool:
    return isinstance(module, PerStep) and [type(layer) for layer in module] == [nn.MaxPool2d]


def _gate(window: int, synapse: Cell) -> nn.Sequential:
    """Neurons that send the sigmoid of their current, and what holds it as the factor of spikes."""
    neurons = SpikingUnit(nn.Identity(), synapse, FittedFewSpikes("sigmoid", window))
    return nn.Sequential(OrderedDict(neurons=neurons, held=Over(WindowMean(window))))
