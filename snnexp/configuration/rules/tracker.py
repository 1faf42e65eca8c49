"""Trackers that would fail after the start, when the run would go on without them."""

import os
import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from snnexp.configuration.build import tracker_nodes
from snnexp.configuration.rules.reading import Config
from snnexp.configuration.slots import ability
from snnexp.track.wandb_environment import MODES, mode_of, project_of

LONGEST = 128
REFUSED = "/\\#?%:"
REFUSED_IN_ID = REFUSED + ";,'"
KNOWN_MODES = ("offline", "online", "disabled")


def tracker_is_installed(config: Config) -> Iterator[str]:
    """A tracker may need a package that this one does without."""
    for path, node in tracker_nodes(config["tracker"]).items():
        package = ability(node["_target_"], "tracker", "package")
        if package is not None and find_spec(package) is None:
            yield (
                f"{path}: the package {package} is not installed; "
                f"pip install 'snnexp[{package}]', or set tracker=none"
            )


def tracker_has_a_mode(config: Config) -> Iterator[str]:
    """A mode of W&B that the environment sets."""
    for path, node in _at_wandb(config):
        if mode_of(node.get("mode")) not in KNOWN_MODES:
            yield (
                f"WANDB_MODE: {os.environ['WANDB_MODE']!r} is no mode; W&B takes "
                f"{', '.join((*KNOWN_MODES, *MODES))}; {path}.mode=offline sets it for this run"
            )


def tracker_takes_the_names(config: Config) -> Iterator[str]:
    """A project, a team and an id of W&B become parts of an address."""
    for path, node in _at_wandb(config):
        names = {} if mode_of(node.get("mode")) == "disabled" else _names(path, node, os.environ)
        for key, (name, refused) in names.items():
            fault = fault_of(name, refused)
            if fault:
                yield (
                    f"{key}: {name!r} {fault}; W&B takes 1 to {LONGEST} characters without any of "
                    f"{' '.join(refused)}"
                )


def _at_wandb(config: Config) -> list[tuple[str, Mapping[str, Any]]]:
    nodes = tracker_nodes(config["tracker"]).items()
    return [each for each in nodes if ability(each[1]["_target_"], "tracker", "in_address")]


def _names(
    path: str, tracker: Mapping[str, Any], around: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """The names that the run would go by, and what may not be in them."""
    by_variable = tracker["project"] is None and bool(around.get("WANDB_PROJECT"))
    project = "WANDB_PROJECT" if by_variable else f"{path}.project"
    names = {project: (project_of(tracker["project"], around), REFUSED)}
    if tracker["entity"] is not None:
        names[f"{path}.entity"] = (tracker["entity"], REFUSED)
    elif "WANDB_ENTITY" in around:
        names["WANDB_ENTITY"] = (around["WANDB_ENTITY"], REFUSED)
    if "WANDB_RUN_ID" in around:
        names["WANDB_RUN_ID"] = (around["WANDB_RUN_ID"], REFUSED_IN_ID)
    return names


def fault_of(name: str, refused: str) -> str | None:
    """What W&B does not take in a name, in words."""
    found = [character for character in refused if character in name]
    if found:
        return f"contains {' '.join(found)}"
    if len(name) > LONGEST:
        return f"has {len(name)} characters"
    if not name.strip() or name != name.strip() or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", name):
        return "is empty, or has blanks at its ends, or characters that cannot be shown"
    return None


RULES = (tracker_is_installed, tracker_has_a_mode, tracker_takes_the_names)
