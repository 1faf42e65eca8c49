"""The thresholds of a converted network, and how they are put into it."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from snnexp.conversion.units import driving, following, hidden_units
from snnexp.network.network import Network


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of a converted network by layer, in one of three conventions of what a spike
    carries.

        A   unit spikes, weights kept
            a threshold is in units of weighted spikes
            a spike stands for the product of the thresholds so far
        B   spikes of the height of the threshold, weights kept
            a threshold is in units of the activation, which is what a spike stands for
        C   unit spikes, weights normalised, the spikes of B
            W_l <- W_l span_(l-1) / span_l,  b_l <- b_l / span_l,  then every threshold is 1

    Args:
        neurons: what the neurons get.
        spans: the activation that one spike per timestep stands for.
        measured: what the spans were before they were scaled, if the weights are to be normalised;
            else none.
        initial_potential: potential before the first timestep as a fraction of the threshold.
    """

    neurons: Mapping[str, float]
    spans: Mapping[str, float]
    measured: Mapping[str, float]
    initial_potential: float


def apply(thresholds: Thresholds, network: Network) -> None:
    """Puts thresholds into a converted network, and normalises its weights if they say so."""
    units = hidden_units(network)
    for name, threshold in thresholds.neurons.items():
        units[name].neuron.set_threshold(threshold, thresholds.initial_potential)
    if thresholds.measured:
        _normalise(thresholds, network)


@torch.no_grad()
def _normalise(thresholds: Thresholds, network: Network) -> None:
    units, behind = hidden_units(network), following(network)
    for name, measured in thresholds.measured.items():
        # Two products, in this order: one would round otherwise, and change recorded weights.
        weight = behind[name].layer.weight
        weight.mul_(measured).mul_(thresholds.spans[name] / measured)
    for name, span in thresholds.spans.items():
        (connection,) = driving(units[name])
        _divide(connection.layer, span)


def _divide(layer: nn.Module, span: float) -> None:
    for parameter in layer.parameters():
        parameter.div_(span)
