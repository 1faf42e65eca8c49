"""Rules of analog networks, which have one timestep."""

from collections.abc import Iterator

from snnexp.configuration.rules.reading import Config, kind, says, stages_with


def analog_networks_see_the_image(config: Config) -> Iterator[str]:
    """What an image is over time, read pixel after pixel, no mean over time tells."""
    analog = stages_with(config, form="analog")
    if analog and not says(config, "encoder", "stands_still"):
        shown = f"{kind(config['encoder'])} shows the image part by part over time"
        yield (
            f"encoder: {shown}, of which the analog network of stage {analog[0]} sees a mean that "
            "says nothing of it; set encoder=direct, or train through time with strategy=bptt"
        )


RULES = (analog_networks_see_the_image,)
