"""What a process that writes no records reports to."""

from typing import Any

from snnexp.progress.forecast import Forecast
from snnexp.results.run import RunResult
from snnexp.results.stage import StageResult


class Muted:
    """Takes everything that `Trackers` takes, and keeps nothing."""

    records = ""

    def say(self, line: str) -> None:
        """Nothing."""

    def foresee(self, forecast: Forecast) -> None:
        """Nothing."""

    def epoch(self, record: dict[str, Any], epochs: int, seconds: float | None = None) -> None:
        """Nothing."""

    def stage(self, result: StageResult) -> None:
        """Nothing."""

    def result(self, result: RunResult) -> None:
        """Nothing."""
