"""The result of a run as one JSON object, stage by stage."""

import hashlib
import json
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import snnexp
from snnexp.composition.identity import scientific, starts
from snnexp.finite import require_figures
from snnexp.measure.evaluator import Evaluation
from snnexp.measure.flags import flags
from snnexp.network.network import Network
from snnexp.network.parts import code_window
from snnexp.survey.gap import gap

CHOSEN = (
    *("experiment", "strategy", "dataset", "encoder", "neuron", "synapse", "surrogate", "norm", "architecture", "readout"),
    *("presimulation", "activation", "loss", "optimizer", "scheduler", "threshold", "calibration"),
)
"""The config groups whose chosen option a result names."""

COMMIT = "commit.txt"
"""In the package of a frozen copy: the commit that it is of."""

UNHASHED = ("device", "seed", "tracker", "progress", "output_dir", "data_dir", "reference", "checkpoint", "on_error")
"""Keys that cannot change what is computed, or that tell repetitions of one experiment apart."""


def block(
    stage: str, network: Network, evaluation: Evaluation, config: dict[str, Any], choices: dict[str, str], shown: dict[str, Any]
) -> dict[str, Any]:
    """What the result file says of one stage: the choices, the measurements on the test set, and what the stage has `shown`.

    Accuracies are in percent, energies in joule, times in seconds; spikes and operations are means per test image.
    `timesteps` are all that the network runs, the first `hidden_timesteps` of which a presimulation spends before it answers:
    `accuracy_by_timestep[t - 1]` is the accuracy after t of them, and null for t <= hidden_timesteps.
    Of a code in windows `timesteps_per_layer` is the window, and spikes and operations are those of one window in every layer, since a
    new image may enter with each; of a network mapped to spike times, where a neuron fires once at most, they are those of the image.
    `undecided` is the share of images, in percent, for which no class is ahead of all others at T.
    `flags` are what the accuracy should not be read without. `gap` compares accuracies at one T, of the stage that ends the strategy.

    Raises:
        NumericalError: a figure is not finite.
    """
    tally = evaluation.tally
    found = {
        "experiment": choices.get("experiment"),
        "stage": stage,
        **{group: choices.get(group) for group in CHOSEN[1:]},
        "seed": config["seed"],
        "timesteps": len(evaluation.accuracy_by_timestep),
        "hidden_timesteps": evaluation.hidden_timesteps,
        "epochs": config["strategy"]["stages"][stage].get("epochs", 0),
        "form": network.form,
        "accuracy": evaluation.accuracy,
        "accuracy_by_timestep": evaluation.accuracy_by_timestep,
        "timesteps_per_layer": code_window(network),
        "undecided": evaluation.undecided,
        "test_loss": evaluation.loss,
        "spikes_per_inference": tally.spikes_per_inference(),
        "spikes_per_neuron": tally.spikes_per_neuron(),
        "spikes_by_layer": tally.spikes_by_layer(),
        "operations": tally.operations(),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "test_images": evaluation.images,
        "evaluate_seconds": evaluation.seconds,
        "reference": config["reference"],
        "selection": config["selection"],
        "accuracy_last": evaluation.accuracy,
        "accuracy_best_test": None,  # a stage that trains has chosen among epochs, and says so in `shown`
        "flags": flags(evaluation),
        **evaluation.shown,
        **shown,
    }
    require_figures(found, f"result of stage {stage}")
    return found | {"gap": gap(found) if stage == [*config["strategy"]["stages"]][-1] else None}


def surroundings(config: dict[str, Any], device: torch.device, started_from: dict[str, str]) -> dict[str, Any]:
    """Where and with what the run was made; `started_from` as `starts` gives it, before any of it can be gone."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type} ({platform.machine()})",
        "threads": torch.get_num_threads(),
        "precision": config["precision"],
        "versions": versions(),
        "git_commit": git_commit(),
        "config_hash": config_hash(config, started_from),
        "started_from": started_from,
    }


def versions() -> dict[str, str]:
    """Versions of this package and of what results depend on."""
    packages = ("torch", "torchvision", "numpy", "hydra-core", "omegaconf", "wandb")
    return {"python": platform.python_version(), "snnexp": snnexp.__version__, **{name: metadata.version(name) for name in packages}}


def git_commit() -> str | None:
    """Commit of the checkout this package is imported from, with "+changes" where it differs; None outside one.

    A frozen copy says itself of which commit it is. A repository around an installed package, such as one whose `.venv` it is in, says
    nothing about it: it does not track its files.
    """
    folder = Path(snnexp.__file__).parent
    if (folder / COMMIT).exists():
        return (folder / COMMIT).read_text().strip()
    try:
        _git(folder, "ls-files", "--error-unmatch", "__init__.py")
        commit, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+changes" if changes else "")


def _git(folder: Path, *words: str) -> str:
    told = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True, start_new_session=True)
    return told.stdout.strip()  # in a session of its own, or Ctrl+C would end it and the commit be unknown


def config_hash(config: dict[str, Any], started_from: dict[str, str] | None = None) -> str:
    """Sixteen hex digits that are equal for runs of one experiment, whatever their seed, device and folders.

    A network that a run starts from counts by its weights (`started_from`, looked up where it is not given), not by where it lay.
    """
    known = starts(config) if started_from is None else started_from
    hashed = scientific({"dataset": {}} | {key: value for key, value in config.items() if key not in UNHASHED}, known)
    return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()[:16]


def peak_memory(device: torch.device) -> int:
    """Highest memory in bytes: of the device's allocator on CUDA, of the whole process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource

    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
