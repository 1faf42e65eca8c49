"""What energy models say of a network: at every timestep, and of the analog network beside it."""

from collections.abc import Mapping
from typing import Any

from snnexp.energy.base import EnergyModel
from snnexp.energy.counts import Counts, matching_bits
from snnexp.measure.tally import Tally

Models = Mapping[str, EnergyModel]
"""By the names under which they stand in a configuration."""


def energies(tally: Tally, form: str, models: Models, timesteps: int) -> dict[str, Any]:
    """`energies` of a result.

    Args:
        tally: of an evaluation, with `images` set.
        form: of the network.
        models: any number of them.
        timesteps: T, or those of a window of a code in windows: how often a neuron is updated, and
            what the bits of the analog network go with.
    """
    curve = tally.flow.curve(tally.images)
    whole = curve[-1] if curve else Counts()
    if not tally.flow.by_timestep:
        curve, whole = [], whole.updated(timesteps)
    said = {
        name: _analog(model, whole)
        if form == "analog"
        else _spiking(model, whole, curve, timesteps)
        for name, model in models.items()
    }
    return {"energies": {name: each for name, each in said.items() if each is not None}}


def joules(counts: Counts, models: Models) -> dict[str, float]:
    """The energy of a spiking network by every model."""
    return {name: sum(model.spiking(counts).values()) for name, model in models.items()}


def _analog(model: EnergyModel, counts: Counts) -> dict[str, Any] | None:
    parts = model.analog(counts, model.bits)
    return None if parts is None else _told(model, parts, {})


def _spiking(
    model: EnergyModel, counts: Counts, curve: list[Counts], timesteps: int
) -> dict[str, Any]:
    beside = _beside(model, counts, timesteps)
    if curve:
        steps = [sum(model.spiking(each).values()) for each in curve]
        beside = {"joule_by_timestep": steps, **beside}
    return _told(model, model.spiking(counts), beside)


def _told(model: EnergyModel, parts: dict[str, float], beside: dict[str, Any]) -> dict[str, Any]:
    known = {"source": model.source, "first_layer": model.first_layer}
    return {**known, "joule": sum(parts.values()), "joule_by_part": parts, **beside}


def _beside(model: EnergyModel, counts: Counts, timesteps: int) -> dict[str, Any]:
    """Of the analog network: at full precision, and at the bits of all timesteps up to T."""
    whole = model.analog(counts, model.bits)
    if whole is None:
        return {}
    bits = matching_bits(timesteps)
    prices = {each: model.analog(counts, each) for each in range(1, bits + 1)}
    beside = {"ann_joule": sum(whole.values()), "ann_bits": bits}
    if prices[bits] is None:
        return beside
    by_bits = {str(each): sum(parts.values()) for each, parts in prices.items() if parts}
    return {**beside, "ann_bits_joule": by_bits[str(bits)], "ann_joule_by_bits": by_bits}
