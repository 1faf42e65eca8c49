"""Rules of the stages that train on what spike trains amount to: what keeps that from standing for all timesteps."""

from collections.abc import Iterator

from snnexp.configuration.rules.reading import Config, kind, named

COUNTS, TRACES, WHOLE = "SpikeCounts", "LowPassSignals", "Equivalent"


def counts_stand_for_sums(config: Config) -> Iterator[str]:
    """A count is the sum of the current over the threshold only without leak, with reset by subtraction, and where nothing is delayed."""
    if not named(config, COUNTS):
        return
    neuron = config["neuron"]
    if kind(neuron) != "IF":
        yield f"neuron: spike counts need integrate-and-fire neurons, got {kind(neuron)}; set neuron=if"
    elif neuron["reset"] != "soft":
        yield "neuron.reset: a reset to zero loses what is above the threshold, and counts no sum; set neuron.reset=soft"
    elif neuron["order"] != "fire_after":
        yield "neuron.order: a layer that answers one step late misses the last input in its count; set neuron.order=fire_after"
    if kind(config["norm"]) == "BNTT":
        yield "norm: bntt keeps statistics per timestep, the counts have none; use norm=batch, tdbn or none"


def traces_have_their_neurons(config: Config) -> Iterator[str]:
    """Traces decay with the leak of the neurons; biases and norms would have to decay with them."""
    if not named(config, TRACES):
        return
    if kind(config["neuron"]) != "LateralLIF":
        yield f"neuron: low-pass signals are those of lateral_lif, got {kind(config['neuron'])}; set neuron=lateral_lif"
    elif config["neuron"]["inhibition"] >= 1:
        yield f"neuron.inhibition: the signals solve for it below 1 only, got {config['neuron']['inhibition']}; set neuron.inhibition=0.1"
    yield from _plain(config, "a low-pass signal")
    if kind(config["readout"]) != "Rate":
        yield "readout: the signal of the output is that of its spikes; set readout=rate"


def passes_over_all_timesteps(config: Config) -> Iterator[str]:
    """What the training pass in count form does not know: parts of a sequence, a compiler, readouts that are no sum over time."""
    stages = named(config, COUNTS) + named(config, TRACES)
    if not stages:
        return
    said = f"stage {stages[0]} keeps nothing per timestep, so that there is nothing to cut"
    if config["time_segments"] != 1:
        yield f"time_segments: {said}; set time_segments=1"
    if config["compile"]:
        yield f"compile: stage {stages[0]} measures spike trains with hooks, which a compiler does not follow; set compile=false"
    if kind(config["synapse"]) != "Instantaneous":
        yield f"synapse: what spikes amount to is read without delay, got {kind(config['synapse'])}; set synapse=instantaneous"
    readout = config["readout"]
    if kind(readout) not in ("Potential", "Rate", "Voting"):
        yield f"readout: {kind(readout)} is no sum over time; set readout=potential"
    elif readout.get("leak", 1) != 1:
        yield "readout.leak: with a leak the score is no sum over time; set readout.leak=1.0"


def whole_numbers_are_kept(config: Config) -> Iterator[str]:
    """A network of whole numbers and its spiking form compute the same only if nothing but spikes comes in, and everything adds up."""
    if not named(config, WHOLE):
        if kind(config["neuron"]) == "SignedFlush":
            yield "neuron: signed_flush passes no gradient, its network is trained on whole numbers; set strategy=spikegrad"
        return
    names = list(config["strategy"]["stages"])
    if any(names[max(names.index(name) - 1, 0)] not in named(config, "ANN") for name in named(config, WHOLE)):
        yield "strategy: whole numbers come from a stage that trains the ANN right before (stage=ann); set strategy=spikegrad"
    yield from _spikes_alone(config)
    yield from _plain(config, "a whole number of spikes")
    yield from _rounded(config)
    yield from _summed_up(config)
    yield from _averaged(config)


def _spikes_alone(config: Config) -> Iterator[str]:
    for group, wanted, option in (("neuron", "SignedFlush", "signed_flush"), ("encoder", "Count", "count")):
        if kind(config[group]) != wanted:
            yield f"{group}: whole numbers of spikes go with {option}, got {kind(config[group])}; set {group}={option}"


def _summed_up(config: Config) -> Iterator[str]:
    readout = config["readout"]
    if kind(readout) != "Potential" or readout["leak"] != 1:
        yield "readout: what has arrived in the end is the potential of output neurons that never fire; set readout=potential"
    elif readout["average"]:
        yield "readout.average: the mean over time falls after the last spike, the sum stays; set readout.average=false"


def _averaged(config: Config) -> Iterator[str]:
    if any(str(token).startswith("MP") for token in config["architecture"].get("layers", [])):
        yield "architecture.layers: a maximum over spike trains is not that of counts; use average pools (AP2)"
    if config["architecture"].get("pooling") == "max":
        yield "architecture.pooling: a maximum over spike trains is not that of counts; set architecture.pooling=average"


def _plain(config: Config, what: str) -> Iterator[str]:
    if kind(config["norm"]) != "none":
        yield f"norm: {what} has no place for what a norm adds at every timestep; set norm=none"
    if config["architecture"].get("bias"):
        yield f"architecture.bias: {what} has no place for what a bias adds at every timestep; set architecture.bias=false"


def _rounded(config: Config) -> Iterator[str]:
    for name in named(config, "ANN"):
        activation = config["strategy"]["stages"][name]["activation"]
        if kind(activation) != "Rounded":
            said = f"stage {name} has to train on whole numbers of spikes, got {kind(activation)}; set strategy=spikegrad"
            yield f"strategy.stages.{name}.activation: {said}"
        elif activation["threshold"] != config["neuron"].get("threshold"):
            path, wanted = f"strategy.stages.{name}.activation.threshold", config["neuron"].get("threshold")
            yield f"{path}: {activation['threshold']} is not the threshold of the neurons; set {path}={wanted}"
