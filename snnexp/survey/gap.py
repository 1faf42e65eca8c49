"""An accuracy against the published one, at the timestep for which that was published."""

from collections.abc import Mapping
from typing import Any


def gap(block: Mapping[str, Any]) -> float | None:
    """Percentage points above the published accuracy; None where the two cannot be compared.

    It is read at the published T, or at `reference.read_at` where the experiment's code has no such T and says which stands for it; at
    the end where no T is published. A run that ends before, or gives no answer yet, an analog network beside a T, and single spikes in
    another number of timesteps have no accuracy to compare.
    """
    reference = block.get("reference") or {}
    if reference.get("accuracy") is None:
        return None
    read = accuracy_at(block, reference.get("read_at") or reference.get("timesteps"))
    return None if read is None else read - reference["accuracy"]


def accuracy_at(block: Mapping[str, Any], timesteps: int | None) -> float | None:
    """The accuracy of a stage read after so many timesteps; that at its end for None."""
    curve = block.get("accuracy_by_timestep") or []
    whole = block.get("accuracy")
    whole = None if whole is None else float(whole)
    if timesteps is None:
        return whole
    if block.get("form") == "analog" or timesteps > len(curve):
        return None
    if timesteps == len(curve):
        return whole
    found = None if block.get("form") == "timed" else curve[timesteps - 1]
    return None if found is None else float(found)
