"""Rules of images and how they come in: what an encoder takes, and for how long it sends."""

import math
from collections.abc import Iterator

from snnexp.configuration.build import component
from snnexp.configuration.rules.reading import (
    UNBUILDABLE,
    Config,
    data,
    has_events,
    kind,
    says,
    stages_with,
    values,
)
from snnexp.datasets.pixels import Pixels


def encoder_takes_pixels(config: Config) -> Iterator[str]:
    """Encoders that read a pixel as a probability or a latency need it in [0, 1]."""
    try:
        encoder = component(config["encoder"])
    except UNBUILDABLE:
        return
    if encoder.pixels != "unit" or data(config) is None or values(config) == (0.0, 1.0):
        return
    yield f"encoder: {kind(config['encoder'])} takes pixels in [0, 1], but {_out_of_range(config)}"


def _out_of_range(config: Config) -> str:
    """Why the network does not see numbers in [0, 1], and what to do about it."""
    signed = "a signed encoder (encoder=poisson encoder.signed=true)"
    pixels = data(config).normalisation
    if isinstance(pixels, Pixels):
        moved = f"dataset.mean={pixels.mean} dataset.std={pixels.std} moves them out"
        return f"{moved}; set dataset.mean=[0.0] dataset.std=[1.0], or {signed}"
    return f"dataset.normalisation does not say that this data set keeps to it; use {signed}"


def encoder_takes_the_samples(config: Config) -> Iterator[str]:
    """An encoder of images takes no frames over time, and the other way round."""
    try:
        axes, dataset = component(config["encoder"]).axes, data(config)
    except UNBUILDABLE:
        return
    if dataset is not None and len(axes) != len(dataset.shape):
        shape = " x ".join(map(str, dataset.shape))
        yield (
            f"encoder: {kind(config['encoder'])} takes samples of {len(axes)} axes "
            f"({', '.join(axes)}), those of this data set are {shape}; {_fitting(config, axes)}"
        )


def _fitting(config: Config, axes: tuple[str, ...]) -> str:
    """What goes together: events and encoders of frames, images and those of images."""
    timed = bool(stages_with(config, code="times"))
    if has_events(config):
        return f"set encoder={'first_event' if timed else 'frames'}, which takes events"
    if axes[0] == "time" and len(data(config).shape) == 3:
        images = "spike_time" if timed else "direct"
        return f"set encoder={images}, or dataset=digits_dvs (or another one of events)"
    return "choose an encoder that takes these, or another data set"


def encoder_lasts(config: Config) -> Iterator[str]:
    """Components made for T timesteps cannot be run for more."""
    stages = config["strategy"]["stages"].values()
    in_stages = [stage["timesteps"] for stage in stages if "timesteps" in stage]
    longest = max(config["timesteps"], config["evaluate"]["timesteps"], *in_stages)
    for group in ("encoder", "norm", "neuron"):
        made_for = config[group].get("timesteps", longest)
        if made_for < longest:
            made = f"{group}: {kind(config[group])} is made for {made_for} timesteps"
            yield f"{made}, the run needs {longest}; set {group}.timesteps={longest}"


def images_arrive_in_time(config: Config) -> Iterator[str]:
    """What an encoder sends after the last timestep nobody sees; networks of spike times have no
    timesteps.
    """
    encoder, shortest = config["encoder"], min(config["timesteps"], config["evaluate"]["timesteps"])
    if says(config, "encoder", "shows") != "once":
        return
    if encoder.get("duration", shortest) > shortest:
        said = f"spikes are sent for {encoder['duration']} timesteps, the run has {shortest}"
        yield f"encoder.duration: {said}; set encoder.duration={shortest}"
    in_steps = "latest" in encoder and "step" in encoder and not stages_with(config, form="timed")
    if in_steps and encoder["latest"] > encoder["step"] * (shortest - 0.5):
        said = (
            f"the last spikes come at time {encoder['latest']:g}, and {shortest} timesteps of "
            f"{encoder['step']:g} are over before"
        )
        yield (
            f"encoder.step: {said}; set "
            f"encoder.step={math.ceil(encoder['latest'] / max(shortest - 1, 0.5))}.0"
        )


def poisson_covers_pixels(config: Config) -> Iterator[str]:
    """Pixels beyond the scale all fire at every step; two fifths beyond it are common practice:
    CIFAR's mean and deviation at a scale of 2 (Kim & Panda 2021, survey [67])."""
    scale = config["encoder"].get("rate_scale", math.inf)
    largest = largest_pixel(config) if scale < math.inf else 0.0
    if largest > 1.4 * scale:
        yield (
            f"encoder.rate_scale: pixels reach {largest:.2f} and saturate beyond {scale:g}; "
            f"set encoder.rate_scale={math.ceil(largest)}.0, "
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
    """The largest size of what the network sees; 0 where the data set sets no bounds to it."""
    ends = values(config)
    return 0.0 if ends is None else max(map(abs, ends))


RULES = (
    encoder_takes_the_samples,
    encoder_takes_pixels,
    encoder_lasts,
    images_arrive_in_time,
    poisson_covers_pixels,
    switches_cover_pixels,
)
