"""What a run reports to: the terminal, the metrics file and the chosen trackers at once."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from snnexp.files.atomic import plain
from snnexp.progress.forecast import Forecast
from snnexp.progress.words import parts, title
from snnexp.progress.work import place_of
from snnexp.results.record import to_json
from snnexp.results.run import RunResult
from snnexp.results.stage import StageResult
from snnexp.stopping import Stopped
from snnexp.track.base import Labels, Tracker
from snnexp.track.console import Console
from snnexp.track.files import MetricsFile

__all__ = ["Labels", "Trackers"]
logger = logging.getLogger(__name__)


class Trackers:
    """Passes on what happens within its `with` block.

    The first error of a chosen tracker switches it off, with one warning; errors of the run's own
    files are raised.

    Args:
        run_dir: the run folder, which exists.
        config: the resolved configuration.
        labels: what the run is filed under.
        chosen: the chosen trackers.
        progress: "auto" draws a bar on an interactive terminal; "plain" prints lines only.
        records: the metrics file as an earlier attempt in this folder stood, when that is resumed;
            later records are dropped.
    """

    def __init__(
        self,
        run_dir: Path,
        config: dict[str, Any],
        labels: Labels,
        chosen: Sequence[Tracker],
        progress: Literal["auto", "plain"],
        records: str = "",
    ):
        self.start = (Path(run_dir), plain(config), labels)
        self.console = Console(run_dir, progress)
        self.metrics = MetricsFile(run_dir, records)
        self.chosen = list(chosen)

    def __enter__(self) -> "Trackers":
        try:
            self.console.start()
            if self.metrics.restored:
                logger.warning(
                    "%s was gone or damaged; it is restored from the checkpoint", self.metrics.path
                )
            self._tell("start", *self.start)
            for record in self.metrics.read():  # a tracker starts anew where a run is resumed
                self._tell("log", record)
        except BaseException as error:  # a signal: a server may be waited for here
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, Stopped | KeyboardInterrupt):
                self.console.say(_interrupted(error))
            self._tell("finish", int(error is not None))
        finally:
            self.console.close()

    @property
    def records(self) -> str:
        """The records of the run by now, as its metrics file has them."""
        return self.metrics.text

    def say(self, line: str) -> None:
        """A line for the terminal and the log of the run."""
        self.console.say(line)

    def foresee(self, forecast: Forecast) -> None:
        """What is expected of the run, for whoever watches."""
        self.console.foresee(forecast)

    def epoch(self, record: dict[str, Any], epochs: int, seconds: float | None = None) -> None:
        """An epoch of `epochs` has ended. The time it took reaches the terminal only: equal runs
        leave equal records.
        """
        self._record(record)
        self.console.epoch(record, epochs, seconds)

    def stage(self, result: StageResult) -> None:
        """A stage has ended, with these results."""
        self._record(evaluation_record(result))
        self.console.finished(result)

    def result(self, result: RunResult) -> None:
        """The run's result, as in `result.json`."""
        self.console.result(result)
        self._tell("result", plain(result.to_json()))

    def _record(self, record: dict[str, Any]) -> None:
        self.metrics.log(record)
        self._tell("log", plain(record))

    def _tell(self, act: str, *arguments: Any) -> None:
        for tracker in [*self.chosen]:
            try:
                getattr(tracker, act)(*arguments)
            except Exception as error:
                self._switch_off(tracker, error)

    def _switch_off(self, failed: Tracker, error: Exception) -> None:
        self.chosen.remove(failed)
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        logger.warning(
            "%s is off, and the run goes on without it (%s)", type(failed).__name__, reason
        )
        with suppress(Exception):
            failed.finish(1)


def _interrupted(error: BaseException) -> str:
    labels, works = place_of(error)
    if not works:
        return f"interrupted{' in ' if labels else ''}{'  '.join(labels)}"
    done = parts(works)
    return f"interrupted while {title(labels, works[0])}{', ' if done else ''}{done}"


def evaluation_record(result: StageResult) -> dict[str, Any]:
    """The record of the evaluation that ends a stage: what it measured, without the times."""
    record = {"stage": result.stage, "epoch": result.epochs or 0, "timesteps": result.timesteps}
    record |= {
        "test/accuracy": result.accuracy,
        "test/loss": result.test_loss,
        "spikes_per_neuron": result.spikes_per_neuron,
    }
    layers = result.spikes_by_layer or {}
    record |= {f"spikes/{name}": layer.spikes_per_neuron for name, layer in layers.items()}
    for name, layer in (result.conversion or {}).items():
        record |= {f"conversion/{name}/{key}": value for key, value in to_json(layer).items()}
    operations = {} if result.operations is None else to_json(result.operations)
    return record | {f"operations/{key}": value for key, value in operations.items()}
