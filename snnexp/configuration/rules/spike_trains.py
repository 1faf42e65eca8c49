"""Rules of what reads spikes by their moments: losses on trains, and neurons trained on times."""

from collections.abc import Iterator

from snnexp.configuration.rules.reading import Config, kind, says, stages_with


def trains_are_there(config: Config) -> Iterator[str]:
    """A loss on spike trains needs output neurons in every stage that trains."""
    if not says(config, "loss", "of_spikes"):
        return
    loss = kind(config["loss"])
    analog = stages_with(config, form="analog", trains=True)
    if analog:
        yield f"loss: an ANN has no spikes for {loss} (stage {analog[0]}); set loss=cross_entropy"
    elif not says(config, "readout", "spiking"):
        silent = f"output neurons never fire with {kind(config['readout'])}"
        yield f"readout: {silent}, and {loss} reads their spikes; set readout=rate"


def patterns_ask_for_a_spike(config: Config) -> Iterator[str]:
    """A pattern without a spike within the run wants the same of every class."""
    pattern = config["loss"].get("pattern")
    if pattern is None:
        return
    for name, stage in config["strategy"]["stages"].items():
        steps = stage.get("timesteps", config["timesteps"])
        if not any(pattern[:steps]):
            yield (
                f"loss.pattern: asks for no spike in the {steps} timesteps of stage {name}; set "
                "loss.pattern=[1]"
            )
            return


def counts_can_be_had(config: Config) -> Iterator[str]:
    """No neuron fires more often than there are timesteps."""
    label = config["loss"].get("label")
    if label is None:
        return
    if label <= config["loss"]["others"]:
        yield (
            f"loss.label: {label} spikes are not more than those of other classes; set "
            f"loss.label={config['loss']['others'] + 1}"
        )
    for name, stage in config["strategy"]["stages"].items():
        steps = stage.get("timesteps", config["timesteps"])
        if label > steps:
            yield (
                f"loss.label: {label} spikes do not fit into {steps} timesteps of stage {name}; "
                f"set loss.label={steps}"
            )
            return


def neurons_know_their_synapse(config: Config) -> Iterator[str]:
    """A gradient by the times of spikes counts on one kind of synapse behind them."""
    wanted = config["neuron"].get("synapse_time_constant")
    if wanted is None:
        return
    neuron = kind(config["neuron"])
    if not says(config, "synapse", "first_order"):
        yield f"synapse: {neuron} counts on synapses with one stage; set synapse=exponential"
    elif config["synapse"]["time_constant"] != wanted:
        own = config["synapse"]["time_constant"]
        yield (
            f"neuron.synapse_time_constant: is not that of the synapses; set "
            f"neuron.synapse_time_constant={float(own)}"
        )


RULES = (
    trains_are_there,
    patterns_ask_for_a_spike,
    counts_can_be_had,
    neurons_know_their_synapse,
)
