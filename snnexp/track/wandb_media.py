"""What W&B is told of a result beside figures: tables, a line, the weights."""

import re
from pathlib import Path
from typing import Any

from snnexp.results.run import RunResult
from snnexp.track.headline import figures
from snnexp.track.tables import tables

FILES = ("weights.safetensors", "config.yaml", "result.json")
"""Of a run folder, what its network is loaded from."""
LONGEST = 128
"""Letters that W&B takes in the name of an artifact."""


def drawn(result: RunResult, run: str) -> dict[str, Any]:
    """The tables as `tables/NAME`, and the accuracy of the last stage against timesteps as
    `accuracy_by_timestep`; W&B puts those of several runs together.
    """
    import wandb

    media = {
        f"tables/{name}": wandb.Table(columns=[*table.columns], data=[*map(list, table.rows)])
        for name, table in tables(result, run).items()
    }
    points = [
        [step, accuracy]
        for step, accuracy in enumerate(result.last.accuracy_by_timestep, start=1)
        if accuracy is not None
    ]
    unit = result.last.timestep_is
    title, axes = "test accuracy against timestep", ["timestep", "accuracy"]
    title += f" ({unit} each)" if unit else ""
    curve = wandb.Table(columns=axes, data=points)
    line = wandb.plot.line(curve, *axes, title=title) if points else None
    return media if line is None else {**media, "accuracy_by_timestep": line}


def artifact(run_dir: Path, result: RunResult) -> Any:
    """The network of a run with its configuration and its result; runs of one experiment are
    versions of one model.
    """
    import wandb

    known = result.last.experiment or f"train-{result.last.strategy}"
    name = re.sub(r"[^\w.-]", "-", known, flags=re.ASCII)[:LONGEST]
    model = wandb.Artifact(name, type="model", metadata=figures(result.last))
    for path in (run_dir / file for file in FILES):
        if path.exists():
            model.add_file(str(path), policy="immutable", skip_cache=True)
    return model
