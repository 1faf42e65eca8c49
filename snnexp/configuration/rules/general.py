"""Rules of a run as a whole."""

import re
from collections.abc import Iterator

import torch

from snnexp.configuration.rules.reading import Config, data, kind, says
from snnexp.configuration.slots import ability


def device_exists(config: Config) -> Iterator[str]:
    """The device must be there."""
    if config["device"] == "auto":
        return
    try:
        torch.zeros((), device=config["device"]).item()  # "meta" is there, but holds no numbers
    except Exception as error:  # each backend has its own way to say that it is absent
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        reason = re.sub(
            r"^Expected one of .* device type at start", "no device type at start", reason
        )
        yield (
            f"device: {config['device']!r} cannot be used here ({reason}); use device=auto or "
            "device=cpu"
        )


def selection_has_a_split(config: Config) -> Iterator[str]:
    """Choosing by validation needs a validation split."""
    stages = config["strategy"]["stages"].items()
    waiting = [f"strategy.stages.{name}.patience" for name, node in stages if node.get("patience")]
    chosen = ["selection"] if config["selection"] == "best_validation" else []
    dataset = data(config) if chosen or waiting else None
    if dataset is None or dataset.validation:
        return
    remedy = "set dataset.validation=N (images split off the training set)"
    for path in chosen:
        yield f"{path}: best_validation needs a validation split; {remedy}"
    for path in waiting:
        yield f"{path}: to see what gets better needs a validation split; {remedy}"


def schedule_has_epochs(config: Config) -> Iterator[str]:
    """A schedule over no epochs is for a stage that does not train."""
    for name, stage in config["strategy"]["stages"].items():
        schedule = stage.get("scheduler") or {}
        for key in (
            key for key in ("T_max", "epochs") if stage.get("epochs") and schedule.get(key) == 0
        ):
            path, form = (
                f"strategy.stages.{name}.scheduler.{key}",
                "half cosine" if key == "T_max" else "way down",
            )
            yield (
                f"{path}: 0 epochs are no {form} where the stage trains for {stage['epochs']}; "
                f"set {path}={stage['epochs']}"
            )


def losses_of_currents_get_them(config: Config) -> Iterator[str]:
    """A loss on the currents of the output layer needs a readout that takes those, one per class
    and timestep.
    """
    readout = config["readout"]
    if not says(config, "readout", "spiking") and not says(config, "readout", "in_windows"):
        return
    nodes = {"loss": config, **_stages(config)}
    for path, node in nodes.items():
        loss = node.get("loss")
        if loss is not None and ability(loss["_target_"], "loss", "of_currents"):
            said = f"{kind(loss)} reads currents of the output layer, {kind(readout)} gets none"
            yield f"{path}: {said}; set readout=potential"
            return


def _stages(config: Config) -> dict[str, Config]:
    return {
        f"strategy.stages.{name}.loss": node for name, node in config["strategy"]["stages"].items()
    }


def gradients_of_whole_sequences_are_not_cut(config: Config) -> Iterator[str]:
    """A backward pass that is taken over all timesteps at once would be another over each part of
    them.
    """
    for group in ("neuron", "synapse", "readout"):
        if config["time_segments"] != 1 and says(config, group, "own_gradient"):
            whole = f"the gradient of {kind(config[group])} is that of all timesteps at once"
            yield (
                f"time_segments: {whole}, segments would have others; set time_segments=1 "
                "(memory=lean saves memory as well)"
            )


RULES = (
    device_exists,
    selection_has_a_split,
    schedule_has_epochs,
    losses_of_currents_get_them,
    gradients_of_whole_sequences_are_not_cut,
)
