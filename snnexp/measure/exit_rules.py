"""The rules for an early exit that an evaluation tries."""

from collections.abc import Callable, Mapping
from typing import Any

from snnexp.measure.confidence import CONFIDENCES
from snnexp.measure.exit_rule import ExitRule
from snnexp.measure.exits import Exits
from snnexp.results.stage import StageResult

Learned = Callable[[float], list[ExitRule]]
"""What is learned on the validation split, for points of accuracy that it may cost there."""


def exit_rules(settings: Mapping[str, Any], learned: Learned) -> list[ExitRule]:
    """The thresholds of the settings, by every confidence, and those that are learned.

    Args:
        settings: `evaluate` of the configuration.
        learned: called only where the settings ask for it.
    """
    told = [
        ExitRule(name, float(threshold))
        for name in CONFIDENCES
        for threshold in settings["exit_thresholds"]
    ]
    tolerance = settings["exit_tolerance"]
    return told if tolerance is None else [*told, *learned(float(tolerance))]


def exits_of(rules: list[ExitRule]) -> Exits | None:
    """Who looks on while rules are tried; nobody where there are none."""
    return Exits(rules) if rules else None


def learned_before(result: StageResult, timesteps: int) -> list[ExitRule]:
    """The rules that a run has learned, as far as they are for so many timesteps."""
    if (result.timesteps or 0) - (result.hidden_timesteps or 0) != timesteps:
        return []
    return [
        ExitRule(row.rule, row.threshold, learned=True)
        for row in result.exits or []
        if row.learned and row.rule in CONFIDENCES and row.threshold is not None
    ]
