"""The results of stages and runs, put together from what was measured."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import snnexp
from snnexp.composition.debug import mark
from snnexp.composition.identity import scientific, starts
from snnexp.finite import require_figures
from snnexp.measure.evaluator import Evaluation
from snnexp.measure.flags import flags
from snnexp.network.network import Network
from snnexp.network.parts import code_window
from snnexp.results.parts import LayerSpikes, Operations, Reference
from snnexp.results.record import from_json
from snnexp.results.stage import CHOICES, StageResult
from snnexp.survey.gap import gap

COMMIT = "commit.txt"
"""In the package of a frozen copy: the commit that it is of."""

UNHASHED = (
    "device",
    "seed",
    "tracker",
    "progress",
    "output_dir",
    "data_dir",
    "reference",
    "checkpoint",
    "on_error",
    "sweep_dir",
    "objectives",
    "energy",
)
"""Keys that cannot change what is computed, or that tell repetitions of one experiment apart."""
UNHASHED_EVALUATE = (
    "predictions",
    "by_timestep",
    "neurobench",
    "exit_thresholds",
    "exit_tolerance",
)
"""The same under `evaluate`."""


def stage_result(
    stage: str,
    network: Network,
    evaluation: Evaluation,
    config: dict[str, Any],
    choices: dict[str, str],
    shown: Mapping[str, Any],
) -> StageResult:
    """The result of one stage: the choices, the measurements on the test set, and what the stage
    has `shown`.

    `gap` compares accuracies at one T, of the stage that ends the strategy.

    Args:
        stage: its name.
        network: what it left.
        evaluation: of the network on the test set, with counts.
        config: the resolved configuration.
        choices: the option chosen in each group.
        shown: by the names of the fields; whatever else stands in it is kept as `extra`.

    Raises:
        NumericalError: a figure is not finite.
        ValueError: what is shown does not fit the field of this name.
    """
    measured = _measured(stage, network, evaluation, config, choices)
    result = measured.with_shown(evaluation.shown).with_shown(shown)
    require_figures(result.to_json(), f"result of stage {stage}")
    ends = stage == [*config["strategy"]["stages"]][-1]
    return replace(result, gap=gap(result) if ends else None)


def _measured(
    stage: str,
    network: Network,
    evaluation: Evaluation,
    config: dict[str, Any],
    choices: dict[str, str],
) -> StageResult:
    tally, reference = evaluation.tally, config["reference"]
    layers = {name: LayerSpikes(**spikes) for name, spikes in tally.spikes_by_layer().items()}
    return StageResult(
        **{group: choices.get(group) for group in CHOICES},
        stage=stage,
        seed=config["seed"],
        timesteps=len(evaluation.accuracy_by_timestep),
        hidden_timesteps=evaluation.hidden_timesteps,
        epochs=config["strategy"]["stages"][stage].get("epochs", 0),
        form=network.form,
        accuracy=evaluation.accuracy,
        accuracy_by_timestep=evaluation.accuracy_by_timestep,
        timesteps_per_layer=code_window(network),
        undecided=evaluation.undecided,
        test_loss=evaluation.loss,
        spikes_per_inference=tally.spikes_per_inference(),
        spikes_per_neuron=tally.spikes_per_neuron(),
        spikes_by_layer=layers,
        operations=Operations(**tally.operations()),
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        test_images=evaluation.images,
        evaluate_seconds=evaluation.seconds,
        reference=None if reference is None else from_json(Reference, reference),
        selection=config["selection"],
        accuracy_last=evaluation.accuracy,
        accuracy_best_test=None,  # a stage that trains has chosen among epochs, and shows it
        flags=[*mark(config), *flags(evaluation)],
        gap=None,
    )


def surroundings(
    config: dict[str, Any], device: torch.device, started_from: dict[str, str]
) -> dict[str, Any]:
    """Where and with what a run was made, by the fields of its result.

    Args:
        config: the resolved configuration.
        device: on which it was computed.
        started_from: as `starts` gives it, before any of it can be gone.
    """
    on_cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device)
        if on_cuda
        else f"{device.type} ({platform.machine()})",
        "threads": torch.get_num_threads(),
        "precision": config["precision"],
        "versions": versions(),
        "git_commit": git_commit(),
        "config_hash": config_hash(config, started_from),
        "started_from": started_from,
        "peak_memory_bytes": peak_memory(device),
    }


def versions() -> dict[str, str]:
    """Versions of this package and of what results depend on."""
    packages = ("torch", "torchvision", "numpy", "hydra-core", "omegaconf", "wandb")
    return {
        "python": platform.python_version(),
        "snnexp": snnexp.__version__,
        **{name: metadata.version(name) for name in packages},
    }


def git_commit() -> str | None:
    """Commit of the checkout this package is imported from, with "+changes" where it differs; None
    outside one.

    A frozen copy says itself of which commit it is. A repository around an installed package, such
    as one whose `.venv` it is in, says nothing about it: it does not track its files.
    """
    folder = Path(snnexp.__file__).parent
    if (folder / COMMIT).exists():
        return (folder / COMMIT).read_text().strip()
    try:
        _git(folder, "ls-files", "--error-unmatch", "__init__.py")
        commit, changes = (
            _git(folder, "rev-parse", "HEAD"),
            _git(folder, "status", "--porcelain", "--untracked-files=no"),
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+changes" if changes else "")


def _git(folder: Path, *words: str) -> str:
    told = subprocess.run(
        ["git", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
    )
    return (
        told.stdout.strip()
    )  # in a session of its own, or Ctrl+C would end it and the commit be unknown


def config_hash(config: dict[str, Any], started_from: dict[str, str] | None = None) -> str:
    """Sixteen hex digits that are equal for runs of one experiment, whatever their seed, device and
    folders.

    A network that a run starts from counts by its weights (`started_from`, looked up where it is
    not given), not by where it lay.
    """
    known = starts(config) if started_from is None else started_from
    hashed = scientific({"dataset": {}} | counting(config), known)
    return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()[:16]


def counting(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration without keys that cannot change what is computed."""
    kept = {key: value for key, value in config.items() if key not in UNHASHED}
    if isinstance(kept.get("evaluate"), dict):
        kept["evaluate"] = {
            key: value for key, value in kept["evaluate"].items() if key not in UNHASHED_EVALUATE
        }
    return kept


def peak_memory(device: torch.device) -> int:
    """Highest memory in bytes: of the device's allocator on CUDA, of the whole process
    elsewhere.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource

    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
