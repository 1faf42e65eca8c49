"""The one way back into a finished run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from snnexp.composition.identity import without_lost_starts
from snnexp.composition.since import completed
from snnexp.configuration.check import check
from snnexp.files.weights import weights_in
from snnexp.jobs.folder import resolved
from snnexp.reopen.changes import changed
from snnexp.reopen.data import with_data_here
from snnexp.reopen.effects import effective
from snnexp.reopen.opened import Reopened
from snnexp.runs.stored import stored

Config = dict[str, Any]


def reopened(run: Path, changes: Sequence[str] = ()) -> Reopened:
    """Opens a finished run: what `snnexp evaluate` works with, and whoever wants to look into a
    trained network.

        run = reopened(Path("outputs/train/2026-01-01_12-00-00_s1"), ["timesteps=32"])
        evaluation = run.session.evaluator(run.network, run.session.test, count=True)
        print(evaluation.accuracy, evaluation.tally.spikes_per_neuron())

    The run may be one of an earlier version. Nothing is written.

    Args:
        run: its folder, or that of a published network.
        changes: `group=option` and `key=value`, as they stand behind `snnexp evaluate RUN_DIR`.

    Raises:
        ConfigError: the configuration is wrong, the weights override a change, or it makes no
            difference.
        DataError: it is not the folder of a finished run, or data are missing or tell other classes
            apart.
    """
    trained = upgraded(run)
    config, choices = changed(OmegaConf.create(trained), changes)
    check(config)

    def under(some: Sequence[str]) -> Config:
        return changed(OmegaConf.create(trained), some)[0]

    network = effective(weights_in(run), trained, config, list(changes), under)
    return replace(network, choices=choices)


def upgraded(run: Path) -> Config:
    """The configuration of a run with the settings that have come since, as they leave the run what
    it was, and its data where the environment says that data are.
    """
    config = with_data_here(completed(OmegaConf.create(dict(stored(run)))))
    return without_lost_starts(resolved(config))
