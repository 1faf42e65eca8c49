"""What a command does before it comes to its work."""

import subprocess
import sys

import pytest

from tests.support.command_line import TINY, environment

SLOW = ("torch._dynamo", "sklearn", "torchvision", "wandb", "matplotlib")
"""Packages that take longer to import than a small network to train."""


@pytest.mark.slow
def test_a_run_imports_nothing_slow_before_its_first_step(tmp_path):
    words = ["snnexp", "train", "dataset=digits", *TINY[1:3], "epochs=0", "hydra.run.dir=run"]
    words += ["architecture=resnet20", "evaluate.images=4"]  # draws weights in a way of its own
    code = (
        f"import sys; sys.argv = {words}\n"
        "from snnexp.cli.main import main\n"
        "try: main()\n"
        f"finally: print('imported', *[name for name in {SLOW} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (tmp_path / "run" / "result.json").exists(), done.stderr
    assert done.stdout.strip().splitlines()[-1] == "imported"
