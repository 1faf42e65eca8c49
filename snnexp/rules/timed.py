"""Rules for networks whose values are spike times."""

from collections.abc import Iterator

from snnexp.rules.reading import Config, kind, named

NEURONS = ("IFExp", "IFLinear", "Alpha", "LIF2", "IFDelta")
LOSSES = ("SpikeTimeCrossEntropy", "RelativeTime", "TimeError")


def times_are_timed(config: Config) -> Iterator[str]:
    """Stages that train spike times follow none of another kind, and losses on times nothing else."""
    stages, timed = list(config["strategy"]["stages"]), named(config, "SingleSpike")
    if timed and timed != stages:
        yield f"strategy.stages.{timed[0]}: spike times are trained from their own first weights; set strategy=single_spike"
    if not timed and kind(config["loss"]) in LOSSES:
        yield f"loss: {kind(config['loss'])} is of spike times, which only strategy=single_spike gives; set loss=cross_entropy"


def times_have_their_own_parts(config: Config) -> Iterator[str]:
    """Neurons, encoder, readout and loss of spike times go together."""
    if not named(config, "SingleSpike"):
        return
    wanted = {"neuron": (NEURONS, "if_exp"), "encoder": (("SpikeTime",), "spike_time"), "readout": (("FirstSpike",), "first_spike")}
    wanted |= {"loss": (LOSSES, "spike_time"), "norm": (("none",), "none"), "synapse": (("Instantaneous",), "instantaneous")}
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
