"""What a newcomer types first."""

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_default_run_learns_and_leaves_its_result(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "snnexp", "train"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=3600,
    )
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("outputs/train/*/result.json")
    result = json.loads(path.read_text())
    assert (
        result["accuracy"] >= 97 and len(result["accuracy_by_timestep"]) == result["timesteps"] == 4
    )
    assert (path.parent / "weights.safetensors").exists() and (
        path.parent / "metrics.jsonl"
    ).read_text().count("\n") == 21
