"""One run: read the data, go through the stages, evaluate after each, leave the records."""

import logging
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from snnexp.composition.identity import starts
from snnexp.configuration import build
from snnexp.configuration.ahead import tasks
from snnexp.configuration.budget import shortfall
from snnexp.configuration.described import described
from snnexp.datasets.base import Splits
from snnexp.datasets.batches import Batches
from snnexp.datasets.dataset import Dataset, drawn
from snnexp.datasets.few import of_few
from snnexp.distributed import from_first, joined, local_device, processes
from snnexp.files.atomic import write_json
from snnexp.finite import require_finite
from snnexp.measure.by_form import ByForm
from snnexp.measure.evaluator import Evaluator
from snnexp.measure.exit_rules import exit_rules, exits_of
from snnexp.measure.exit_search import ExitSearch
from snnexp.measure.predictions import FILE as PREDICTIONS
from snnexp.measure.timed_evaluator import TimedEvaluator
from snnexp.network.network import Network
from snnexp.progress.work import doing, followed, within
from snnexp.results.run import RunResult
from snnexp.results.share import as_fields
from snnexp.results.stage import StageResult
from snnexp.runs.checkpoint import Checkpoints
from snnexp.runs.past import Past
from snnexp.runs.result import stage_result, surroundings
from snnexp.runs.weights import save
from snnexp.track.muted import Muted
from snnexp.track.trackers import Trackers
from snnexp.training.execution import Execution
from snnexp.training.outlook import Outlook
from snnexp.training.profile import profiled
from snnexp.training.session import Session
from snnexp.training.shortage import explaining_evaluation

Config = dict[str, Any]
Stages = dict[str, StageResult]
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
) -> RunResult:
    """Runs the stages of a checked configuration and writes weights.safetensors and result.json
    into `run_dir`.

    Args:
        config: the resolved configuration.
        choices: the option chosen in each group.
        run_dir: the run folder, which exists; None for a process that leaves the writing to
            another.
        trackers: where measurements go as they come.
        checkpoints: from where the run goes on, and where it writes how far it is; None for
            neither.
        intended: what the experiment asks for by itself, against which the run may have been given
            less; None for a run without one.
        command: the command line that gives this run, for the result.

    Returns:
        The result, as written.
    """
    device = _device(config["device"])
    checkpoints = Checkpoints() if checkpoints is None else checkpoints
    # Before the training: the run that a network starts from may be gone afterwards.
    known = {"command": command, **as_fields(shortfall(config, intended))}
    started_from = starts(config)
    with joined(device):
        checkpoints.share(device)
        session = replace(prepare(config, trackers), checkpoints=checkpoints)
        checkpoints.tell_apart(session.class_names)
        session = _announced(config, choices, session)
        with explaining_evaluation(config["evaluate"]):
            with followed(session.outlook.forecast.take):
                with _looked_at(config, run_dir, device):
                    stages, network = _stages(config, choices, session, run_dir)
        known |= surroundings(config, device, started_from)
        result = _result(stages, config, session, known)
        if run_dir is not None:
            written = save(network, run_dir / "weights.safetensors", session.class_names)
            result = replace(result, weights_sha256=written)
            write_json(run_dir / "result.json", result.to_json())
        checkpoints.close()
        return result


def _looked_at(
    config: Config, run_dir: Path | None, device: torch.device
) -> AbstractContextManager[None]:
    """Around the stages: torch's profiler, where it is asked for."""
    wanted = (config.get("debug") or {}).get("profile", False)
    return profiled(run_dir, device) if wanted and run_dir is not None else nullcontext()


def _announced(config: Config, choices: dict[str, str], session: Session) -> Session:
    """Says what is trained; the session with what it will take."""
    if isinstance(session.trackers, Muted):
        return session
    stages = build.stages(config)
    ended = session.checkpoints.past.finished
    ahead = [task for task in tasks(config, stages, session) if task.stage not in ended]
    outlook = Outlook(ahead, session.trackers, session.device)
    session.trackers.say(described(config, choices, stages, session))
    settings, test = config["evaluate"], session.test
    together = min(settings["chunk"], settings["timesteps"])
    outlook.begin(session.blueprint, test, test.batch_size, together, session.precision)
    return replace(session, outlook=outlook)


def nothing_to_do(config: Config) -> None:
    """Tells the other processes, which wait in `run`, that the run had ended before."""
    device = _device(config["device"])
    with joined(device):
        from_first(Past(over=True), device)


def _stages(
    config: Config, choices: dict[str, str], session: Session, run_dir: Path | None
) -> tuple[Stages, Network]:
    results, network, checkpoints = {}, None, session.checkpoints
    for name, stage in build.stages(config).items():
        torch.manual_seed(config["seed"])
        ended = checkpoints.enter(name)
        begun = time.perf_counter() - checkpoints.seconds(name)
        with within(name):
            outcome = stage(name, network, session)
        network = outcome.network
        require_finite(network, f"stage {name}, at its end")
        if ended is None:
            shown = {"train_seconds": time.perf_counter() - begun, **outcome.shown}
            shown |= _ann_accuracy(results)
            with within(name):
                results[name] = _evaluated(name, network, config, choices, session, shown, run_dir)
            session.trackers.stage(results[name])
            checkpoints.finish(name, network, results[name].to_json(), session.trackers.records)
        else:
            with checkpoints.taking_over(name):
                network.load_state_dict(ended["network"])
            results[name] = StageResult.from_json(ended["block"])
        session.outlook.forecast.finish(name)
        behind = session.epochs_before + results[name].epochs
        session = replace(
            session, epochs_before=behind, earlier=_teachers(config, session.earlier, name, network)
        )
    return results, network


def _teachers(
    config: Config, earlier: Mapping[str, Network], name: str, network: Network
) -> dict[str, Network]:
    """The networks that stages to come are taught by."""
    wanted = {stage.get("teacher") for stage in config["strategy"]["stages"].values()}
    return {**earlier, **({name: network} if name in wanted else {})}


def _evaluated(
    name: str,
    network: Network,
    config: Config,
    choices: dict[str, str],
    session: Session,
    shown: dict[str, Any],
    run_dir: Path | None,
) -> StageResult:
    settings, search = config["evaluate"], ExitSearch()
    if session.validation is not None:
        validated = session.evaluator(network, session.validation, onlooker=search)
        shown["validation_accuracy"] = validated.accuracy
    exits = exits_of(exit_rules(settings, search.rules))
    evaluation = session.evaluator(network, session.test, count=True, onlooker=exits)
    if evaluation.predictions is not None and run_dir is not None:
        evaluation.predictions.write(run_dir / PREDICTIONS, session.class_names)
    if network.form == "analog":
        shown["ann_accuracy"] = evaluation.accuracy
    shown |= session.timestep_of(network)
    result = stage_result(name, network, evaluation, config, choices, shown)
    if result.flags:
        logger.warning("%s", f"{name}: {'; '.join(result.flags)}")
    return result


def _ann_accuracy(results: Stages) -> dict[str, float]:
    """That of the last analog network, as far as the stages have come."""
    known = [result.ann_accuracy for result in results.values() if result.ann_accuracy is not None]
    return {"ann_accuracy": known[-1]} if known else {}


def _result(stages: Stages, config: Config, session: Session, known: dict[str, Any]) -> RunResult:
    return RunResult(
        last=list(stages.values())[-1],
        **known,
        classes=list(session.class_names),
        batch_size=config["batch_size"],
        processes=processes(),
        stages=stages,
    )


def prepare(config: Config, trackers: Trackers | Muted | None) -> Session:
    """Data on the device, the blueprint and the evaluator of a configuration.

    Raises:
        DataError: data is missing or corrupt.
    """
    device = _device(config["device"])
    data: Dataset = build.component(config["dataset"])
    with doing("reading the data"):
        splits = data.load()
        blueprint = build.blueprint(config, splits.shape, splits.classes)
        blueprint.encoder.to(device)
        splits = of_few(splits, config.get("debug"))
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
        timestep=splits.timestep,
    )


def _batches(
    config: Config, data: Dataset, splits: Splits, device: torch.device
) -> tuple[Batches, Batches | None, Batches]:
    by_heart = (config.get("debug") or {}).get("on_training_images", False)
    augmentation = None if by_heart else data.augmentation
    shared = {"normalisation": data.normalisation, "augmentation": augmentation}
    shared |= {"device": device, "seed": config["seed"]}
    training = Batches(splits.train, config["batch_size"], **shared)
    validation, test = (
        None
        if split is None
        else Batches(
            drawn(split, config["evaluate"]["images"]), config["evaluate"]["batch_size"], **shared
        )
        for split in (splits.validation, splits.test)
    )
    return training, validation, test


def _evaluator(config: Config) -> ByForm:
    settings, loss = config["evaluate"], build.component(config["loss"])
    models = build.energy(config)
    untimed = Evaluator(
        timesteps=settings["timesteps"],
        chunk=settings["chunk"],
        loss=loss,
        precision=_precision(config),
        presimulation=build.component(config["presimulation"]),
        predictions=settings["predictions"],
        energy=models,
        by_timestep=settings["by_timestep"],
        neurobench=settings["neurobench"],
    )
    timed = TimedEvaluator(settings["timesteps"], loss, settings["predictions"], models)
    return ByForm({"analog": untimed, "spiking": untimed, "timed": timed}, loss)


def _precision(config: Config) -> torch.dtype:
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[config["precision"]]


def _device(name: str) -> torch.device:
    automatic = "cuda" if torch.cuda.is_available() else "cpu"
    return local_device(torch.device(automatic if name == "auto" else name))
