"""What stands against converting a network, each with a remedy.

Nothing is asked here what it is, but what it says of itself: neurons as `Convertible` and
`Chargeable`, layers as `Distorting`, norms by `affine`.
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from torch import nn

from snnexp.conversion.balancing import Balancing
from snnexp.conversion.units import (
    OUTPUT,
    BlockThreshold,
    codes_in_time,
    hidden_units,
    in_blocks,
    is_chain,
    parts,
)
from snnexp.layers.distortion import Code, Distorting
from snnexp.network.network import Network
from snnexp.network.parts import connections, spiking_units
from snnexp.network.wiring import wiring
from snnexp.neurons.convertible import Chargeable
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
    if output is not None and not output.neuron.latches:
        yield (
            "readout: output neurons have no activation to stand for, and a threshold would cut "
            "scores off; set readout=potential"
        )
    yield from _fixed_norms(network)
    yield from _distortions(network)


def _fixed_norms(network: Network) -> Iterator[str]:
    for name, connection in connections(network).items():
        if not isinstance(connection.norm, nn.Identity) and not hasattr(connection.norm, "affine"):
            yield (
                f"norm: {type(connection.norm).__name__} at {name} cannot be folded into the "
                "weights; use norm=batch, tdbn or none"
            )
            return


def _distortions(network: Network) -> Iterator[str]:
    """What layers do to spikes alone; where many do the same, the first is named."""
    latching = all(unit.neuron.latches for unit in hidden_units(network).values())
    code: Code = "steps" if latching else "rates"
    known: set[str] = set()
    for node in wiring(network).nodes:
        said = node.layer.distortion(code) if isinstance(node.layer, Distorting) else None
        if said is not None and said not in known:
            known.add(said)
            yield f"architecture: {node.name} {said}"


def conventional(spiking: Network, balancing: Balancing, path: str) -> Iterator[str]:
    """What does not fit what a spike carries; `path` is where the stage stands in the
    configuration.
    """
    unit = any(each.neuron.amplitude == "unit" for each in hidden_units(spiking).values())
    block_threshold = balancing.block_threshold
    if balancing.weights == "normalised":
        yield from _against_normalised(spiking, unit, path)
    elif unit and not balancing.rule.spikes:
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
    neurons = [unit.neuron for unit in hidden_units(spiking).values()]
    coded = [neuron for neuron in neurons if codes_in_time(neuron)]
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
    shared = [neuron for neuron in neurons if not isinstance(neuron, Chargeable)]
    if not coded and shared and calibration.corrects_potentials:
        said = (
            f"corrects potentials at the start, and {type(shared[0]).__name__} neurons have "
            "shares of their thresholds"
        )
        yield f"calibration: {said}; use calibration=light"
