"""Whole runs in this process: tiny networks on the embedded digits."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from snnexp.cli.job import attempt
from snnexp.composition.compose import composed

TINY = [
    *(
        "tracker=none",
        "device=cpu",
        "progress=plain",
        "epochs=2",
        "timesteps=3",
        "batch_size=100",
        "optimizer.lr=0.01",
    ),
]
NETWORK = ["architecture=mlp", "architecture.widths=[24]"]
STRATEGIES = {
    "ann": [],
    "bptt": [],
    "conversion": ["neuron=if", "neuron.amplitude=threshold", "timesteps=16"],
    "hybrid": ["neuron=if", "neuron.amplitude=threshold", "strategy.stages.finetune.epochs=1"],
}


@cache
def _composed(settings: tuple[str, ...]) -> DictConfig:
    return composed([*settings])


def in_folder(folder: Path, *settings: str) -> DictConfig:
    """The composition of these settings, made once, for a run in `folder`."""
    config = copy.deepcopy(_composed(settings))
    config.output_dir = str(folder)
    return config


def attempted(
    folder: Path, *overrides: str
) -> tuple[dict[str, Any] | None, BaseException | None, int]:
    """What `snnexp train` would leave in `folder` and return, the result as it stands in its
    file.
    """
    own = any(each.startswith("architecture=") for each in overrides)
    settings = [*TINY, *([] if own else NETWORK), *overrides]
    choices = dict(
        setting.split("=", 1) for setting in settings if "." not in setting.split("=", 1)[0]
    )
    result, error, code = attempt(in_folder(folder, *settings), choices, folder)
    return None if result is None else result.to_json(), error, code


def job(folder: Path, *overrides: str) -> dict[str, Any]:
    """The result of a run that must succeed."""
    result, error, code = attempted(folder, *overrides)
    if error is not None:
        raise error
    assert code == 0
    return result


def records(folder: Path, stage: str | None = None) -> list[dict[str, Any]]:
    """The epochs of a stage, or of all, as metrics.jsonl has them."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [
        record for record in lines if "train/loss" in record and stage in (None, record["stage"])
    ]
