"""Rules of networks whose first layers are analog, and of classes that are dropped by chance."""

from collections.abc import Iterator

from snnexp.configuration.rules.reading import Config, kind, says, use


def fronts_see_the_image(config: Config) -> Iterator[str]:
    """Analog layers take numbers, and have one timestep; codes in windows have no place for what
    stands still.
    """
    if not any("front" in stage for stage in config["strategy"]["stages"].values()):
        return
    if says(config, "encoder", "spiking"):
        sent = f"{kind(config['encoder'])} sends spikes, analog layers see the image itself"
        yield f"encoder: {sent}; {use(config, 'direct')}"
    if says(config, "norm", "per_step"):
        kept = f"{kind(config['norm'])} keeps statistics per timestep"
        yield f"norm: {kept}, analog layers have one timestep; use norm=batch, tdbn or none"
    if says(config, "neuron", "windowed"):
        coded = f"{kind(config['neuron'])} expects codes, analog layers send numbers"
        yield f"neuron: {coded}; set neuron=lif"


def chances_are_read(config: Config) -> Iterator[str]:
    """Who draws which classes are kept has to be told their chances, and keeps as much of them."""
    if not says(config, "loss", "of_chances"):
        return
    readout, floor = config["readout"], config["loss"].get("floor")
    if not says(config, "readout", "gives_chances"):
        none = f"{kind(config['loss'])} draws classes, {kind(readout)} gives them no chances"
        yield f"loss: {none}; set readout=stochastic_softmax"
    elif readout.get("floor") != floor:
        other = f"{floor} is left of a class in training, {readout.get('floor')} in evaluations"
        yield f"readout.floor: {other}; set readout.floor={floor}"


RULES = (fronts_see_the_image, chances_are_read)
