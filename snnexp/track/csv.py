"""The metrics of a run as one flat table, for spreadsheets and data frames."""

import csv
import io
from pathlib import Path
from typing import Any

from snnexp.files.atomic import write_text
from snnexp.track.base import Labels, Tracker

HEAD = ("stage", "epoch")


class MetricsTable(Tracker):
    """`metrics.csv` in the run folder: a row for every epoch and evaluation, a column for every
    metric, nothing where a row does not have one.
    """

    def __init__(self):
        self.path = Path()
        self.columns: list[str] = [*HEAD]
        self.rows: list[dict[str, Any]] = []

    def start(self, run_dir: Path, config: dict[str, Any], labels: Labels) -> None:
        """An empty table; a run that is resumed tells its rows again."""
        self.path = Path(run_dir) / "metrics.csv"
        self.columns, self.rows = [*HEAD], []
        self._write()

    def log(self, record: dict[str, Any]) -> None:
        """One row at the end; columns that are new stand behind the others."""
        new = [key for key in record if key not in self.columns]
        self.columns += new
        self.rows.append(record)
        self._write() if new else self._append(record)

    def result(self, result: dict[str, Any]) -> None:
        """What is in it stands in `result.json`."""

    def finish(self, exit_code: int) -> None:
        """Every row has been written."""

    def _write(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self.path, text.getvalue())

    def _append(self, record: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, self.columns, restval="", lineterminator="\n").writerow(record)
