"""What a run has to do, from its configuration."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.parts import analog_units
from snnexp.stages.base import Stage
from snnexp.training.outlook import Task
from snnexp.training.session import Session

Config = Mapping[str, Any]
ROBUSTNESS = ("bits", "jitters", "variations")
"""Settings of a stage that each name evaluations of their own."""


def tasks(config: Config, stages: Mapping[str, Stage], session: Session) -> Iterator[Task]:
    """What each stage has to do, in images times timesteps."""
    for name, settings in config["strategy"]["stages"].items():
        stage, epochs = stages[name], settings.get("epochs", 0)
        spiking = stage.form == "spiking"
        steps = settings.get("timesteps", 1) if spiking else 1
        yield Task(
            name,
            stage.form,
            stage.untrained,
            epochs * len(session.train.split) * steps,
            _passes(config, settings, epochs) * _evaluated(config, spiking, session),
            0 if "epochs" in settings else _made(config, settings, session),
        )


def _passes(config: Config, settings: Config, epochs: int) -> int:
    along = math.ceil(epochs / config["evaluate"]["every"])
    return along + 1 + sum(len(settings.get(key) or ()) for key in ROBUSTNESS)


def _evaluated(config: Config, spiking: bool, session: Session) -> int:
    validation = 0 if session.validation is None else len(session.validation.split)
    steps = config["evaluate"]["timesteps"] if spiking else 1
    return (len(session.test.split) + validation) * steps


def _made(config: Config, settings: Config, session: Session) -> float:
    """A conversion compares once, and goes half through the network for every layer, on average,
    where thresholds or corrections are read of spikes.
    """
    images = min(settings.get("samples", 0), len(session.train.split))
    rules = [settings.get(key) or {} for key in ("threshold", "calibration")]
    each = sum(rule.get("timesteps", 0) for rule in rules)
    return images * (settings.get("timesteps", 0) + _layers(session.blueprint) / 2 * each)


def _layers(blueprint: Blueprint) -> int:
    with torch.device("meta"):
        return len(analog_units(analog_network(blueprint)))
