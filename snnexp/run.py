"""One run: read the data, go through the stages, evaluate after each, leave the records."""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from snnexp.composition.identity import starts
from snnexp.configuration import build
from snnexp.configuration.budget import shortfall
from snnexp.datasets.base import Splits
from snnexp.datasets.batches import Batches
from snnexp.datasets.dataset import Dataset, drawn
from snnexp.distributed import from_first, joined, local_device, processes
from snnexp.files.atomic import write_json
from snnexp.finite import require_finite
from snnexp.measure.by_form import ByForm
from snnexp.measure.evaluator import Evaluation, Evaluator
from snnexp.measure.timed_evaluator import TimedEvaluator
from snnexp.network.network import Network
from snnexp.runs.checkpoint import Checkpoints
from snnexp.runs.past import Past
from snnexp.runs.result import block, peak_memory, surroundings
from snnexp.runs.weights import save
from snnexp.track.muted import Muted
from snnexp.track.trackers import Trackers
from snnexp.training.execution import Execution
from snnexp.training.memory import explaining_elsewhere
from snnexp.training.session import Session

Config = dict[str, Any]
logger = logging.getLogger(__name__)

CALIBRATION_IMAGES = 1000
"""Training images from which an encoder reads statistics it keeps."""


def run(
    config: Config,
    choices: dict[str, str],
    run_dir: Path | None,
    trackers: Trackers | Muted,
    checkpoints: Checkpoints | None = None,
    intended: Config | None = None,
    command: str | None = None,
) -> dict[str, Any]:
    """Runs the stages of a checked configuration and writes weights.safetensors and result.json into `run_dir`.

    Args:
        config: the resolved configuration.
        choices: the option chosen in each group.
        run_dir: the run folder, which exists; None for a process that leaves the writing to another.
        trackers: where measurements go as they come.
        checkpoints: from where the run goes on, and where it writes how far it is; None for neither.
        intended: what the experiment asks for by itself, against which the run may have been given less; None for a run without one.
        command: the command line that gives this run, for the result.

    Returns:
        The result, as written.
    """
    device = _device(config["device"])
    checkpoints = Checkpoints() if checkpoints is None else checkpoints
    # Before the training: the run that a network starts from may be gone afterwards.
    known = {"command": command, **shortfall(config, intended)}
    started_from = starts(config)
    with joined(device):
        checkpoints.share(device)
        session = replace(prepare(config, trackers), checkpoints=checkpoints)
        checkpoints.tell_apart(session.class_names)
        with explaining_elsewhere(config):
            blocks, network = _stages(config, choices, session)
        result = _result(blocks, config, session, known | surroundings(config, device, started_from))
        if run_dir is not None:
            result["weights_sha256"] = save(network, run_dir / "weights.safetensors", session.class_names)
            write_json(run_dir / "result.json", result)
        checkpoints.close()
        return result


def nothing_to_do(config: Config) -> None:
    """Tells the other processes, which wait in `run`, that the run had ended before."""
    device = _device(config["device"])
    with joined(device):
        from_first(Past(over=True), device)


def _stages(config: Config, choices: dict[str, str], session: Session) -> tuple[dict[str, dict], Network]:
    blocks, network, checkpoints = {}, None, session.checkpoints
    for name, stage in build.stages(config).items():
        torch.manual_seed(config["seed"])
        ended = checkpoints.enter(name)
        begun = time.perf_counter() - checkpoints.seconds(name)
        outcome = stage(name, network, session)
        network = outcome.network
        require_finite(network, f"stage {name}, at its end")
        if ended is None:
            shown = {"train_seconds": time.perf_counter() - begun, **outcome.shown}
            blocks[name] = _evaluated(name, network, config, choices, session, shown, blocks)
            session.trackers.stage(blocks[name])
            checkpoints.finish(name, network, blocks[name], session.trackers.records)
        else:
            with checkpoints.taking_over(name):
                network.load_state_dict(ended["network"])
            blocks[name] = ended["block"]
        behind = session.epochs_before + blocks[name]["epochs"]
        session = replace(session, epochs_before=behind, earlier=_teachers(config, session.earlier, name, network))
    return blocks, network


def _teachers(config: Config, earlier: Mapping[str, Network], name: str, network: Network) -> dict[str, Network]:
    """The networks that stages to come are taught by."""
    wanted = {stage.get("teacher") for stage in config["strategy"]["stages"].values()}
    return {**earlier, **({name: network} if name in wanted else {})}


def _evaluated(
    name: str, network: Network, config: Config, choices: dict[str, str], session: Session, shown: dict, blocks: Mapping[str, dict]
) -> dict[str, Any]:
    evaluation = session.evaluator(network, session.test, count=True)
    shown |= _ann_accuracy(blocks, evaluation, network)
    if session.validation is not None:
        shown["validation_accuracy"] = session.evaluator(network, session.validation).accuracy
    found = block(name, network, evaluation, config, choices, shown)
    if found["flags"]:
        logger.warning("%s", f"{name}: {'; '.join(found['flags'])}")
    return found


def _ann_accuracy(blocks: Mapping[str, dict], evaluation: Evaluation, network: Network) -> dict[str, float]:
    known = [each["ann_accuracy"] for each in blocks.values() if "ann_accuracy" in each]
    known += [evaluation.accuracy] if network.form == "analog" else []
    return {"ann_accuracy": known[-1]} if known else {}


def _result(blocks: dict[str, dict], config: Config, session: Session, known: dict[str, Any]) -> dict[str, Any]:
    last = list(blocks.values())[-1]
    global_batch = {"batch_size": config["batch_size"], "processes": processes()}
    known |= {"classes": list(session.class_names), "peak_memory_bytes": peak_memory(session.device)}
    return {**last, **known, **global_batch, "stages": blocks}


def prepare(config: Config, trackers: Trackers | Muted | None) -> Session:
    """Data on the device, the blueprint and the evaluator of a configuration.

    Raises:
        DataError: data is missing or corrupt.
    """
    device = _device(config["device"])
    data: Dataset = build.component(config["dataset"])
    splits = data.load()
    blueprint = build.blueprint(config, splits.shape, splits.classes)
    blueprint.encoder.to(device)
    train, validation, test = _batches(config, data, splits, device)
    if hasattr(blueprint.encoder, "calibrate"):
        blueprint.encoder.calibrate(train.sample(CALIBRATION_IMAGES).input)
    return Session(
        blueprint=blueprint,
        train=train,
        validation=validation,
        test=test,
        evaluator=_evaluator(config),
        trackers=trackers,
        device=device,
        precision=_precision(config),
        execution=Execution(config["memory"], config["time_segments"], config["compile"]),
        selection=config["selection"],
        evaluate_every=config["evaluate"]["every"],
        class_names=splits.class_names,
    )


def _batches(config: Config, data: Dataset, splits: Splits, device: torch.device) -> tuple[Batches, Batches | None, Batches]:
    shared = {"normalisation": data.normalisation, "augmentation": data.augmentation}
    shared |= {"device": device, "seed": config["seed"]}
    training = Batches(splits.train, config["batch_size"], **shared)
    validation, test = (
        None if split is None else Batches(drawn(split, config["evaluate"]["images"]), config["evaluate"]["batch_size"], **shared)
        for split in (splits.validation, splits.test)
    )
    return training, validation, test


def _evaluator(config: Config) -> ByForm:
    settings, loss = config["evaluate"], build.component(config["loss"])
    untimed = Evaluator(
        timesteps=settings["timesteps"],
        chunk=settings["chunk"],
        loss=loss,
        precision=_precision(config),
        presimulation=build.component(config["presimulation"]),
    )
    timed = TimedEvaluator(settings["timesteps"], loss)
    return ByForm({"analog": untimed, "spiking": untimed, "timed": timed}, loss)


def _precision(config: Config) -> torch.dtype:
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[config["precision"]]


def _device(name: str) -> torch.device:
    automatic = "cuda" if torch.cuda.is_available() else "cpu"
    return local_device(torch.device(automatic if name == "auto" else name))
