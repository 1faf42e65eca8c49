"""TensorBoard as a mirror of the run folder."""

import time
from pathlib import Path
from typing import Any, ClassVar

from snnexp.results.run import RunResult
from snnexp.track.base import Labels, Tracker
from snnexp.track.flat import flat
from snnexp.track.headline import headline
from snnexp.track.staged import Staged

FILE = "events.out.tfevents.0.snnexp"
"""Writers of TensorBoard put the host's name into that of the file."""


class TensorBoard(Tracker):
    """One event file in `tensorboard` of the run folder: metrics against the epochs of their stage,
    accuracy against timesteps, and settings beside results under HPARAMS.

    Every event is in the file before the next one. A run that is resumed writes its file anew.
    """

    package: ClassVar[str | None] = "tensorboard"

    def __init__(self):
        self.file, self.writer = None, None
        self.staged, self.settings = Staged(), {}

    def start(self, run_dir: Path, config: dict[str, Any], labels: Labels) -> None:
        """Begins the event file."""
        from tensorboard.summary.writer.record_writer import RecordWriter

        path = Path(run_dir) / "tensorboard" / FILE
        path.parent.mkdir(exist_ok=True)
        self.file = path.open("wb")
        self.writer, self.staged = RecordWriter(self.file), Staged()
        self.settings = {**flat(config), **labels.choices}
        self._write(0, file_version="brain.Event:2")

    def log(self, record: dict[str, Any]) -> None:
        """A point for every number."""
        points = self.staged.points(record)
        stage = points["stage"]
        for key, value in points.items():
            if key.startswith(f"{stage}/") and key != f"{stage}/epoch":
                self._scalar(points["stage_epoch"], key, value)

    def result(self, result: dict[str, Any]) -> None:
        """Accuracy against timesteps, and the figures beside the settings."""
        from torch.utils.tensorboard.summary import hparams

        told = RunResult.from_json(result)
        for step, accuracy in enumerate(told.last.accuracy_by_timestep, start=1):
            if accuracy is not None:
                self._scalar(step, "accuracy_by_timestep", accuracy)
        known = {key: value for key, value in headline(told).items() if _is_number(value)}
        settings = {key: _plain(value) for key, value in self.settings.items()}
        figures = {f"result/{key}": value for key, value in known.items()}
        for summary in hparams(settings, figures):
            self._write(0, summary=summary)
        for key, value in figures.items():
            self._scalar(0, key, value)

    def finish(self, exit_code: int) -> None:
        """Closes the file."""
        if self.file is not None:
            self.file.close()

    def _scalar(self, step: int, tag: str, value: Any) -> None:
        from torch.utils.tensorboard.summary import scalar

        if _is_number(value):
            self._write(step, summary=scalar(tag, float(value)))

    def _write(self, step: int, **content: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self.writer.write(Event(wall_time=time.time(), step=step, **content).SerializeToString())
        self.writer.flush()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Any) -> bool | int | float | str:
    return value if isinstance(value, bool | int | float | str) else str(value)
