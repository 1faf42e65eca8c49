"""Rules for networks whose values are spike times."""

from collections.abc import Iterator

from snnexp.configuration.rules.reading import (
    Config,
    does,
    has_events,
    has_norm,
    is_mapped,
    is_timed,
    kind,
    says,
    stages_with,
)


def _mappings(config: Config) -> list[str]:
    """Stages that make a timed network of an analog one."""
    return stages_with(config, code="times", trains=False)


def _trainings(config: Config) -> list[str]:
    """Stages that train spike times."""
    return stages_with(config, code="times", trains=True)


def times_are_timed(config: Config) -> Iterator[str]:
    """Stages that train spike times follow none of another kind but a mapping, and losses on times
    nothing else.
    """
    stages, timed, mapped = (
        list(config["strategy"]["stages"]),
        _trainings(config),
        _mappings(config),
    )
    place = stages.index(mapped[0]) if mapped else 0
    analog = stages_with(config, form="analog", trains=True)
    if mapped and not (0 < place and stages[:place] == analog and stages[place + 1 :] == timed):
        yield (
            f"strategy.stages.{mapped[0]}: maps what stages before have trained (stage=ann), "
            "once; set strategy=mapping"
        )
    if timed and not mapped and timed != stages:
        yield (
            f"strategy.stages.{timed[0]}: spike times are trained from their own first weights; "
            "set strategy=single_spike"
        )
    if not timed and says(config, "loss", "of_times"):
        yield (
            f"loss: {kind(config['loss'])} is of spike times, which only strategy=single_spike "
            "gives; set loss=cross_entropy"
        )


def windows_have_a_mapping(config: Config) -> Iterator[str]:
    """Neurons that listen in one window and answer in the next have windows only where a mapping
    gives every layer its own.
    """
    if is_mapped(config) and not _mappings(config):
        yield (
            f"neuron: {kind(config['neuron'])} has a window in each layer only in a network that "
            "is mapped; set strategy=mapping"
        )


def training_keeps_the_mapping(config: Config) -> Iterator[str]:
    """Training behind a mapping keeps to what the mapping has made."""
    if not _mappings(config) or not is_mapped(config):
        return
    plain = {"pool": "first", "clock": False, "delays": [], "pulses": 0}
    for name in _trainings(config):
        form, path = (
            config["strategy"]["stages"][name].get("form", {}),
            f"strategy.stages.{name}.form",
        )
        for key in (key for key, value in plain.items() if form.get(key, value) != value):
            said = {"pool": "first", "clock": "false", "delays": "[]", "pulses": "0"}[key]
            yield f"{path}.{key}: is not that of the mapped network; set {path}.{key}={said}"


def values_fit_their_window(config: Config) -> Iterator[str]:
    """A mapping takes the time of an input for its value: from 0 for the largest to the end of the
    window for nothing.
    """
    if not _mappings(config) or "horizon" not in config["neuron"]:
        return
    encoder, horizon = config["encoder"], config["neuron"]["horizon"]
    if encoder.get("latest", horizon) != horizon:
        yield (
            f"encoder.latest: nothing comes at the end of the window, {horizon:g}; set "
            f"encoder.latest={float(horizon)}"
        )
    plain = {
        "earliest": 0.0,
        "bright_first": True,
        "binarize": None,
        "silent": None,
        "grid": None,
        "jitter": 0.0,
        "whiten": False,
    }
    for key in (key for key, value in plain.items() if encoder.get(key, value) != value):
        value = {None: "null", True: "true", False: "false"}.get(plain[key], plain[key])
        yield (
            f"encoder.{key}: the time of a pixel is to stand for its value; set "
            f"encoder.{key}={value}"
        )


def times_have_their_own_parts(config: Config) -> Iterator[str]:
    """Neurons, encoder, readout and loss of spike times go together."""
    if not stages_with(config, code="times"):
        return
    yield from _without_times(config)
    if config["precision"] != "float32":
        yield "precision: spike times need float32; set precision=float32"
    for name in _trainings(config):
        form, path = (
            config["strategy"]["stages"][name].get("form", {}),
            f"strategy.stages.{name}.form",
        )
        if form.get("solver") == "grid" and not form["clock"]:
            yield (
                f"{path}.solver: hidden times lie on a grid only with a clock; set "
                f"{path}.clock=true"
            )


def _without_times(config: Config) -> Iterator[str]:
    mapped = bool(_mappings(config))
    fitting = {
        "encoder": (
            does(config, "encoder", "times"),
            "first_event" if has_events(config) else "spike_time",
        ),
        "readout": (says(config, "readout", "of_first_spikes"), "first_spike"),
        "neuron": (
            is_timed(config) and is_mapped(config) == mapped,
            "constant_slope" if mapped else "if_exp",
        ),
        "synapse": (says(config, "synapse", "identity"), "instantaneous"),
    }
    if not mapped:
        fitting["loss"] = says(config, "loss", "of_times"), "spike_time"
        fitting["norm"] = not has_norm(config), "none"
    for group, (fits, option) in fitting.items():
        if not fits:
            yield f"{group}: {kind(config[group])} has no spike times; set {group}={option}"


RULES = (
    times_are_timed,
    times_have_their_own_parts,
    windows_have_a_mapping,
    training_keeps_the_mapping,
    values_fit_their_window,
)
