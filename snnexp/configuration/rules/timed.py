"""Rules for networks whose values are spike times."""

from collections.abc import Iterator

import torch

from snnexp.configuration.build import activation, blueprint, component
from snnexp.configuration.rules.reading import Config, kind, named
from snnexp.network.analog import analog_network
from snnexp.stages.mapping import obstacles

NEURONS = ("IFExp", "IFLinear", "Alpha", "LIF2", "IFDelta")
MAPPED = ("ConstantSlope",)
LOSSES = ("SpikeTimeCrossEntropy", "RelativeTime", "TimeError")


def times_are_timed(config: Config) -> Iterator[str]:
    """Stages that train spike times follow none of another kind but a mapping, and losses on times nothing else."""
    stages, timed, mapped = list(config["strategy"]["stages"]), named(config, "SingleSpike"), named(config, "Mapping")
    place = stages.index(mapped[0]) if mapped else 0
    if mapped and not (0 < place and stages[:place] == named(config, "ANN") and stages[place + 1 :] == timed):
        yield f"strategy.stages.{mapped[0]}: maps what stages before have trained (stage=ann), once; set strategy=mapping"
    if timed and not mapped and timed != stages:
        yield f"strategy.stages.{timed[0]}: spike times are trained from their own first weights; set strategy=single_spike"
    if not timed and kind(config["loss"]) in LOSSES:
        yield f"loss: {kind(config['loss'])} is of spike times, which only strategy=single_spike gives; set loss=cross_entropy"


def windows_have_a_mapping(config: Config) -> Iterator[str]:
    """Neurons that listen in one window and answer in the next have windows only where a mapping gives every layer its own."""
    if kind(config["neuron"]) in MAPPED and not named(config, "Mapping"):
        yield f"neuron: {kind(config['neuron'])} has a window in each layer only in a network that is mapped; set strategy=mapping"


def mapping_is_exact(config: Config) -> Iterator[str]:
    """A mapping takes over what has an exact spike time, and training behind it keeps to that."""
    mapped = named(config, "Mapping")
    if not mapped or kind(config["neuron"]) not in MAPPED:
        return
    with torch.device("meta"):
        analog = analog_network(blueprint(config, component(config["dataset"]).shape, classes=10), activation(config))
    yield from obstacles(analog, f"strategy.stages.{mapped[0]}")
    plain = {"pool": "first", "clock": False, "delays": [], "pulses": 0}
    for name in named(config, "SingleSpike"):
        form, path = config["strategy"]["stages"][name]["form"], f"strategy.stages.{name}.form"
        for key in (key for key, value in plain.items() if form[key] != value):
            said = {"pool": "first", "clock": "false", "delays": "[]", "pulses": "0"}[key]
            yield f"{path}.{key}: is not that of the mapped network; set {path}.{key}={said}"


def values_fit_their_window(config: Config) -> Iterator[str]:
    """A mapping takes the time of an input for its value: from 0 for the largest to the end of the window for nothing."""
    if not named(config, "Mapping") or "horizon" not in config["neuron"]:
        return
    encoder, horizon = config["encoder"], config["neuron"]["horizon"]
    if encoder.get("latest", horizon) != horizon:
        yield f"encoder.latest: nothing comes at the end of the window, {horizon:g}; set encoder.latest={float(horizon)}"
    if kind(encoder) == "SpikeTime":
        plain = {"earliest": 0.0, "bright_first": True, "binarize": None, "silent": None, "grid": None, "jitter": 0.0, "whiten": False}
        for key in (key for key, value in plain.items() if encoder[key] != value):
            value = {None: "null", True: "true", False: "false"}.get(plain[key], plain[key])
            yield f"encoder.{key}: the time of a pixel is to stand for its value; set encoder.{key}={value}"


def times_have_their_own_parts(config: Config) -> Iterator[str]:
    """Neurons, encoder, readout and loss of spike times go together."""
    mapped = named(config, "Mapping")
    if not mapped and not named(config, "SingleSpike"):
        return
    wanted = {"encoder": (("SpikeTime", "Whitening"), "spike_time"), "readout": (("FirstSpike",), "first_spike")}
    wanted |= {"neuron": (NEURONS, "if_exp"), "synapse": (("Instantaneous",), "instantaneous")}
    if mapped:
        wanted |= {"neuron": (MAPPED, "constant_slope")}
    else:
        wanted |= {"loss": (LOSSES, "spike_time"), "norm": (("none",), "none")}
    for group, (kinds, option) in wanted.items():
        if kind(config[group]) not in kinds:
            yield f"{group}: {kind(config[group])} has no spike times; set {group}={option}"
    if config["precision"] != "float32":
        yield "precision: spike times need float32; set precision=float32"
    for name in named(config, "SingleSpike"):
        stage = config["strategy"]["stages"][name]
        if stage["form"]["solver"] == "grid" and not stage["form"]["clock"]:
            path = f"strategy.stages.{name}.form"
            yield f"{path}.solver: hidden times lie on a grid only with a clock; set {path}.clock=true"
