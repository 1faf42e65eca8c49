"""Rules of neurons that answer late: codes in windows, and neurons that fire before they are charged."""

from collections.abc import Iterator
from contextlib import suppress

import torch

from snnexp.configuration.build import blueprint, component, locate
from snnexp.configuration.rules.reading import Config, kind, named, values
from snnexp.network.parts import depth
from snnexp.network.spiking import spiking_network
from snnexp.neurons.windowed import Windowed


def _windowed(config: Config) -> Windowed | None:
    """One of the neurons, where they code in windows; None where it does not build, which is for `everything_builds` to say."""
    with suppress(ValueError):
        return component(config["neuron"]) if _is_windowed(config) else None


def _is_windowed(config: Config) -> bool:
    return issubclass(locate(config["neuron"]["_target_"]), Windowed)


def _depth(config: Config) -> int | None:
    """Spiking layers on the longest path; None where the network does not build, which is for `everything_builds` to say."""
    try:
        with torch.device("meta"):
            return depth(spiking_network(blueprint(config, component(config["dataset"]).shape, classes=10)))
    except (ValueError, RuntimeError, TypeError, LookupError):
        return None


def _lengths(config: Config) -> dict[str, int]:
    return {"timesteps": config["timesteps"], "evaluate.timesteps": config["evaluate"]["timesteps"]}


def some_neurons_are_not_trained(config: Config) -> Iterator[str]:
    """Neurons made for conversion pass no gradient."""
    neuron = locate(config["neuron"]["_target_"])
    trained = [name for name, stage in config["strategy"]["stages"].items() if kind(stage) not in ("ANN", "Pretrained", "Conversion")]
    if not getattr(neuron, "differentiable", True) and trained:
        yield f"neuron: {neuron.__name__} passes no gradient, but stage {trained[0]} trains it; set strategy=conversion"


def smooth_activations_have_their_neuron(config: Config) -> Iterator[str]:
    """A neuron fitted to a function stands for that function alone, and no other neuron for a smooth one."""
    function = config["neuron"]["function"] if kind(config["neuron"]) == "FittedFewSpikes" else None
    stages = config["strategy"]["stages"] if named(config, "Conversion") else {}
    for name, stage in ((name, stage) for name, stage in stages.items() if "activation" in stage):
        trained = kind(stage["activation"])
        if function is not None and trained.lower() != function:
            yield f"activation: neurons are fitted to {function}, but stage {name} trains {trained}; set activation={function}"
        elif function is None and trained in ("SiLU", "Sigmoid"):
            said = f"{kind(config['neuron'])} neurons do not stand for {trained}"
            yield f"activation: {said}; set activation=relu, or neuron=fitted_few_spikes"


def windows_have_their_neurons(config: Config) -> Iterator[str]:
    """An encoder or a readout in windows is for neurons that code in windows."""
    if _is_windowed(config):
        return
    neuron = kind(config["neuron"])
    if kind(config["readout"]) == "Window":
        yield f"readout: window reads codes in windows, {neuron} neurons have none; set neuron=few_spikes"
    if (encoder := kind(config["encoder"])) in ("Switch", "TimeToFirstSpike"):
        option = {"Switch": "switch", "TimeToFirstSpike": "time_to_first_spike"}[encoder]
        yield f"encoder: {option} codes in windows, {neuron} neurons have none; set neuron={option}"


def windows_agree(config: Config) -> Iterator[str]:
    """Neurons, encoder and readout share the clock."""
    if (neuron := _windowed(config)) is None:
        return
    name, encoder, readout = (kind(config[group]) for group in ("neuron", "encoder", "readout"))
    if readout != "Window":
        yield f"readout: {name} neurons send values window by window, {readout} does not see where one ends; set readout=window"
    if encoder not in ("Direct", "Poisson", "Switch", "TimeToFirstSpike"):
        yield f"encoder: {name} neurons need an image that is the same in every window, not {encoder}; set encoder=direct"
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
                f"{key}: {layers} spiking layers pass an image on in windows of {window}, so it takes ({layers} + 1) x {window} timesteps, "
                f"got {timesteps}; set {key}={needed}"
            )


def late_neurons_reach_the_output(config: Config) -> Iterator[str]:
    """A layer that fires before it is charged answers one step late; in as many steps as layers nothing reaches the output."""
    if config["neuron"].get("order") != "fire_before" or (layers := _depth(config)) is None:
        return
    for key, timesteps in _lengths(config).items():
        if timesteps <= layers:
            yield (
                f"{key}: with order=fire_before each of the {layers} spiking layers answers one step late, so within {timesteps} timesteps "
                f"nothing reaches the output; set neuron.order=fire_after, or {key}={4 * layers}"
            )


def switches_cover_pixels(config: Config) -> Iterator[str]:
    """The time between two spikes cannot stand for a pixel beyond the window."""
    if kind(config["encoder"]) != "Switch":
        return
    ends = values(config)
    largest = 0.0 if ends is None else max(map(abs, ends))
    if largest > 1:
        yield f"encoder: pixels reach {largest:.2f} and encoder=switch clips beyond 1; set dataset.mean and dataset.std to 0.5 per channel"
