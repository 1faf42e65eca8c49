"""Rules of synapses: where they may stand."""

from collections.abc import Iterator

from snnexp.configuration.rules.reading import Config, beyond_spikes, kind, says


def filters_before_weights_have_spikes(config: Config) -> Iterator[str]:
    """A filter in front of the weights has a place in the spiking form alone."""
    other = beyond_spikes(config)
    if other and says(config, "synapse", "before_weights"):
        placed = f"{kind(config['synapse'])} filters what comes to weights through time"
        yield f"synapse: {placed}, which stage {other[0]} does not do; set synapse=instantaneous"


RULES = (filters_before_weights_have_spikes,)
