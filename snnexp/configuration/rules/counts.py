"""Rules of the stages that train on what spike trains amount to: what keeps that from standing for
all timesteps.
"""

from collections.abc import Iterator

from snnexp.configuration.rules.reading import (
    Config,
    before,
    does,
    has_norm,
    kind,
    says,
    stages_with,
    use,
)
from snnexp.configuration.slots import ability


def counts_stand_for_sums(config: Config) -> Iterator[str]:
    """A count is the sum of the current over the threshold only without leak, with reset by
    subtraction, and where nothing is delayed.
    """
    if not stages_with(config, code="counts"):
        return
    neuron = config["neuron"]
    if not says(config, "neuron", "integrates"):
        yield (
            f"neuron: spike counts need integrate-and-fire neurons, got {kind(neuron)}; set "
            "neuron=if"
        )
    elif neuron.get("reset", "soft") != "soft":
        yield (
            "neuron.reset: a reset to zero loses what is above the threshold, and counts no sum; "
            "set neuron.reset=soft"
        )
    elif neuron.get("order", "fire_after") != "fire_after":
        yield (
            "neuron.order: a layer that answers one step late misses the last input in its "
            "count; set neuron.order=fire_after"
        )
    if says(config, "norm", "per_step"):
        kept = f"{kind(config['norm'])} keeps statistics per timestep"
        yield f"norm: {kept}, the counts have none; use norm=batch, tdbn or none"


def traces_have_their_neurons(config: Config) -> Iterator[str]:
    """Traces decay with the leak of the neurons; biases and norms would have to decay with them."""
    if not stages_with(config, code="traces"):
        return
    if not does(config, "neuron", "spread"):
        yield (
            f"neuron: low-pass signals are those of lateral_lif, got {kind(config['neuron'])}; "
            "set neuron=lateral_lif"
        )
    elif config["neuron"].get("inhibition", 0) >= 1:
        yield (
            "neuron.inhibition: the signals solve for it below 1 only, got "
            f"{config['neuron']['inhibition']}; set neuron.inhibition=0.1"
        )
    yield from _plain(config, "a low-pass signal")
    if not says(config, "readout", "spiking"):
        yield "readout: the signal of the output is that of its spikes; set readout=rate"


def firing_rates_have_one_norm(config: Config) -> Iterator[str]:
    """Behind a mean current there is one norm for all timesteps, with the moments of all."""
    if not stages_with(config, code="firing_rates"):
        return
    if has_norm(config) and not does(config, "norm", "affine"):
        kept = f"{kind(config['norm'])} treats every timestep in its own way"
        yield f"norm: {kept}, firing rates are of all; use norm=batch, tdbn or none"
    if says(config, "neuron", "windowed"):
        late = f"{kind(config['neuron'])} neurons code in windows"
        yield f"neuron: {late}, which firing rates do not know; set neuron=lif"


def passes_over_all_timesteps(config: Config) -> Iterator[str]:
    """What the training pass in count form does not know: parts of a sequence, a compiler, readouts
    that are no sum over time.
    """
    stages = [
        name
        for code in ("counts", "firing_rates", "traces")
        for name in stages_with(config, code=code)
    ]
    if not stages:
        return
    said = f"stage {stages[0]} keeps nothing per timestep, so that there is nothing to cut"
    if config["time_segments"] != 1:
        yield f"time_segments: {said}; set time_segments=1"
    if config["compile"]:
        yield (
            f"compile: stage {stages[0]} measures spike trains with hooks, which a compiler does "
            "not follow; set compile=false"
        )
    if not says(config, "synapse", "identity"):
        yield (
            "synapse: what spikes amount to is read without delay, got "
            f"{kind(config['synapse'])}; set synapse=instantaneous"
        )
    readout = config["readout"]
    if not says(config, "readout", "sums_up"):
        yield f"readout: {kind(readout)} is no sum over time; set readout=potential"
    elif readout.get("leak", 1) != 1:
        yield "readout.leak: with a leak the score is no sum over time; set readout.leak=1.0"


def whole_numbers_are_kept(config: Config) -> Iterator[str]:
    """A network of whole numbers and its spiking form compute the same only if nothing but spikes
    comes in, and everything adds up.
    """
    stages = stages_with(config, code="whole_numbers")
    if not stages:
        if says(config, "neuron", "settles"):
            blind = f"{kind(config['neuron'])} passes no gradient"
            remedy = "set strategy=spikegrad"
            yield f"neuron: {blind}, its network is trained on whole numbers; {remedy}"
        return
    analog = stages_with(config, form="analog", trains=True)
    if not all({*before(config, name)[-1:]} & {*analog} for name in stages):
        yield (
            "strategy: whole numbers come from a stage that trains the ANN right before "
            "(stage=ann); set strategy=spikegrad"
        )
    yield from _spikes_alone(config)
    yield from _plain(config, "a whole number of spikes")
    yield from _rounded(config)
    yield from _summed_up(config)
    yield from _averaged(config)


def _spikes_alone(config: Config) -> Iterator[str]:
    for group, needed, option in (
        ("neuron", "settles", "signed_flush"),
        ("encoder", "adds_up", "count"),
    ):
        if not says(config, group, needed):
            yield (
                f"{group}: whole numbers of spikes go with {option}, got {kind(config[group])}; "
                + (use(config, option) if group == "encoder" else f"set {group}={option}")
            )


def _summed_up(config: Config) -> Iterator[str]:
    readout = config["readout"]
    keeps_all = says(config, "readout", "sums_up") and readout.get("leak", 1) == 1
    if not keeps_all or says(config, "readout", "spiking"):
        yield (
            "readout: what has arrived in the end is the potential of output neurons that never "
            "fire; set readout=potential"
        )
    elif readout.get("average", False):
        yield (
            "readout.average: the mean over time falls after the last spike, the sum stays; set "
            "readout.average=false"
        )


def _averaged(config: Config) -> Iterator[str]:
    if any(str(token).startswith("MP") for token in config["architecture"].get("layers", [])):
        yield (
            "architecture.layers: a maximum over spike trains is not that of counts; use average "
            "pools (AP2)"
        )
    if config["architecture"].get("pooling") == "max":
        yield (
            "architecture.pooling: a maximum over spike trains is not that of counts; set "
            "architecture.pooling=average"
        )


def _plain(config: Config, what: str) -> Iterator[str]:
    if has_norm(config):
        yield f"norm: {what} has no place for what a norm adds at every timestep; set norm=none"
    if config["architecture"].get("bias"):
        yield (
            f"architecture.bias: {what} has no place for what a bias adds at every timestep; set "
            "architecture.bias=false"
        )


def _rounded(config: Config) -> Iterator[str]:
    for name in stages_with(config, form="analog", trains=True):
        activation = config["strategy"]["stages"][name].get("activation")
        if activation is None:
            continue
        if not ability(activation["_target_"], "activation", "whole"):
            said = (
                f"stage {name} has to train on whole numbers of spikes, got {kind(activation)}; "
                "set strategy=spikegrad"
            )
            yield f"strategy.stages.{name}.activation: {said}"
        elif activation.get("threshold") != config["neuron"].get("threshold"):
            path, wanted = (
                f"strategy.stages.{name}.activation.threshold",
                config["neuron"].get("threshold"),
            )
            other = f"{activation.get('threshold')} is not the threshold of the neurons"
            yield f"{path}: {other}; set {path}={wanted}"


RULES = (
    counts_stand_for_sums,
    traces_have_their_neurons,
    firing_rates_have_one_norm,
    passes_over_all_timesteps,
    whole_numbers_are_kept,
)
