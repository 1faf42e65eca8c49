"""Options that do not fit together, each rule with its remedy. A rule gets a configuration whose every part is valid by itself."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from snnexp.build import blueprint, component, locate, stages

Config = Mapping[str, Any]


def _kind(node: Mapping[str, Any]) -> str:
    return node["_target_"].rpartition(".")[2]


def _named(config: Config, kind: str) -> list[str]:
    return [name for name, stage in config["strategy"]["stages"].items() if _kind(stage) == kind]


def device_exists(config: Config) -> Iterator[str]:
    """The device must be there."""
    if config["device"] == "auto":
        return
    try:
        torch.zeros((), device=config["device"]).item()  # "meta" is there, but holds no numbers
    except Exception as error:  # each backend has its own way to say that it is absent
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        yield f"device: {config['device']!r} cannot be used here ({reason}); use device=auto or device=cpu"


def encoder_takes_pixels(config: Config) -> Iterator[str]:
    """Encoders that read a pixel as a probability or a latency need it in [0, 1]."""
    try:
        encoder = component(config["encoder"])
    except (ValueError, TypeError, RuntimeError):  # which is for `everything_builds` to say
        return
    dataset = config["dataset"]
    unit_range = set(dataset["mean"]) == {0.0} and set(dataset["std"]) == {1.0}
    if not encoder.signed and not unit_range:
        yield (
            f"encoder: {_kind(config['encoder'])} takes pixels in [0, 1], but dataset.mean={dataset['mean']} dataset.std={dataset['std']} "
            "moves them out; set dataset.mean=[0.0] dataset.std=[1.0], or a signed encoder (encoder=poisson encoder.signed=true)"
        )


def encoder_lasts(config: Config) -> Iterator[str]:
    """Components made for T timesteps cannot be run for more."""
    longest = max(config["timesteps"], config["evaluate"]["timesteps"])
    for group in ("encoder", "norm"):
        made_for = config[group].get("timesteps", longest)
        if made_for < longest:
            made = f"{group}: {_kind(config[group])} is made for {made_for} timesteps"
            yield f"{made}, the run needs {longest}; set {group}.timesteps={longest}"


def selection_has_a_split(config: Config) -> Iterator[str]:
    """Choosing by validation needs a validation split."""
    if config["selection"] == "best_validation" and not config["dataset"]["validation"]:
        yield "selection: best_validation needs a validation split; set dataset.validation=N (images split off the training set)"


def everything_builds(config: Config) -> Iterator[str]:
    """Constructors have the last word; the network is built without memory."""
    try:
        dataset = component(config["dataset"])
        stages(config)
        for node in (config, *config["strategy"]["stages"].values()):
            _schedule(node)
        with torch.device("meta"):
            blueprint(config, dataset.shape, classes=10).spiking()
    except (ValueError, RuntimeError) as error:
        yield str(error)
    except (TypeError, LookupError) as error:  # not in words that a constructor chose
        yield f"the components cannot be built from these values ({type(error).__name__}: {error}); see them with `snnexp train --cfg job`"


def _schedule(node: Config) -> None:
    if "optimizer" in node and "scheduler" in node:
        component(node["scheduler"], optimizer=component(node["optimizer"], params=[torch.zeros(1, requires_grad=True)]))


def conversion_has_an_ann(config: Config) -> Iterator[str]:
    """Conversion follows a stage that trains the analog form."""
    names = list(config["strategy"]["stages"])
    for name in _named(config, "Conversion"):
        before = names[: names.index(name)]
        if not before or before[-1] not in _named(config, "ANN"):
            yield f"strategy.stages.{name}: a conversion needs a stage that trains the ANN right before it (stage=ann)"


def conversion_has_rates(config: Config) -> Iterator[str]:
    """A firing rate stands for a ReLU activation only with integrate-and-fire neurons, reset by subtraction, and steady input."""
    if not _named(config, "Conversion"):
        return
    neuron = config["neuron"]
    if _kind(neuron) != "IF":
        yield f"neuron: conversion needs neurons without leak, got {_kind(neuron)}; set neuron=if"
    if _kind(config["synapse"]) != "Instantaneous":
        yield f"synapse: conversion needs synapse=instantaneous, got {_kind(config['synapse'])}"
    if _kind(config["encoder"]) == "Latency":
        yield "encoder: a latency code has one spike per pixel, conversion here reads rates; use encoder=direct, poisson or dct"
    if _kind(config["readout"]) != "Potential" or config["readout"]["leak"] != 1:
        yield "readout: a converted network's output accumulates without leak or threshold; set readout=potential readout.leak=1.0"


def conversion_resets_by_subtraction(config: Config) -> Iterator[str]:
    """A reset to zero loses what is above the threshold, and with it the rate."""
    if _named(config, "Conversion") and config["neuron"].get("reset") != "soft":
        yield "neuron.reset: a converted network keeps its rates only with reset by subtraction; set neuron.reset=soft"


def conversion_on_spikes_has_no_bias(config: Config) -> Iterator[str]:
    """Spikes of amplitude 1 scale values by every threshold passed; a bias or a shortcut would have to be scaled with them."""
    for name in _named(config, "Conversion"):
        path = f"strategy.stages.{name}.statistics"
        if config["strategy"]["stages"][name]["statistics"] != "snn":
            if _kind(config["encoder"]) == "DCT":
                yield f"{path}: rates of encoder=dct are not those the ANN sees; set {path}=snn neuron.amplitude=unit"
            continue
        if _kind(config["norm"]) not in ("none", "NoNorm"):
            yield f"norm: {path}=snn has no place for the bias that a folded norm leaves; set norm=none"
        if config["architecture"].get("bias"):
            yield f"architecture.bias: {path}=snn has no place for biases; set architecture.bias=false"
        if "shortcut" in config["architecture"]:
            yield f"architecture: shortcuts need spikes that carry their threshold; set {path}=ann neuron.amplitude=threshold"


def poisson_covers_pixels(config: Config) -> Iterator[str]:
    """Pixels beyond the scale all fire at every step; a quarter beyond it is common practice."""
    if _kind(config["encoder"]) != "Poisson":
        return
    dataset, scale = config["dataset"], config["encoder"]["rate_scale"]
    largest = max(abs(pixel - mean) / std for mean, std in zip(dataset["mean"], dataset["std"], strict=False) for pixel in (0.0, 1.0))
    if largest > 1.25 * scale:
        yield (
            f"encoder.rate_scale: pixels reach {largest:.2f} and saturate beyond {scale:g}; set encoder.rate_scale={math.ceil(largest)}.0, "
            "or dataset.mean and dataset.std that keep them in [-1, 1] (0.5 each)"
        )


def conversion_amplitude(config: Config) -> Iterator[str]:
    """The statistic decides what a spike carries."""
    for name in _named(config, "Conversion"):
        statistics = config["strategy"]["stages"][name]["statistics"]
        needed = {"ann": "threshold", "snn": "unit"}[statistics]
        if config["neuron"].get("amplitude") != needed:
            yield (
                f"neuron.amplitude: thresholds from {statistics} statistics go with spikes of amplitude {needed!r}, "
                f"got {config['neuron'].get('amplitude')!r}; set neuron.amplitude={needed}"
            )


def conversion_folds(config: Config) -> Iterator[str]:
    """Norms fold into weights only if their statistics are one per channel; maxima of spikes are not spikes of maxima."""
    if not _named(config, "Conversion"):
        return
    norm = locate(config["norm"]["_target_"])
    if not (hasattr(norm, "affine") or _kind(config["norm"]) == "none"):
        yield f"norm: {_kind(config['norm'])} cannot be folded into the weights; use norm=batch, tdbn or none"
    architecture = config["architecture"]
    if any(str(token).startswith("MP") for token in architecture.get("layers", [])):
        yield "architecture.layers: a maximum over spike trains overestimates the maximum of rates; use average pools (AP2) for conversion"
    if architecture.get("pooling") == "max":
        yield "architecture.pooling: a maximum over spike trains overestimates the maximum of rates; set architecture.pooling=average"


def per_step_norm_has_steps(config: Config) -> Iterator[str]:
    """The analog form has one timestep, so statistics per timestep mean nothing to the spiking one."""
    if _kind(config["norm"]) == "BNTT" and _named(config, "ANN") and len(config["strategy"]["stages"]) > 1:
        yield "norm: bntt keeps statistics per timestep, which an ANN stage cannot train; use norm=batch, tdbn or none"


RULES: tuple[Callable[[Config], Iterator[str]], ...] = (
    device_exists,
    encoder_takes_pixels,
    encoder_lasts,
    selection_has_a_split,
    conversion_has_an_ann,
    conversion_has_rates,
    conversion_resets_by_subtraction,
    conversion_on_spikes_has_no_bias,
    conversion_amplitude,
    poisson_covers_pixels,
    conversion_folds,
    per_step_norm_has_steps,
    everything_builds,
)
