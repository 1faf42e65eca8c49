"""What a run is about, in a line."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.sizing import neurons
from snnexp.stages.base import Stage
from snnexp.training.session import Session

Config = Mapping[str, Any]


def described(
    config: Config, choices: Mapping[str, Any], stages: Mapping[str, Stage], session: Session
) -> str:
    """Network, parameters, neurons, T, epochs and images, such as

        cnn on digits  35,018 parameters, 2,634 neurons, T = 4  bptt 20 epochs of 1,437 images  ...

    Args:
        config: the resolved configuration.
        choices: the option chosen in each group.
        stages: of the strategy.
        session: of the run.
    """
    with torch.device("meta"):
        network = list(stages.values())[-1].untrained(session.blueprint)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    size = f"{parameters:,} parameters, {_neurons(network, session.blueprint):,} neurons"
    return "  ".join(
        [
            _names(choices),
            size if network.form == "analog" else f"{size}, T = {config['evaluate']['timesteps']}",
            ", ".join(_trained(config, session)),
            f"{len(session.test.split):,} test images",
            str(session.device),
        ]
    )


def _names(choices: Mapping[str, Any]) -> str:
    network, data = (choices.get(group) for group in ("architecture", "dataset"))
    return f"{network or 'a network'} on {data or 'its data'}"


def _neurons(network: Network, blueprint: Blueprint) -> int:
    """Those of the analog form, where a network of spike times knows its layers only."""
    if network.form == "timed":
        with torch.device("meta"):
            network = analog_network(blueprint)
    return neurons(network, blueprint.encoder.shape(blueprint.shape))


def _trained(config: Config, session: Session) -> Iterator[str]:
    """What the stages do: how long they train, and on what."""
    images = len(session.train.split)
    for name, settings in config["strategy"]["stages"].items():
        epochs = settings.get("epochs", 0)
        said = f" {epochs} epoch{'s' if epochs > 1 else ''} of {images:,} images"
        yield f"{name}{said if epochs else ''}"
