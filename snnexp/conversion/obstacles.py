"""What stands against converting a network, each with a remedy."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from torch import nn

from snnexp.conversion.convertible import (
    OUTPUT,
    BlockThreshold,
    Weights,
    amplitude,
    hidden_units,
    holder,
    in_blocks,
    is_chain,
    parts,
)
from snnexp.layers.elementwise import Elementwise
from snnexp.layers.per_step import PerStep
from snnexp.layers.squeeze_excitation import SqueezeExcitation
from snnexp.network.network import Network
from snnexp.network.parts import connections, spiking_units
from snnexp.network.wiring import wiring
from snnexp.neurons.first_spike import FirstSpike
from snnexp.neurons.windowed import Windowed
from snnexp.thresholds.base import Rule


@runtime_checkable
class Correcting(Protocol):
    """What a calibration says of itself."""

    corrects_rates: bool
    corrects_potentials: bool


def structural(network: Network) -> Iterator[str]:
    """What in the layers of a spiking network keeps it from standing for an analog one."""
    if not hidden_units(network):
        yield "architecture: no activation would become a neuron; give the network a hidden layer"
    output = spiking_units(network).get(OUTPUT)
    if output is not None and not isinstance(output.neuron, FirstSpike):
        yield (
            "readout: output neurons have no activation to stand for, and a threshold would cut "
            "scores off; set readout=potential"
        )
    for name, connection in connections(network).items():
        if not isinstance(connection.norm, nn.Identity) and not hasattr(connection.norm, "affine"):
            yield (
                f"norm: {type(connection.norm).__name__} at {name} cannot be folded into the "
                "weights; use norm=batch, tdbn or none"
            )
            break
    yield from _maxima(network)
    yield from _gates(network)
    joints = [node.module for node in wiring(network).of("joint")]
    functions = {joint.function for joint in joints if isinstance(joint, Elementwise)} - {"add"}
    if functions:
        yield (
            f"architecture: rates do not pass through a join by {', '.join(sorted(functions))}; "
            "use a join that adds"
        )


def _maxima(network: Network) -> Iterator[str]:
    if all(isinstance(unit.neuron, FirstSpike) for unit in hidden_units(network).values()):
        return  # whose outputs are steps: the highest is the earliest
    for node in wiring(network).of("pool"):
        if isinstance(node.module, PerStep) and any(
            isinstance(layer, nn.MaxPool2d) for layer in node.module
        ):
            yield (
                f"architecture: {node.name} takes maxima, and the maximum of spikes at each "
                "timestep is more than the maximum of rates; "
                "train and convert with average pools: architecture.pooling=average, or AP2 "
                "for MP2 in architecture.layers, "
                "or with neuron=few_spikes"
            )
            return


def _gates(network: Network) -> Iterator[str]:
    for node in wiring(network).of("joint"):
        if isinstance(node.module, SqueezeExcitation) and isinstance(node.module.gate, nn.Sigmoid):
            yield (
                f"architecture: {node.name} multiplies spikes by the sigmoid of one timestep, "
                "whose mean is not the sigmoid of the mean; "
                "set neuron=fitted_few_spikes, or neuron=few_spikes neuron.window=12, whose "
                "gates are neurons"
            )
            return


def conventional(
    spiking: Network, rule: Rule, weights: Weights, block_threshold: BlockThreshold, path: str
) -> Iterator[str]:
    """What does not fit what a spike carries; `path` is where the stage stands in the
    configuration.
    """
    unit = any(amplitude(each.neuron) == "unit" for each in hidden_units(spiking).values())
    if weights == "normalised":
        yield from _against_normalised(spiking, unit, path)
    elif unit and not rule.spikes:
        yield (
            "neuron.amplitude: thresholds from activations do not fit spikes of amplitude "
            "'unit' behind weights that are kept; "
            f"set neuron.amplitude=threshold, or weights that fit: {path}.weights=normalised"
        )
    elif unit:
        yield from _against_unit(spiking, block_threshold, path)
    if block_threshold is not None and not in_blocks(spiking):
        yield (
            f"{path}.block_threshold: the network has no residual blocks; set "
            f"{path}.block_threshold=null"
        )
    elif block_threshold == "stem" and not parts(spiking)[0]:
        yield (
            f"{path}.block_threshold: no layer stands before the blocks; set "
            f"{path}.block_threshold=1.0"
        )


def _against_normalised(spiking: Network, unit: bool, path: str) -> Iterator[str]:
    if not unit:
        yield (
            f"{path}.weights: spikes of amplitude 'threshold' need no normalised weights; set "
            f"{path}.weights=kept"
        )
    elif not is_chain(spiking):
        yield (
            f"{path}.weights: branches cannot be normalised, a shortcut has no weights; "
            f"set {path}.weights=kept neuron.amplitude=threshold, which makes the same spikes"
        )


def _against_unit(spiking: Network, block_threshold: BlockThreshold, path: str) -> Iterator[str]:
    layers = connections(spiking).values()
    if any(
        layer.layer.bias is not None or not isinstance(layer.norm, nn.Identity) for layer in layers
    ):
        yield (
            "architecture.bias: spikes of amplitude 'unit' scale values by every threshold "
            "passed, but not biases and folded norms; "
            "set neuron.amplitude=threshold, or norm=none architecture.bias=false"
        )
    if not is_chain(spiking) and block_threshold in (None, "stem"):
        yield (
            "architecture: branches whose thresholds differ meet with spikes of different "
            "scales where the amplitude is 'unit'; "
            f"set neuron.amplitude=threshold, or one threshold for all: {path}.block_threshold=1.0"
        )


def temporal(spiking: Network, rule: Rule, calibration: Correcting) -> Iterator[str]:
    """What speaks of rates where neurons code in time."""
    coded = [
        unit.neuron
        for unit in hidden_units(spiking).values()
        if isinstance(unit.neuron, Windowed | FirstSpike)
    ]
    if coded and rule.spikes:
        said = (
            f"{type(coded[0]).__name__} codes in time, and the current of one timestep says little"
        )
        yield f"threshold: {said}; use threshold=ann_percentile"
    if coded and calibration.corrects_rates:
        yield (
            f"calibration: corrects rates, but {type(coded[0]).__name__} codes in time; use "
            "calibration=none"
        )
    settable = [
        unit.neuron
        for unit in hidden_units(spiking).values()
        if hasattr(unit.neuron, "set_threshold")
    ]
    shared = [neuron for neuron in settable if holder(neuron) is None]
    if not coded and shared and calibration.corrects_potentials:
        said = (
            f"corrects potentials at the start, and {type(shared[0]).__name__} neurons have "
            "shares of their thresholds"
        )
        yield f"calibration: {said}; use calibration=light"
