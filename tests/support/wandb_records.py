"""What W&B has kept of a run, as its own reader reads it; and its processes."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

CORE = Path(find_spec("wandb").origin).with_name("bin") / "wandb-core"


def kept(run_dir: Path, kind: str = "offline-run") -> dict[str, list[Any]]:
    """The records of the one W&B run that there must be in a run folder, by their type."""
    (file,) = run_dir.glob(f"wandb/{kind}-*/run-*.wandb")
    command = [CORE, "leet", "inspect", "--json", "--run-file", file, run_dir]
    environment = {**os.environ, "WANDB_CACHE_DIR": str(run_dir / "cache")}
    read = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    kinds: dict[str, list[Any]] = {}
    for record in map(json.loads, read.stdout.splitlines()):
        kinds.setdefault(record["type"], []).append(record[record["type"]])
    return kinds


def exit_codes(records: dict[str, list[Any]]) -> list[int]:
    """How the run ended, once."""
    return [each.get("exit_code", 0) for each in records.get("exit", [])]


def told(records: dict[str, list[Any]]) -> list[tuple]:
    """Stage and epoch of each record that came from the metrics."""
    items = [each["item"] for each in records.get("history", [])]
    return [(item["stage"], item["stage_epoch"]) for item in items if "stage" in item]


def eventually(test: Callable[[], Any], seconds: float = 600.0) -> Any:
    """What `test` gives as soon as it is true; its last answer if it does not become true."""
    end = time.monotonic() + seconds
    while not (found := test()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def below(ancestor: int) -> dict[int, str]:
    """The processes that `ancestor` has started, and those that these have, with their command
    lines.
    """
    parents, found = _parents(), {}
    for pid in parents:
        line = [pid]
        while line[-1] in parents and line[-1] != ancestor:
            line.append(parents[line[-1]])
        if line[-1] == ancestor and pid != ancestor:
            found[pid] = _command(pid)
    return {pid: command for pid, command in found.items() if command}


def _parents() -> dict[int, int]:
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(
                stat.read_text(errors="replace").rpartition(")")[2].split()[1]
            )
        except (OSError, IndexError):  # gone since
            continue
    return parents


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ").strip()
    except OSError:
        return ""


def goes_on(pid: int) -> bool:
    """Whether a process is there and not merely waited for."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
            not in "ZX"
        )
    except OSError:
        return False
