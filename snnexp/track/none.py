"""The tracker of a run that nobody tracks."""

from pathlib import Path
from typing import Any

from snnexp.track.base import Labels, Tracker


class NoTracker(Tracker):
    """Ignores everything: the files of the run folder are the only record."""

    def start(self, run_dir: Path, config: dict[str, Any], labels: Labels) -> None:
        """Ignored."""

    def log(self, record: dict[str, Any]) -> None:
        """Ignored."""

    def result(self, result: dict[str, Any]) -> None:
        """Ignored."""

    def finish(self, exit_code: int) -> None:
        """Ignored."""
