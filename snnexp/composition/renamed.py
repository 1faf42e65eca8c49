"""Components that configurations named otherwise before, with the same settings."""

from collections.abc import Mapping
from typing import Any

NOW: dict[str, str] = {"snnexp.timed.form.Form": "snnexp.timed.settings.timed_settings"}
"""Present names by former ones."""
FORMER = {now: former for former, now in NOW.items()}


def with_present_names(node: Any) -> Any:
    """Plain values of a configuration, or of a part of one, with every component by the name that
    it has now.
    """
    if isinstance(node, Mapping):
        return {
            key: NOW.get(value, value)
            if key == "_target_" and isinstance(value, str)
            else with_present_names(value)
            for key, value in node.items()
        }
    return [with_present_names(value) for value in node] if isinstance(node, list) else node


def with_former_name(node: Mapping[str, Any]) -> dict[str, Any]:
    """A component by the name that it had first: by this name the hashes of runs go."""
    target = node.get("_target_")
    return dict(node) | ({"_target_": FORMER[target]} if target in FORMER else {})
