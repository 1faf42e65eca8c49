"""How long a run will take, from a few measured steps of everything that it does."""

import json
import math
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from snnexp.files.atomic import write_json
from snnexp.files.documents import read_json
from snnexp.files.foreign import Unreadable
from snnexp.reproduce.command import started
from snnexp.reproduce.jobs import Job
from snnexp.reproduce.share import share_of
from snnexp.results.read import read_result
from snnexp.results.stage import StageResult

FILE = "estimates.json"
BATCHES, IMAGES = 4, 20
"""Batches of training and images of an evaluation that are measured."""
IMAGES_OF = {
    "digits": (1437, 360),
    "digits_dvs": (1438, 359),
    "cifar10": (50000, 10000),
    "cifar10_dvs": (9000, 1000),
    "dvs_gesture": (1176, 288),
    **dict.fromkeys(("mnist", "mnist16", "fashion_mnist", "nmnist"), (60000, 10000)),
}
"""Training and test images of the data sets that are read whole; estimates of others are not
made.
"""


@dataclass(frozen=True)
class Estimate:
    """Seconds that a run takes on a machine that does nothing else, and the share of the processor
    that was to be had when they were measured.
    """

    alone: float
    share: float

    @property
    def beside_others(self) -> float:
        """Seconds that it takes as long as the machine is as busy as it was then."""
        return self.alone / self.share


def estimate(
    job: Job, config: Mapping[str, Any], dataset: str, runs: Path, copy: Path, threads: int
) -> Estimate | None:
    """How long the run of `job` would take; None where it cannot be measured. What has been
    measured is kept.

    A run of a few batches and images goes through all stages; its times are scaled by what the
    whole run has more of:

        s = sum over stages of  train_seconds epochs N / (BATCHES B)  +
            evaluate_seconds M / IMAGES (1 + epochs / every + R)

    with N training images in batches of B and M test images, and R tests of robustness. First steps
    are slow, so that it is too long rather than too short. Where others have kept the processor
    from it, it takes as much less on a machine of its own as it had to wait.
    """
    kept = _kept(runs)
    key = json.dumps([job.experiment, job.settings, threads])
    if not isinstance(kept.get(key), dict):  # one that failed may have been stopped: measured again
        found = _measured(job, config, dataset, runs, copy, threads)
        kept[key] = None if found is None else asdict(found)
        write_json(runs / FILE, kept)
    return None if kept[key] is None else Estimate(**kept[key])


def _measured(
    job: Job, config: Mapping[str, Any], dataset: str, runs: Path, copy: Path, threads: int
) -> Estimate | None:
    if dataset not in IMAGES_OF:
        return None
    for older in runs.glob(".measured.*"):
        shutil.rmtree(older, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=runs, prefix=".measured."))
    words = [f"+experiment={job.experiment}", *job.settings, *_few(config, IMAGES_OF[dataset][0])]
    words += ["tracker=none", f"hydra.run.dir='{folder}'"]
    with (runs / "measured.log").open("wb") as log:
        process = started(["train", *words], copy, threads, log)
        share = share_of(process)
    found = read_result(folder / "result.json").stages if process.returncode == 0 else None
    shutil.rmtree(folder, ignore_errors=True)
    if found is None:
        return None
    whole = sum(scaled(found[name], n, config, dataset) for name, n in _epochs(job, config).items())
    return Estimate(share * whole, share)


def _epochs(job: Job, config: Mapping[str, Any]) -> dict[str, int]:
    """Of each stage; none of one that another run has been through."""
    stages = config["strategy"]["stages"].items()
    epochs = {name: stage.get("epochs") or 0 for name, stage in stages}
    return epochs if job.start is None else {**epochs, job.stage: 0}


def _few(config: Mapping[str, Any], images: int) -> list[str]:
    """Overrides that leave a few batches and images of a run."""
    left = min(BATCHES * config["batch_size"], images - 1)
    shorter = [
        f"strategy.stages.{name}.epochs=1"
        for name, stage in config["strategy"]["stages"].items()
        if stage.get("epochs")
    ]
    shorter += [
        f"strategy.stages.{name}.samples={IMAGES}"
        for name, stage in config["strategy"]["stages"].items()
        if "samples" in stage
    ]
    return [
        *shorter,
        f"dataset.validation={images - left}",
        f"evaluate.images={IMAGES}",
        "evaluate.every=1",
        "progress=plain",
    ]


def scaled(found: StageResult, epochs: int, config: Mapping[str, Any], dataset: str) -> float:
    """Seconds of a whole stage by those of a short one, as `estimate` says."""
    training, test = IMAGES_OF[dataset]
    training -= config["dataset"].get("validation") or 0
    held = config["dataset"].get("validation") or 0
    images = min(config["evaluate"]["images"] or test, test) + min(
        config["evaluate"]["images"] or held, held
    )
    measured = min(BATCHES * config["batch_size"], IMAGES_OF[dataset][0] - 1)
    evaluations = 1 + math.ceil(epochs / config["evaluate"]["every"]) + _robustness(found)
    return (
        found.train_seconds * epochs * training / measured
        + found.evaluate_seconds * evaluations * images / IMAGES
    )


def _robustness(found: StageResult) -> int:
    """Times that the test set was seen under fewer bits, jitter or variation."""
    tests = found.accuracy_by_bits, found.accuracy_by_jitter, found.accuracy_by_variation
    return sum(len(test or {}) for test in tests)


def _kept(runs: Path) -> dict[str, Any]:
    try:
        return read_json(runs / FILE)
    except Unreadable:
        return {}
