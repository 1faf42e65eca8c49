"""Options that do not fit together, each rule with its remedy. A rule gets a configuration whose every part is valid by itself."""

import math
from collections.abc import Callable, Iterator

import torch

from snnexp.configuration.build import blueprint, component, stages
from snnexp.configuration.rules.batches import every_process_has_a_part, norms_see_several_values
from snnexp.configuration.rules.conversion import (
    conversion_fits_the_network,
    conversion_has_an_ann,
    conversion_has_rates,
    conversion_of_dct_reads_spikes,
    conversion_overrides_the_neuron,
    conversion_resets_by_subtraction,
)
from snnexp.configuration.rules.counts import (
    counts_stand_for_sums,
    passes_over_all_timesteps,
    traces_have_their_neurons,
    whole_numbers_are_kept,
)
from snnexp.configuration.rules.muon import orthogonal_steps_have_norms
from snnexp.configuration.rules.presimulation import presimulation_reads_potentials, presimulation_repeats_the_image
from snnexp.configuration.rules.pretrained import published_weights_fit
from snnexp.configuration.rules.reading import Config, data, kind, named, values
from snnexp.configuration.rules.start import starts_see_the_same_images
from snnexp.configuration.rules.teachers import teachers_are_there
from snnexp.configuration.rules.timed import (
    MAPPED,
    mapping_is_exact,
    times_are_timed,
    times_have_their_own_parts,
    values_fit_their_window,
    windows_have_a_mapping,
)
from snnexp.configuration.rules.tracker import tracker_takes_the_names
from snnexp.configuration.rules.windows import (
    late_neurons_reach_the_output,
    smooth_activations_have_their_neuron,
    some_neurons_are_not_trained,
    switches_cover_pixels,
    windows_agree,
    windows_have_their_neurons,
    windows_reach_the_output,
)
from snnexp.datasets.pixels import Pixels
from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.spiking import spiking_network
from snnexp.stages.base import Stage


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
    if encoder.signed or data(config) is None or values(config) == (0.0, 1.0):
        return
    yield f"encoder: {kind(config['encoder'])} takes pixels in [0, 1], but {_out_of_range(config)}"


def _out_of_range(config: Config) -> str:
    """Why the network does not see numbers in [0, 1], and what to do about it."""
    signed = "a signed encoder (encoder=poisson encoder.signed=true)"
    found = data(config).normalisation
    if isinstance(found, Pixels):
        moved = f"dataset.mean={found.mean} dataset.std={found.std} moves them out"
        return f"{moved}; set dataset.mean=[0.0] dataset.std=[1.0], or {signed}"
    return f"dataset.normalisation does not say that this data set keeps to it; use {signed}"


def encoder_takes_the_samples(config: Config) -> Iterator[str]:
    """An encoder of images takes no frames over time, and the other way round."""
    try:
        axes, found = component(config["encoder"]).axes, data(config)
    except (ValueError, TypeError, RuntimeError):  # which is for `everything_builds` to say
        return
    if found is not None and len(axes) != len(found.shape):
        shape = " x ".join(map(str, found.shape))
        yield (
            f"encoder: {kind(config['encoder'])} takes samples of {len(axes)} axes ({', '.join(axes)}), "
            f"those of this data set are {shape}; choose an encoder that takes these, or another data set"
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
    if kind(encoder) == "Count" and encoder["duration"] > shortest:
        said = f"spikes are sent for {encoder['duration']} timesteps, the run has {shortest}"
        yield f"encoder.duration: {said}; set encoder.duration={shortest}"
    timed = named(config, "SingleSpike") or named(config, "Mapping")
    if kind(encoder) == "SpikeTime" and not timed and encoder["latest"] > encoder["step"] * (shortest - 0.5):
        said = f"the last spikes come at time {encoder['latest']:g}, and {shortest} timesteps of {encoder['step']:g} are over before"
        yield f"encoder.step: {said}; set encoder.step={math.ceil(encoder['latest'] / max(shortest - 1, 0.5))}.0"


def selection_has_a_split(config: Config) -> Iterator[str]:
    """Choosing by validation needs a validation split."""
    found = data(config) if config["selection"] == "best_validation" else None
    if found is not None and not found.validation:
        yield "selection: best_validation needs a validation split; set dataset.validation=N (images split off the training set)"


def schedule_has_epochs(config: Config) -> Iterator[str]:
    """A schedule over no epochs is for a stage that does not train."""
    for name, stage in config["strategy"]["stages"].items():
        schedule = stage.get("scheduler") or {}
        for key in (key for key in ("T_max", "epochs") if stage.get("epochs") and schedule.get(key) == 0):
            path, form = f"strategy.stages.{name}.scheduler.{key}", "half cosine" if key == "T_max" else "way down"
            yield f"{path}: 0 epochs are no {form} where the stage trains for {stage['epochs']}; set {path}={stage['epochs']}"


def everything_builds(config: Config) -> Iterator[str]:
    """Constructors have the last word; the network is built without memory."""
    if [*encoder_takes_the_samples(config)]:
        return
    try:
        dataset = component(config["dataset"])
        last = list(stages(config).values())[-1]
        for node in (config, *config["strategy"]["stages"].values()):
            _schedule(node)
        with torch.device("meta"):
            built = blueprint(config, dataset.shape, classes=10)
            _built(config, last, built)
    except (ValueError, RuntimeError) as error:
        yield str(error)
    except (TypeError, LookupError) as error:  # not in words that a constructor chose
        yield f"the components cannot be built from these values ({type(error).__name__}: {error}); see them with `snnexp train --cfg job`"


def _built(config: Config, last: Stage, plan: Blueprint) -> Network:
    """The network that is evaluated last; of an analog one the spiking form, whose neurons are then known to be sound."""
    if named(config, "Mapping") and kind(config["neuron"]) not in MAPPED:  # which has a rule of its own
        return analog_network(plan)
    return spiking_network(plan) if last.form == "analog" else last.untrained(plan)


def _schedule(node: Config) -> None:
    if "optimizer" in node and "scheduler" in node:
        component(node["scheduler"], optimizer=component(node["optimizer"], params=[torch.zeros(1, requires_grad=True)]))


def poisson_covers_pixels(config: Config) -> Iterator[str]:
    """Pixels beyond the scale all fire at every step; a quarter beyond it is common practice."""
    if kind(config["encoder"]) != "Poisson":
        return
    scale, ends = config["encoder"]["rate_scale"], values(config)
    largest = 0.0 if ends is None else max(map(abs, ends))
    if largest > 1.25 * scale:
        yield (
            f"encoder.rate_scale: pixels reach {largest:.2f} and saturate beyond {scale:g}; set encoder.rate_scale={math.ceil(largest)}.0, "
            "or dataset.mean and dataset.std that keep them in [-1, 1] (0.5 each)"
        )


def per_step_norm_has_steps(config: Config) -> Iterator[str]:
    """The analog form has one timestep, so statistics per timestep mean nothing to the spiking one."""
    if kind(config["norm"]) == "BNTT" and named(config, "ANN") and len(config["strategy"]["stages"]) > 1:
        yield "norm: bntt keeps statistics per timestep, which an ANN stage cannot train; use norm=batch, tdbn or none"


RULES: tuple[Callable[[Config], Iterator[str]], ...] = (
    device_exists,
    every_process_has_a_part,
    norms_see_several_values,
    encoder_takes_the_samples,
    encoder_takes_pixels,
    encoder_lasts,
    images_arrive_in_time,
    selection_has_a_split,
    tracker_takes_the_names,
    schedule_has_epochs,
    conversion_has_an_ann,
    conversion_has_rates,
    conversion_resets_by_subtraction,
    conversion_overrides_the_neuron,
    conversion_of_dct_reads_spikes,
    conversion_fits_the_network,
    poisson_covers_pixels,
    per_step_norm_has_steps,
    presimulation_reads_potentials,
    presimulation_repeats_the_image,
    some_neurons_are_not_trained,
    smooth_activations_have_their_neuron,
    windows_agree,
    windows_have_their_neurons,
    windows_reach_the_output,
    late_neurons_reach_the_output,
    switches_cover_pixels,
    counts_stand_for_sums,
    traces_have_their_neurons,
    passes_over_all_timesteps,
    whole_numbers_are_kept,
    times_are_timed,
    times_have_their_own_parts,
    windows_have_a_mapping,
    mapping_is_exact,
    values_fit_their_window,
    published_weights_fit,
    starts_see_the_same_images,
    teachers_are_there,
    orthogonal_steps_have_norms,
    everything_builds,
)
