"""Rules of frames of events: how many there are, and what is there of them in time."""

from collections.abc import Iterator

from snnexp.configuration.build import STAGE_GROUPS, component
from snnexp.configuration.rules.reading import (
    UNBUILDABLE,
    Config,
    data,
    kind,
    says,
    stages_with,
)


def _frames(config: Config) -> int | None:
    """The frames of a sample; None where samples are none, or the encoder takes no frames."""
    try:
        axes, found = component(config["encoder"]).axes, data(config)
    except UNBUILDABLE:
        return None
    in_time = found is not None and axes[0] == "time" and len(axes) == len(found.shape)
    return found.shape[0] if found is not None and in_time else None


def frames_last(config: Config) -> Iterator[str]:
    """A frame is shown at every timestep, and there are as many as the data set makes."""
    count = _frames(config)
    if count is None or _of_first_events(config) or not says(config, "encoder", "by_frame"):
        return
    longest = max(_lengths(config).values())
    if longest > count:
        yield (
            f"dataset.frames.timesteps: recordings are cut into {count} frames, the run needs "
            f"{longest}; set dataset.frames.timesteps={longest}"
        )
    for group, measured in _measured(config).items():
        if measured > count:
            yield (
                f"{group}.timesteps: recordings are cut into {count} frames, the measurement takes "
                f"{measured}; set {group}.timesteps={count}"
            )
    drawn = config["encoder"].get("drawn")
    trained = max(_trained(config), default=0)
    if drawn is not None and trained > drawn:
        yield (
            f"encoder.drawn: {drawn} frames are shown in training, which has {trained} timesteps; "
            f"set encoder.drawn={trained}"
        )


def events_come_in_time(config: Config) -> Iterator[str]:
    """Events that come once and after the last timestep nobody sees; networks of spike times have
    no timesteps.
    """
    count = _frames(config)
    if count is None or _of_first_events(config) or says(config, "encoder", "shows") != "once":
        return
    shortest = min(_lengths(config).values())
    if count > shortest and not stages_with(config, form="timed"):
        yield (
            f"dataset.frames.timesteps: {kind(config['encoder'])} sends events of {count} frames, "
            f"the run is over after {shortest}; set dataset.frames.timesteps={shortest}"
        )


def first_events_are_times(config: Config) -> Iterator[str]:
    """A frame of first events has no timesteps, for networks that run in them."""
    if _of_first_events(config) and stages_with(config, form="spiking"):
        yield (
            "dataset.frames.slicing: first gives every pixel the time of its first event, which "
            "networks of spike times take (strategy=single_spike); set "
            "dataset.frames.slicing=number for those that run timestep by timestep"
        )


def _of_first_events(config: Config) -> bool:
    return (config["dataset"].get("source", {}).get("frames") or {}).get("slicing") == "first"


def _lengths(config: Config) -> dict[str, int]:
    """All numbers of timesteps that networks run for, by what sets them."""
    stages = config["strategy"]["stages"].items()
    own = {name: stage["timesteps"] for name, stage in stages if "timesteps" in stage}
    return {"timesteps": config["timesteps"], **own, "evaluate": config["evaluate"]["timesteps"]}


def _measured(config: Config) -> dict[str, int]:
    """The timesteps for which thresholds and calibrations run networks, by what sets them."""
    stages = config["strategy"]["stages"].values()
    chosen = ((group, stage.get(group)) for stage in stages for group in STAGE_GROUPS)
    return {group: node["timesteps"] for group, node in chosen if node and "timesteps" in node}


def _trained(config: Config) -> list[int]:
    """The timesteps of the stages that train spikes."""
    stages = config["strategy"]["stages"]
    spiking = stages_with(config, form="spiking", trains=True)
    return [stages[name].get("timesteps", config["timesteps"]) for name in spiking]


RULES = (frames_last, events_come_in_time, first_events_are_times)
