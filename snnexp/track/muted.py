"""What a process that writes no records reports to."""

from typing import Any

from snnexp.results.run import RunResult
from snnexp.results.stage import StageResult


class Muted:
    """Takes everything that `Trackers` takes, and keeps nothing."""

    records = ""

    def advance(self, done: int, total: int) -> None:
        """Nothing."""

    def epoch(self, record: dict[str, Any], epochs: int, seconds: float | None = None) -> None:
        """Nothing."""

    def stage(self, result: StageResult) -> None:
        """Nothing."""

    def result(self, result: RunResult) -> None:
        """Nothing."""
