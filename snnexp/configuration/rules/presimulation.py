"""Rules of presimulations: what keeps potentials from telling how far a neuron's spikes are from
its input.
"""

from collections.abc import Iterator

from snnexp.configuration.rules.reading import Config, kind, says, use


def _absent(config: Config) -> bool:
    return not says(config, "presimulation", "hidden")


def presimulation_reads_potentials(config: Config) -> Iterator[str]:
    """What is left of a potential is input minus spikes only if nothing leaks, is cut off by the
    reset, or waits for the next step.
    """
    if _absent(config):
        return
    chosen, neuron = kind(config["presimulation"]), config["neuron"]
    if not says(config, "neuron", "integrates"):
        yield (
            f"presimulation: {chosen} needs integrate-and-fire neurons, got {kind(neuron)}; set "
            "neuron=if"
        )
    elif neuron.get("reset", "soft") != "soft":
        yield (
            f"neuron.reset: presimulation {chosen} needs reset by subtraction; set "
            "neuron.reset=soft"
        )
    elif neuron.get("order", "fire_after") != "fire_after":
        yield (
            f"neuron.order: presimulation {chosen} needs neurons that fire from the input of the "
            "same step; set neuron.order=fire_after"
        )


def presimulation_repeats_the_image(config: Config) -> Iterator[str]:
    """Hidden timesteps show the image before the evaluation proper shows it again."""
    if _absent(config):
        return
    encoder, norm, hidden = (
        kind(config["encoder"]),
        config["norm"],
        config["presimulation"].get("timesteps", 0),
    )
    shows = says(config, "encoder", "shows")
    if shows != "every_step":
        said = "shows it once" if shows == "once" else "does not show it in every timestep"
        yield (
            f"encoder: a presimulation shows the image again and again, {encoder} {said}; "
            f"{use(config, 'direct')} (or encoder=poisson)"
        )
    if norm.get("timesteps", hidden) < hidden:
        yield (
            f"presimulation.timesteps: {kind(norm)} has no statistics for {hidden} timesteps; set "
            f"norm.timesteps={hidden}"
        )


RULES = (presimulation_reads_potentials, presimulation_repeats_the_image)
