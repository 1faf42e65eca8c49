"""Rules of neurons that answer late: codes in windows, and neurons that fire before they are
charged.
"""

from collections.abc import Iterator
from contextlib import suppress

import torch

from snnexp.configuration.build import blueprint, component
from snnexp.configuration.rules.reading import UNBUILDABLE, Config, kind, says, stages_with, use
from snnexp.configuration.slots import ability, class_of
from snnexp.network.parts import depth
from snnexp.network.spiking import spiking_network
from snnexp.neurons.windowed import Windowed


def _windowed(config: Config) -> Windowed | None:
    """One of the neurons, where they code in windows; None where it does not build, which is for
    `everything_builds` to say.
    """
    with suppress(*UNBUILDABLE):
        return component(config["neuron"]) if _is_windowed(config) else None


def _is_windowed(config: Config) -> bool:
    return issubclass(class_of(config["neuron"]["_target_"]), Windowed)


def _depth(config: Config) -> int | None:
    """Spiking layers on the longest path; None where the network does not build, which is for
    `everything_builds` to say.
    """
    try:
        with torch.device("meta"):
            return depth(
                spiking_network(blueprint(config, component(config["dataset"]).shape, classes=10))
            )
    except UNBUILDABLE:
        return None


def _lengths(config: Config) -> dict[str, int]:
    return {"timesteps": config["timesteps"], "evaluate.timesteps": config["evaluate"]["timesteps"]}


def some_neurons_are_not_trained(config: Config) -> Iterator[str]:
    """Neurons made for conversion pass no gradient."""
    trained = [
        name
        for name in stages_with(config, trains=True)
        if name not in stages_with(config, form="analog")
    ]
    if not says(config, "neuron", "differentiable") and trained:
        said = f"{kind(config['neuron'])} passes no gradient, but stage {trained[0]} trains it"
        yield f"neuron: {said}; set strategy=conversion"


def smooth_activations_have_their_neuron(config: Config) -> Iterator[str]:
    """A neuron fitted to a function stands for that function alone, and no other neuron for a
    smooth one.
    """
    function = config["neuron"].get("function")
    stages = config["strategy"]["stages"] if stages_with(config, code="rates") else {}
    for name, stage in ((name, stage) for name, stage in stages.items() if "activation" in stage):
        trained = kind(stage["activation"])
        its_own = ability(stage["activation"]["_target_"], "activation", "function")
        if function is not None and its_own != function:
            yield (
                f"activation: neurons are fitted to {function}, but stage {name} trains "
                f"{trained}; set activation={function}"
            )
        elif function is None and its_own is not None:
            said = f"{kind(config['neuron'])} neurons do not stand for {trained}"
            yield f"activation: {said}; set activation=relu, or neuron=fitted_few_spikes"


def windows_have_their_neurons(config: Config) -> Iterator[str]:
    """An encoder or a readout in windows is for neurons that code in windows."""
    if _is_windowed(config):
        return
    neuron = kind(config["neuron"])
    if says(config, "readout", "in_windows"):
        read = f"{kind(config['readout'])} reads codes in windows"
        yield f"readout: {read}, {neuron} neurons have none; set neuron=few_spikes"
    if says(config, "encoder", "shows") == "every_window":
        sent = f"{kind(config['encoder'])} codes in windows"
        remedy = "set neuron=few_spikes (or switch, time_to_first_spike)"
        yield f"encoder: {sent}, {neuron} neurons have none; {remedy}"


def windows_agree(config: Config) -> Iterator[str]:
    """Neurons, encoder and readout share the clock."""
    if (neuron := _windowed(config)) is None:
        return
    name, encoder, readout = (kind(config[group]) for group in ("neuron", "encoder", "readout"))
    if not says(config, "readout", "in_windows"):
        yield (
            f"readout: {name} neurons send values window by window, {readout} does not see where "
            "one ends; set readout=window"
        )
    if says(config, "encoder", "shows") not in ("every_step", "every_window"):
        yield (
            f"encoder: {name} neurons need an image that is the same in every window, not "
            f"{encoder}; {use(config, 'direct')}"
        )
    for group in ("encoder", "readout"):
        if config[group].get("window", neuron.window) != neuron.window:
            said = f"is {config[group]['window']}, that of the neurons is {neuron.window}"
            yield f"{group}.window: {said}; set {group}.window={neuron.window}"
    if config["readout"].get("silent", neuron.silent) != neuron.silent:
        said = f"{name} neurons leave {neuron.silent} steps of a window silent"
        yield f"readout.silent: {said}; set readout.silent={neuron.silent}"


def windows_reach_the_output(config: Config) -> Iterator[str]:
    """A layer answers one window late, and the output is right at the end of a window."""
    neuron = _windowed(config)
    if neuron is None or (layers := _depth(config)) is None:
        return
    window = neuron.window
    needed = (layers + 1) * window
    for key, timesteps in _lengths(config).items():
        if timesteps < needed or timesteps % window:
            yield (
                f"{key}: {layers} spiking layers pass an image on in windows of {window}, so "
                f"it takes ({layers} + 1) x {window} timesteps, "
                f"got {timesteps}; set {key}={needed}"
            )


def late_neurons_reach_the_output(config: Config) -> Iterator[str]:
    """A layer that fires before it is charged answers one step late; in as many steps as layers
    nothing reaches the output.
    """
    if config["neuron"].get("order") != "fire_before" or (layers := _depth(config)) is None:
        return
    for key, timesteps in _lengths(config).items():
        if timesteps <= layers:
            yield (
                f"{key}: with order=fire_before each of the {layers} spiking layers answers "
                f"one step late, so within {timesteps} timesteps "
                f"nothing reaches the output; set neuron.order=fire_after, or {key}={4 * layers}"
            )


RULES = (
    some_neurons_are_not_trained,
    smooth_activations_have_their_neuron,
    windows_have_their_neurons,
    windows_agree,
    windows_reach_the_output,
    late_neurons_reach_the_output,
)
