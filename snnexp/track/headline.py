"""The figures by which runs are compared, under the same names in every run."""

from typing import Any

from snnexp.results.run import RunResult
from snnexp.results.stage import StageResult

OF_STAGE = (
    *("accuracy", "timesteps", "spikes_per_neuron", "spikes_per_inference"),
    *("validation_accuracy", "train_seconds", "evaluate_seconds"),
)
UNTOLD = ("command",)
"""It may hold what was typed."""
OF_OPERATIONS = (
    *("energy_joule", "energy_ann_joule", "mac", "ac"),
    *("energy_clocked_joule", "mac_clocked", "ac_clocked"),
)


def headline(result: RunResult) -> dict[str, Any]:
    """The scalars of a result as `accuracy`, `timesteps`, `spikes_per_neuron`, `energy_joule`, ...;
    those of every stage as `stages/NAME/accuracy` and so on.
    """
    scalars = {
        key: value
        for key, value in result.to_json().items()
        if isinstance(value, int | float | str) and key not in UNTOLD
    }
    flags = {"flags": "; ".join(result.last.flags)} if result.last.flags else {}
    stages = {
        f"stages/{name}/{key}": value
        for name, stage in result.stages.items()
        for key, value in figures(stage).items()
    }
    return {**scalars, **figures(result.last), **flags, **stages}


def figures(stage: StageResult) -> dict[str, float]:
    """What a stage came to, as far as it is known."""
    found = {key: getattr(stage, key) for key in OF_STAGE}
    if stage.operations is not None:
        found |= {key: getattr(stage.operations, key) for key in OF_OPERATIONS}
    found |= {f"energies/{name}": each.joule for name, each in (stage.energies or {}).items()}
    return {key: value for key, value in found.items() if value is not None}
