"""Training that torch.compile translates: the curve of the training that it does not."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import environment
from tests.support.tiny_run import NETWORK, TINY

SETTINGS = [*TINY, *NETWORK, "epochs=1", "batch_size=479", "norm=none", "neuron.threshold=0.5"]
"""Three batches of one size: every other shape would be translated anew."""


def started(folder: Path, *overrides: str) -> subprocess.Popen:
    # In a process of its own: the checks of shapes that the tests switch on cannot be translated.
    words = ["train", *SETTINGS, *overrides, "hydra.run.dir=run"]
    variables = {**environment(), "TORCHINDUCTOR_CACHE_DIR": str(folder / "cache")}
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "snnexp", *words],
        cwd=folder,
        env=variables,
        stderr=subprocess.PIPE,
        text=True,
    )


def recorded(process: subprocess.Popen, folder: Path) -> dict[str, Any]:
    errors = process.communicate(timeout=600)[1]
    assert process.returncode == 0, errors
    return json.loads((folder / "run" / "metrics.jsonl").read_text().splitlines()[0])


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("g++") is None and shutil.which("clang++") is None,
    reason="torch.compile needs a C++ compiler on the CPU",
)
def test_a_compiled_run_gives_the_curve_of_an_eager_one(tmp_path):
    folders = {name: tmp_path / name for name in ("true", "false")}
    processes = {name: started(folder, f"compile={name}") for name, folder in folders.items()}
    compiled, eager = (recorded(processes[name], folder) for name, folder in folders.items())
    assert list(folders["true"].glob("cache/**/*.so")) and not list(
        folders["false"].glob("cache/**/*.so")
    )
    assert compiled["train/loss"] == pytest.approx(eager["train/loss"], rel=1e-3)
    assert compiled["test/loss"] == pytest.approx(eager["test/loss"], rel=1e-2)
    assert compiled["test/accuracy"] == pytest.approx(eager["test/accuracy"], abs=1.0)
