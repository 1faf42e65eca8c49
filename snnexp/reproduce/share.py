"""What share of the processor a process has had, of what it asked for."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

EVERY = 0.1
"""Seconds between looks: a thread that ends between two of them tells nothing after the first."""
UNKNOWN = 1.0


def share_of(process: subprocess.Popen) -> float:
    """Waits until `process` ends; computing / (computing + waiting for a processor) of its threads.

    Threads that sleep, as they do where a step has no work for them, count as neither: that a
    program has fewer threads at work than it may have is no sign of a busy machine. 1 on systems
    that do not tell.
    """
    known: dict[str, tuple[int, int]] = {}
    while True:
        known.update(_of_threads(process.pid))
        if process.poll() is not None:
            break
        time.sleep(EVERY)
    had, waited = (sum(times) for times in zip(*known.values(), strict=True)) if known else (0, 0)
    return had / (had + waited) if had else UNKNOWN


def _of_threads(pid: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Nanoseconds that each thread of a process has computed, and has waited for a processor."""
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            had, waited, _ = path.read_text().split()
        except (OSError, ValueError):  # it has ended meanwhile
            continue
        yield path.parent.name, (int(had), int(waited))
