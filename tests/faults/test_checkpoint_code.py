"""A checkpoint of somebody else can carry no code."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from snnexp.runs.checkpoint_file import names
from tests.support.tiny_run import attempted, job

SHORT = ["epochs=2", "dataset.validation=1037", "evaluate.images=20", "architecture.widths=[8]"]


class Bomb:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


@pytest.mark.fault(
    "5: malicious pickle",
    "a checkpoint that makes a folder when it is unpickled, under a name that fits its hash",
)
def test_a_checkpoint_cannot_carry_code(tmp_path: Path, capsys: Any, happened: Any):
    job(tmp_path, *SHORT)
    (tmp_path / "status.json").write_text("{}")
    path = names(tmp_path / "checkpoints", "train")[-1]
    torch.save({"epoch": 2, "network": Bomb(tmp_path / "exploded")}, path)
    forged = path.with_name(f"train-0002-{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}.pt")
    path.rename(forged)
    (tmp_path / "result.json").unlink()
    assert attempted(tmp_path, *SHORT)[2] == 2 and not (tmp_path / "exploded").exists()
    told = capsys.readouterr().err
    assert f"{forged} is not a checkpoint" in told and "delete it to go on" in told
    forged.unlink()
    job(tmp_path, *SHORT)
    happened("exit 2, and nothing of it has run")
