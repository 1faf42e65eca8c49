"""A trained network and all that its evaluation depends on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from snnexp.configuration import build
from snnexp.datasets.names import refuse_others
from snnexp.network.network import Network
from snnexp.run import prepare
from snnexp.runs.weights import classes, load
from snnexp.training.session import Session

Config = dict[str, Any]


@dataclass(frozen=True)
class Reopened:
    """A finished run, opened again.

    Args:
        config: the resolved configuration with the changes, upgraded to today's settings.
        session: data, blueprint and evaluator of this configuration; nobody is told anything.
        network: with the weights of the run, on the device, in evaluation mode.
        choices: the options that the changes have chosen, by group.
    """

    config: Config
    session: Session
    network: Network
    choices: Mapping[str, str] = field(default_factory=dict)


def opened(config: Config, trained: Config, path: Path) -> Reopened:
    """The network of a run under a changed configuration.

    Args:
        config: the configuration, checked.
        trained: that of the training.
        path: of the weights.

    Raises:
        Settled: a change asks for numbers that training has put others in place of.
        DataError: data or weights are missing, damaged, or of another network.
    """
    session = prepare(config, trackers=None)
    refuse_others(classes(path), session.class_names, path.parent)
    blueprint = session.blueprint
    before = None
    if config != trained:
        own = build.blueprint(trained, blueprint.shape, blueprint.classes)
        before = partial(build.untrained, trained, own)
    encoder: Literal["saved", "own"] = "saved" if config["encoder"] == trained["encoder"] else "own"
    untrained = partial(build.untrained, config, blueprint)
    return Reopened(config, session, load(untrained, path, session.device, encoder, before))
