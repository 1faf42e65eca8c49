"""The analog network of a finished run, from which another run starts."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from snnexp.datasets.base import DataError
from snnexp.datasets.names import listed, refuse_others
from snnexp.files.hints import fits
from snnexp.files.weights import weights_in
from snnexp.limits import Natural
from snnexp.network.network import Network
from snnexp.runs.stored import CONFIG, EXPECTED, stored
from snnexp.runs.weights import classes, read

logger = logging.getLogger(__name__)


def start(run: Path, network: Network) -> None:
    """Loads what the analog network in folder `run` has learned into `network`, another of the same
    shape.

    Connections must agree one by one. What activations have learned is taken over where they are of
    the same kind; the encoder stays.

    Raises:
        DataError: the folder holds no analog network, or that of another shape.
    """
    form, tensors = read(weights_in(run))
    if form != "analog":
        raise DataError(
            f"{run}: holds a {form} network; start from the run of an analog one (strategy=ann)"
        )
    kept = network.state_dict()
    given = {
        name: value
        for name, value in tensors.items()
        if not _is_free(name) or _fits(kept.get(name), value)
    }
    try:
        network.load_state_dict(
            {name: value for name, value in kept.items() if _is_free(name)} | given
        )
    except RuntimeError as error:
        raise DataError(f"{run}: holds the weights of another network. {error}") from error


def refuse_other_classes(run: Path, class_names: Sequence[str], epochs: int) -> None:
    """Raises `DataError` where the network in `run` tells other classes apart than it is to do
    here.

    To train on what it has learned on as many other classes is another matter: that is said and
    done, since the classes it is then tested on are those it is trained on. Without an epoch it
    would give the names of its own classes to others.
    """
    theirs = classes(weights_in(run))
    if theirs is None or epochs == 0 or len(theirs) != len(class_names):
        refuse_others(theirs, class_names, run)
    elif list(theirs) != list(class_names):
        logger.warning(
            "%s was trained on %s; here it learns %s", run, listed(theirs), listed(class_names)
        )


def _is_free(name: str) -> bool:
    return name.startswith("encoder.") or ".activation." in name


def _fits(ours: torch.Tensor | None, theirs: torch.Tensor) -> bool:
    return ours is not None and ours.shape == theirs.shape


def settings(run: Path) -> Mapping[str, Any]:
    """The configuration of a run. Raises `DataError` where there is none."""
    config = stored(run)
    if not _is_configuration(config):
        raise DataError(f"{run / CONFIG}: not the configuration of a run. {EXPECTED}")
    return config


def _is_configuration(config: Mapping[str, Any]) -> bool:
    nodes = (config.get("dataset"), config.get("strategy"))
    stages = nodes[-1].get("stages") if all(isinstance(each, Mapping) for each in nodes) else None
    return isinstance(stages, Mapping) and all(
        isinstance(each, Mapping) for each in stages.values()
    )


def epochs(stage: Mapping[str, Any], behind: frozenset[str] = frozenset()) -> int:
    """The epochs that lie behind a network after a stage, those of the runs it started from among
    them.

    Raises `DataError` where a run has started from itself, by way of those `behind` it.
    """
    own = stage.get("epochs", 0)
    return (own if fits(own, Natural) else 0) + sum(_before(stage, behind))


def _before(stage: Mapping[str, Any], behind: frozenset[str]) -> Iterator[int]:
    if stage.get("start") is None:
        return
    run = os.path.realpath(str(stage["start"]))
    if run in behind:
        raise DataError(
            f"{run}: says that it has started from itself. Expected: the folder of a finished run"
        )
    yield from (
        epochs(each, behind | {run}) for each in settings(Path(run))["strategy"]["stages"].values()
    )
