"""The run's own record of its metrics, which nothing else is needed to read."""

import os
from pathlib import Path
from typing import Any

from snnexp.atomic import dumps, write_bytes
from snnexp.documents import parsed
from snnexp.foreign import Absent, read_regular

HEAD = ("stage", "epoch")
LARGEST = 2**28
"""Bytes of the records of a run; those of a thousand epochs of a deep network have some ten million."""


class MetricsFile:
    """`metrics.jsonl`: one JSON object per record, on the disk before the next one. No times: equal seeds give equal bytes."""

    def __init__(self, run_dir: Path | str):
        self.path = Path(run_dir) / "metrics.jsonl"
        self.count = len(self._lines())
        self.rewind(self.count)  # drops the half line that a killed run may have left

    def log(self, record: dict[str, Any]) -> None:
        """Appends one record: stage and epoch, then the other keys in order."""
        keys = sorted(record, key=lambda key: (HEAD.index(key) if key in HEAD else len(HEAD), key))
        with self.path.open("ab") as file:
            file.write(f"{dumps({key: record[key] for key in keys})}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        self.count += 1

    def rewind(self, count: int) -> None:
        """Keeps the first `count` records: a resumed run writes the later ones again."""
        kept = b"".join(self._lines()[:count])
        if self.path.exists() and kept != read_regular(self.path, LARGEST):
            write_bytes(self.path, kept)
        self.count = min(count, self.count)

    def read(self) -> list[dict[str, Any]]:
        """Every record so far."""
        return [parsed(self.path, line) for line in self._lines()]

    def _lines(self) -> list[bytes]:
        try:
            whole = read_regular(self.path, LARGEST).splitlines(keepends=True)
        except Absent:
            return []
        return [line for line in whole if line.endswith(b"\n")]
