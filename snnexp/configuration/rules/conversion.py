"""Rules of conversion: what keeps the rates of a converted network from standing for activations."""

from collections.abc import Iterator

import torch

from snnexp.configuration.build import activation as activation_of
from snnexp.configuration.build import blueprint, component, locate
from snnexp.configuration.rules.reading import Config, kind, named
from snnexp.network.spiking import spiking_network
from snnexp.neurons.first_spike import FirstSpike
from snnexp.thresholds.learned_clip import LearnedClip

ONCE = {
    "Latency": "a latency code has one spike per pixel",
    "SpikeTime": "a code of spike times has one spike per pixel",
    "Count": "a code of counts sends the image once and then nothing more",
}
"""Encoders whose input is not steady, by name, and why."""


def conversion_has_an_ann(config: Config) -> Iterator[str]:
    """Conversion follows a stage that trains the analog form."""
    names = list(config["strategy"]["stages"])
    for name in named(config, "Conversion"):
        before = names[: names.index(name)]
        if not before or before[-1] not in [*named(config, "ANN"), *named(config, "Pretrained")]:
            yield f"strategy.stages.{name}: a conversion needs a stage that trains the ANN right before it (stage=ann)"


def conversion_has_rates(config: Config) -> Iterator[str]:
    """What a neuron sends stands for a ReLU activation only without leak, of steady input, and where it is summed up in the end."""
    if not named(config, "Conversion"):
        return
    neuron = config["neuron"]
    if not hasattr(locate(neuron["_target_"]), "set_threshold"):
        yield f"neuron: conversion sets thresholds, which {kind(neuron)} does not let it; set neuron=if"
    elif neuron.get("leak", 1) != 1 or kind(neuron) == "PLIF":
        yield f"neuron: conversion needs neurons without leak, got {kind(neuron)}; set neuron=if"
    if kind(config["synapse"]) != "Instantaneous":
        yield f"synapse: conversion needs synapse=instantaneous, got {kind(config['synapse'])}"
    if kind(config["encoder"]) in ONCE:
        yield f"encoder: {ONCE[kind(config['encoder'])]}, conversion here reads rates; use encoder=direct, poisson or dct"
    if kind(config["readout"]) == "Potential" and config["readout"]["leak"] != 1:
        yield "readout: a converted network's output accumulates without leak; set readout.leak=1.0"
    if kind(neuron) == FirstSpike.__name__ and kind(config["readout"]) != "FirstSpike":
        yield "readout: in the end every first_spike neuron with positive input fires, so only the first is right; set readout=first_spike"


def conversion_resets_by_subtraction(config: Config) -> Iterator[str]:
    """A reset to zero loses what is above the threshold, and with it the rate."""
    if named(config, "Conversion") and config["neuron"].get("reset", "soft") != "soft":
        yield "neuron.reset: a converted network keeps its rates only with reset by subtraction; set neuron.reset=soft"


def conversion_overrides_the_neuron(config: Config) -> Iterator[str]:
    """A threshold or a potential at the start that somebody has chosen must not be dropped in silence."""
    for name in named(config, "Conversion"):
        neuron, stage = config["neuron"], f"strategy.stages.{name}"
        if neuron.get("threshold", 1) != 1 and kind(neuron) != FirstSpike.__name__:  # whose output neurons keep it
            said = f"the conversion chooses every threshold (all times {stage}.scale), {neuron['threshold']:g} would not count"
            yield f"neuron.threshold: {said}; set neuron.threshold=1.0"
        if neuron.get("initial_potential", 0) != 0:
            said = f"the conversion has its own, {stage}.initial_potential, and {neuron['initial_potential']:g} would not count"
            yield f"neuron.initial_potential: {said}; set neuron.initial_potential=0.0"


def conversion_of_dct_reads_spikes(config: Config) -> Iterator[str]:
    """Spikes of the cosine transform add up to the image at a scale of their own, which only thresholds measured on them know of."""
    for name in named(config, "Conversion"):
        if kind(config["encoder"]) != "DCT":
            return
        if not locate(config["strategy"]["stages"][name]["threshold"]["_target_"]).spikes:
            yield "threshold: rates of encoder=dct are not those the ANN sees; set threshold=snn_percentile"
        if kind(config["norm"]) != "none" or config["architecture"].get("bias"):
            yield "norm: biases and folded norms do not know the scale of encoder=dct; set norm=none architecture.bias=false"


def conversion_fits_the_network(config: Config) -> Iterator[str]:
    """Layers that carry rates on, and thresholds that fit what a spike carries."""
    names = named(config, "Conversion")
    if not names:
        return
    try:
        with torch.device("meta"):
            made = blueprint(config, component(config["dataset"]).shape, classes=10)
            spiking, activation = spiking_network(made), activation_of(config)()
        stages = {name: component(config["strategy"]["stages"][name]) for name in names}
    except (ValueError, RuntimeError, TypeError, LookupError):  # which is for `everything_builds` to say
        return
    for name, stage in stages.items():
        yield from stage.obstacles(spiking, f"strategy.stages.{name}")
        if isinstance(stage.threshold, LearnedClip) and not hasattr(activation, "clip"):
            yield f"threshold: learned_clip reads the bound of an activation, and {type(activation).__name__} has none; set activation=qcfs"
