"""A cheap evaluation of a recorded network, by which a later version of the program can be held to the same figures."""

import shutil
from pathlib import Path
from typing import Any

from snnexp.documents import read_json
from snnexp.reproduce.command import started

FILE = "check.json"
IMAGES, TIMESTEPS = 500, 32
"""Test images, the same for every run, and timesteps at most."""


def changes(result: dict[str, Any]) -> list[str]:
    """What is different from the evaluation in `result`; nothing where that is as cheap."""
    fewer = [f"evaluate.images={IMAGES}"] if (result.get("test_images") or 0) > IMAGES else []
    return fewer + ([f"timesteps={TIMESTEPS}"] if (result.get("timesteps") or 0) > TIMESTEPS else [])


def check(run: Path, kept: Path, copy: Path, threads: int) -> None:
    """Leaves in `kept` what an evaluation of the run gives that is cheap enough for a test, by the code that has trained it."""
    asked = changes(read_json(run / "result.json"))
    if (kept / FILE).exists() or not asked:
        return
    with (run / "check.log").open("wb") as log:
        code = started(["evaluate", str(run), *asked], copy, threads, log).wait()
    made = sorted((run / "evaluations").glob("*.json"), key=lambda path: path.stat().st_mtime_ns) if code == 0 else []
    if made:
        shutil.copy(made[-1], kept / FILE)
