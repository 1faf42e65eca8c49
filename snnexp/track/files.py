"""The run's own record of its metrics, which nothing else is needed to read."""

import os
from pathlib import Path
from typing import Any

from snnexp.files.atomic import dumps, sync_folder, write_bytes
from snnexp.files.disk import writing
from snnexp.files.documents import LARGEST_RECORDS, parsed
from snnexp.files.foreign import Absent, read_regular

HEAD = ("stage", "epoch")


class MetricsFile:
    """`metrics.jsonl`: one JSON object per record, on the disk before the next one. No times: equal
    seeds give equal bytes.

    Args:
        run_dir: the run folder.
        text: what the file is to begin with, as a checkpoint has kept it: it is made so, whatever
            has become of it. None for what is there, without the half line that a killed run may
            have left.
    """

    def __init__(self, run_dir: Path | str, text: str | None = None):
        self.path = Path(run_dir) / "metrics.jsonl"
        self.text = self._found().rpartition(b"\n")[0].decode() if text is None else text
        self.text += "\n" if text is None and self.text else ""
        self.restored = not self._found().startswith(self.text.encode())
        if self._found() != self.text.encode():
            self._write()

    def log(self, record: dict[str, Any]) -> None:
        """Appends one record: stage and epoch, then the other keys in order. Raises `NoRoom`, and
        leaves the file as it was.
        """
        keys = sorted(record, key=lambda key: (HEAD.index(key) if key in HEAD else len(HEAD), key))
        line, size = f"{dumps({key: record[key] for key in keys})}\n", len(self.text.encode())
        begun = self.path.exists()
        if (
            begun and self.path.stat().st_size != size
        ):  # somebody has been at it: what is kept here counts
            self._write()
        with writing(self.path, len(line.encode())):
            self._append(line.encode(), size)
        self.text += line
        if not begun:
            sync_folder(self.path.parent)

    def read(self) -> list[dict[str, Any]]:
        """Every record so far."""
        return [parsed(self.path, line.encode()) for line in self.text.split("\n") if line]

    def _append(self, line: bytes, size: int) -> None:
        with self.path.open("ab") as file:
            try:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), size)
                raise

    def _found(self) -> bytes:
        try:
            return read_regular(self.path, LARGEST_RECORDS)
        except Absent:
            return b""

    def _write(self) -> None:
        write_bytes(self.path, self.text.encode())
