"""The table of early exits of a result, by whatever rule."""

from collections.abc import Iterator
from typing import Any

from snnexp.energy.counts import Counts
from snnexp.measure.energies import Models, joules
from snnexp.measure.exits import Exits
from snnexp.measure.tally import Tally


def exit_table(
    exits: Exits | None, early: dict[str, Any], tally: Tally, models: Models, timesteps: int
) -> dict:
    """`exits` of a result, or nothing where there are none.

    Args:
        exits: what rules by confidence came to.
        early: `early_exit` of the result: where the scales of norms let the network stop.
        tally: of the same pass.
        models: energy models.
        timesteps: T.
    """
    if timesteps < 2:
        return {}
    rows = [] if exits is None else [*_by_confidence(exits, tally, models)]
    rows += _by_scales(early, tally, models, timesteps)
    return {"exits": rows} if rows else {}


def _by_confidence(exits: Exits, tally: Tally, models: Models) -> Iterator[dict[str, Any]]:
    for rule, found in zip(exits.rules, exits.means(), strict=True):
        yield {
            "rule": rule.confidence,
            "threshold": rule.threshold,
            "learned": rule.learned,
            "accuracy": 100.0 * found.right,
            "timesteps": found.timesteps,
            "early": 100.0 * found.early,
            **_cost(tally.flow.counts_of(found.events, found.products, found.timesteps), models),
        }


def _by_scales(
    early: dict[str, Any], tally: Tally, models: Models, timesteps: int
) -> list[dict[str, Any]]:
    """All images stop at one timestep."""
    found = early.get("early_exit", {})
    step = found.get("timestep")
    if step is None:
        return []
    row = {"rule": "scales", "threshold": found["threshold"], "learned": False}
    row |= {"accuracy": found["accuracy"], "timesteps": float(step)}
    row |= {"early": 100.0 if step < timesteps else 0.0}
    known = tally.flow.by_timestep
    counts = tally.flow.curve(tally.images)[step - 1] if known else Counts()
    return [row | _cost(counts, models)]


def _cost(counts: Counts, models: Models) -> dict[str, Any]:
    if not counts.neurons or not any(part.spikes for part in counts.neurons.values()):
        return {"spikes_per_inference": None, "joule": {}}
    spikes = sum(part.spikes for part in counts.neurons.values())
    return {"spikes_per_inference": spikes, "joule": joules(counts, models)}
