"""Metrics by stage: an epoch of an analog network is not one of a spiking network."""

from collections.abc import Mapping
from typing import Any

HEAD = ("stage", "epoch")


class Staged:
    """Gives every record of a run the keys of its stage, each stage with an axis of its own.

    `{"stage": "pretrain", "epoch": 2, "train/loss": 0.1}` becomes `{"pretrain/epoch": 2,
    "pretrain/train/loss": 0.1}` and, for all stages alike, `stage`, `stage_epoch` and `epoch`,
    which counts on through the stages.
    """

    def __init__(self):
        self.stage, self.before, self.epoch = None, 0, 0

    def points(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """What is known of `record`, by the names of its stage."""
        if record.get("stage") != self.stage:
            self.stage, self.before = record.get("stage"), self.epoch
        stage_epoch = record.get("epoch", self.epoch - self.before)
        self.epoch = self.before + stage_epoch
        axes = {"stage": self.stage, "stage_epoch": stage_epoch, "epoch": self.epoch}
        values = {
            f"{self.stage}/{key}": value
            for key, value in record.items()
            if key not in HEAD and value is not None
        }
        return {**axes, f"{self.stage}/epoch": stage_epoch, **values}
