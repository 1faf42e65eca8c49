"""A run in miniature, as its stages report it."""

from pathlib import Path

from snnexp.results.run import RunResult
from snnexp.results.stage import StageResult
from snnexp.track.base import Labels, Tracker
from snnexp.track.trackers import Trackers
from tests.support.options import build_option

CONFIG = {
    "timesteps": 4,
    "neuron": {"leak": 0.5},
    "strategy": {"stages": {"pretrain": {"epochs": 2}, "finetune": {"epochs": 3}}},
}
LABELS = Labels(
    "digits_lif",
    {"neuron": "lif", "encoder": "direct", "synapse": "none", "experiment": "digits_lif"},
    ("pretrain", "finetune"),
)
EPOCH = {
    "stage": "pretrain",
    "epoch": 1,
    "train/loss": 0.1234,
    "train/accuracy": 97.12,
    "test/accuracy": 96.5,
}
BLOCK = {
    "stage": "finetune",
    "experiment": "digits_lif",
    "epochs": 3,
    "timesteps": 4,
    "accuracy": 96.5,
    "test_loss": 0.2,
    "accuracy_by_timestep": [50.0, 80.0, 90.0, 96.5],
    "spikes_per_neuron": 0.123,
    "spikes_by_layer": {"hidden.1": {"neurons": 10, "spikes_per_neuron": 0.25}},
    "operations": {
        "mac": 1.2e6,
        "ac": 3.4e3,
        "mac_ann": 5e6,
        "energy_joule": 1.23e-5,
        "energy_ann_joule": 2.46e-5,
        "energy_model": "45 nm",
    },
    "reference": {"rows": ["t1-1"], "accuracy": 93.16, "timesteps": 6},
    "gap": 3.34,
    "evaluate_seconds": 1.0,
}
PRETRAINED = {"accuracy": 90.0, "accuracy_by_timestep": [90.0]}
RESULT = {**BLOCK, "stages": {"pretrain": PRETRAINED, "finetune": BLOCK}}


def stage(**changes) -> StageResult:
    """The result of the last stage, but for some fields."""
    return StageResult.from_json({**BLOCK, **changes})


def trackers(folder: Path, tracker: Tracker, **more) -> Trackers:
    return Trackers(folder, CONFIG, LABELS, [tracker], "auto", **more)


def wandb_tracker(mode: str | None, start_timeout: float, finish_timeout: float) -> Tracker:
    """W&B as its option sets it up, but for these."""
    changes = {"project": "project", "mode": mode, "start_timeout": start_timeout}
    return build_option("tracker", "wandb", {**changes, "finish_timeout": finish_timeout})


def whole_run(folder: Path, tracker: Tracker) -> None:
    with trackers(folder, tracker) as all_of_them:
        for number in (1, 2):
            all_of_them.epoch({**EPOCH, "epoch": number}, 2, seconds=12.3)
        all_of_them.stage(stage(stage="pretrain", epochs=2))
        all_of_them.epoch({**EPOCH, "stage": "finetune"}, 3, seconds=1.0)
        all_of_them.stage(stage())
        all_of_them.result(RunResult.from_json(RESULT))
