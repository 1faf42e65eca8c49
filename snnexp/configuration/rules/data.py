"""Rules of images and how they come in: what an encoder takes, and for how long it sends."""

import math
from collections.abc import Iterator

from snnexp.configuration.build import component
from snnexp.configuration.rules.reading import UNBUILDABLE, Config, kind, says, stages_with


def encoder_takes_pixels(config: Config) -> Iterator[str]:
    """Encoders that read a pixel as a probability or a latency need it in [0, 1]."""
    try:
        encoder = component(config["encoder"])
    except UNBUILDABLE:
        return
    dataset = config["dataset"]
    if not {"mean", "std"} <= dataset.keys():  # which the data set then keeps to itself
        return
    unit_range = set(dataset["mean"]) == {0.0} and set(dataset["std"]) == {1.0}
    if encoder.pixels == "unit" and not unit_range:
        yield (
            f"encoder: {kind(config['encoder'])} takes pixels in [0, 1], but dataset.mean={dataset['mean']} dataset.std={dataset['std']} "
            "moves them out; set dataset.mean=[0.0] dataset.std=[1.0], or a signed encoder (encoder=poisson encoder.signed=true)"
        )


def encoder_lasts(config: Config) -> Iterator[str]:
    """Components made for T timesteps cannot be run for more."""
    longest = max(config["timesteps"], config["evaluate"]["timesteps"])
    for group in ("encoder", "norm"):
        made_for = config[group].get("timesteps", longest)
        if made_for < longest:
            made = f"{group}: {kind(config[group])} is made for {made_for} timesteps"
            yield f"{made}, the run needs {longest}; set {group}.timesteps={longest}"


def images_arrive_in_time(config: Config) -> Iterator[str]:
    """What an encoder sends after the last timestep nobody sees; networks of spike times have no timesteps."""
    encoder, shortest = config["encoder"], min(config["timesteps"], config["evaluate"]["timesteps"])
    if says(config, "encoder", "shows") != "once":
        return
    if encoder.get("duration", shortest) > shortest:
        said = f"spikes are sent for {encoder['duration']} timesteps, the run has {shortest}"
        yield f"encoder.duration: {said}; set encoder.duration={shortest}"
    in_steps = "latest" in encoder and "step" in encoder and not stages_with(config, form="timed")
    if in_steps and encoder["latest"] > encoder["step"] * (shortest - 0.5):
        said = f"the last spikes come at time {encoder['latest']:g}, and {shortest} timesteps of {encoder['step']:g} are over before"
        yield f"encoder.step: {said}; set encoder.step={math.ceil(encoder['latest'] / max(shortest - 1, 0.5))}.0"


def poisson_covers_pixels(config: Config) -> Iterator[str]:
    """Pixels beyond the scale all fire at every step; a quarter beyond it is common practice."""
    scale = config["encoder"].get("rate_scale", math.inf)
    largest = largest_pixel(config) if scale < math.inf else 0.0
    if largest > 1.25 * scale:
        yield (
            f"encoder.rate_scale: pixels reach {largest:.2f} and saturate beyond {scale:g}; set encoder.rate_scale={math.ceil(largest)}.0, "
            "or dataset.mean and dataset.std that keep them in [-1, 1] (0.5 each)"
        )


def switches_cover_pixels(config: Config) -> Iterator[str]:
    """An encoder of pixels in [-1, 1] cuts what is beyond."""
    if says(config, "encoder", "pixels") != "signed":
        return
    largest = largest_pixel(config)
    if largest > 1:
        yield (
            f"encoder: pixels reach {largest:.2f} and {kind(config['encoder'])} clips beyond 1; "
            "set dataset.mean and dataset.std to 0.5 per channel"
        )


def largest_pixel(config: Config) -> float:
    """The largest size of what the network sees of a pixel; deviations of 0 do not build."""
    means, deviations = (config["dataset"].get(key, []) for key in ("mean", "std"))
    channels = [(mean, std) for mean, std in zip(means, deviations, strict=False) if std]
    return max((abs(pixel - mean) / std for mean, std in channels for pixel in (0.0, 1.0)), default=0.0)


RULES = (
    encoder_takes_pixels,
    encoder_lasts,
    images_arrive_in_time,
    poisson_covers_pixels,
    switches_cover_pixels,
)
