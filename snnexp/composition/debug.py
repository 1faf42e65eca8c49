"""Runs that look for mistakes, not for figures: `+debug=limit` and the like."""

from collections.abc import Mapping
from typing import Any


def limited(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with as many epochs and evaluated images as its `debug` allows; as it is
    without one, and where values are no numbers, which the check says.
    """
    debug = config.get("debug")
    if not isinstance(debug, Mapping):
        return dict(config)
    strategy, evaluate = config.get("strategy"), config.get("evaluate")
    found = dict(config)
    if isinstance(strategy, Mapping) and isinstance(strategy.get("stages"), Mapping):
        stages = {
            name: _at_most(stage, "epochs", debug) for name, stage in strategy["stages"].items()
        }
        found["strategy"] = {**strategy, "stages": stages}
    if isinstance(evaluate, Mapping):
        found["evaluate"] = _at_most(evaluate, "images", {"images": debug.get("evaluated")})
    return found


def _at_most(node: Any, key: str, limits: Mapping[str, Any]) -> Any:
    limit = limits.get(key)
    if not isinstance(node, Mapping) or key not in node or not isinstance(limit, int):
        return node
    value = node[key]
    above = value is None or (isinstance(value, int) and value > limit)
    return {**node, key: limit} if above else node


def mark(config: Mapping[str, Any]) -> list[str]:
    """The flag of the results of such a run; none of any other."""
    debug = config.get("debug")
    return [f"debug: {debug['name']}, no measurement"] if debug else []
