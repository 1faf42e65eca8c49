"""What of a finished run is kept in a repository: a folder from which `snnexp evaluate` and
`start=` read.
"""

import re
import shutil
from pathlib import Path

from snnexp.files.atomic import write_text
from snnexp.reproduce.jobs import Job

LARGEST = 3_000_000
"""Bytes of weights that are kept."""
FILES = ("result.json", "metrics.jsonl")
FOLDERS = {"data_dir": "~/.cache/snnexp", "output_dir": "outputs"}


def record(job: Job, runs: Path) -> Path:
    """Copies result, metrics, configuration and, where they are small, weights of a finished run to
    `runs`/results; the folder there.

    The configuration is that of the run, but for the folders of this machine: those are what they
    are by default.
    """
    run, kept = job.folder(runs), runs / "results" / job.name
    kept.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(run / name, kept / name)
    write_text(kept / "result.json", _anywhere((run / "result.json").read_text(), runs))
    write_text(
        kept / "config.yaml", _anywhere(_by_default((run / "config.yaml").read_text()), runs)
    )
    if (run / "weights.safetensors").stat().st_size <= LARGEST:
        shutil.copy(run / "weights.safetensors", kept / "weights.safetensors")
    return kept


def _by_default(text: str) -> str:
    for key, value in FOLDERS.items():
        text = re.sub(rf"^( *){key}: .*$", rf"\1{key}: {value}", text, flags=re.MULTILINE)
    return text


def _anywhere(text: str, runs: Path) -> str:
    """The folder of the runs as that of the recorded ones."""
    return text.replace(f"{runs}/", "results/")
