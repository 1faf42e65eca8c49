"""Rules of conversion: what keeps the rates of a converted network from standing for
activations.
"""

from collections.abc import Iterator

import torch

from snnexp.configuration.build import activation, blueprint, component
from snnexp.configuration.rules.reading import (
    UNBUILDABLE,
    Config,
    before,
    does,
    has_events,
    has_norm,
    kind,
    says,
    stage,
    stages_with,
)
from snnexp.configuration.slots import ability
from snnexp.neurons.convertible import MEMBERS

OF_THEIR_OWN = ("whole_numbers", "times")
"""Codes whose stages have rules of their own on what goes before them."""


def conversion_has_an_ann(config: Config) -> Iterator[str]:
    """Conversion follows a stage that leaves an analog network, others one of the form they start
    from.
    """
    for name, node in config["strategy"]["stages"].items():
        needed = stage(config, name, "starts_from")
        if needed is None or stage(config, name, "code") in OF_THEIR_OWN:
            continue
        if not any(stage(config, each, "form") == needed for each in before(config, name)[-1:]):
            how = "trains the ANN" if needed == "analog" else f"leaves a {needed} network"
            remedy = " (stage=ann)" if needed == "analog" else ""
            wanted = f"needs a stage that {how} right before it{remedy}"
            yield f"strategy.stages.{name}: {kind(node)} {wanted}"


def conversion_has_rates(config: Config) -> Iterator[str]:
    """What a neuron sends stands for a ReLU activation only without leak, of steady input, and
    where it is summed up in the end.
    """
    if not stages_with(config, code="rates"):
        return
    yield from _keeps_its_input(config)
    if not says(config, "synapse", "identity"):
        yield f"synapse: conversion needs synapse=instantaneous, got {kind(config['synapse'])}"
    if says(config, "encoder", "shows") == "once":
        shown = f"{kind(config['encoder'])} sends the image once and then nothing more"
        other = "set encoder=frames" if has_events(config) else "use encoder=direct, poisson or dct"
        yield f"encoder: {shown}, conversion here reads rates; {other}"
    if config["readout"].get("leak", 1) != 1:
        yield "readout: a converted network's output accumulates without leak; set readout.leak=1.0"
    if says(config, "neuron", "latches") and not says(config, "readout", "of_first_spikes"):
        late = f"in the end every {kind(config['neuron'])} neuron with positive input fires"
        yield f"readout: {late}, so only the first is right; set readout=first_spike"


def _keeps_its_input(config: Config) -> Iterator[str]:
    neuron = config["neuron"]
    if not does(config, "neuron", "set_threshold"):
        yield (
            f"neuron: conversion sets thresholds, which {kind(neuron)} does not let it; set "
            "neuron=if"
        )
    elif lacking := [name for name in MEMBERS if not does(config, "neuron", name)]:
        yield (
            f"neuron: conversion asks for {', '.join(lacking)}, which {kind(neuron)} does not "
            "state; derive it from snnexp.neurons.base.Neuron, or set neuron=if"
        )
    elif neuron.get("leak", 1) != 1 or says(config, "neuron", "leaks"):
        yield f"neuron: conversion needs neurons without leak, got {kind(neuron)}; set neuron=if"


def conversion_resets_by_subtraction(config: Config) -> Iterator[str]:
    """A reset to zero loses what is above the threshold, and with it the rate."""
    if stages_with(config, code="rates") and config["neuron"].get("reset", "soft") != "soft":
        yield (
            "neuron.reset: a converted network keeps its rates only with reset by subtraction; "
            "set neuron.reset=soft"
        )


def conversion_overrides_the_neuron(config: Config) -> Iterator[str]:
    """A threshold or a potential at the start that somebody has chosen must not be dropped in
    silence.
    """
    for name in stages_with(config, code="rates"):
        neuron, path = config["neuron"], f"strategy.stages.{name}"
        kept = says(config, "neuron", "latches")  # by output neurons
        if neuron.get("threshold", 1) != 1 and not kept:
            said = (
                f"the conversion chooses every threshold (all times {path}.scale), "
                f"{neuron['threshold']:g} would not count"
            )
            yield f"neuron.threshold: {said}; set neuron.threshold=1.0"
        if neuron.get("initial_potential", 0) != 0:
            said = (
                f"the conversion has its own, {path}.initial_potential, and "
                f"{neuron['initial_potential']:g} would not count"
            )
            yield f"neuron.initial_potential: {said}; set neuron.initial_potential=0.0"


def conversion_of_dct_reads_spikes(config: Config) -> Iterator[str]:
    """Spikes of the cosine transform add up to the image at a scale of their own, which only
    thresholds measured on them know of.
    """
    if not says(config, "encoder", "own_scale"):
        return
    encoder = kind(config["encoder"])
    for name in stages_with(config, code="rates"):
        threshold = config["strategy"]["stages"][name].get("threshold")
        if threshold and not ability(threshold["_target_"], "threshold", "spikes"):
            other = f"rates of encoder {encoder} are not those the ANN sees"
            yield f"threshold: {other}; set threshold=snn_percentile"
        if has_norm(config) or config["architecture"].get("bias"):
            unknown = f"biases and folded norms do not know the scale of encoder {encoder}"
            yield f"norm: {unknown}; set norm=none architecture.bias=false"


def stages_fit_the_network(config: Config) -> Iterator[str]:
    """A stage itself may have something against a network, such as layers that do not carry rates
    on.
    """
    for name in config["strategy"]["stages"]:
        yield from _obstacles(config, name)


def _obstacles(config: Config, name: str) -> list[str]:
    try:
        made = component(config["strategy"]["stages"][name])
        with torch.device("meta"):
            plan = blueprint(config, component(config["dataset"]).shape, classes=10)
            found = made.obstacles(plan, activation(config), f"strategy.stages.{name}")
            return [_with_a_key_that_is_there(each, config) for each in found]
    except UNBUILDABLE:
        return []


def _with_a_key_that_is_there(remedy: str, config: Config) -> str:
    """A neuron of one's own need not have the key that makes its spikes carry the threshold."""
    if "amplitude" in config["neuron"]:
        return remedy
    return remedy.replace("neuron.amplitude=", "neuron=if neuron.amplitude=")


RULES = (
    conversion_has_an_ann,
    conversion_has_rates,
    conversion_resets_by_subtraction,
    conversion_overrides_the_neuron,
    conversion_of_dct_reads_spikes,
    stages_fit_the_network,
)
