"""What a researcher wants in a notebook, as `snnexp.NAME`: see docs/python.md.

The command line says more and checks more; what is here is for looking into a network, for trying
a component on a tensor, and for figures as data.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from snnexp.cell import Cell, Over, streaming
from snnexp.composition.compose import composed
from snnexp.configuration import build
from snnexp.configuration.check import check
from snnexp.jobs.folder import resolved
from snnexp.measure.evaluator import Evaluation
from snnexp.reopen.opened import Reopened
from snnexp.reopen.reopened import reopened
from snnexp.report.table import lines
from snnexp.survey.experiments import experiments, references
from snnexp.survey.recorded import read_results, standing
from snnexp.survey.rows import rows

__all__ = ["Cell", "Over", "component", "compose", "evaluated", "reopened", "streaming", "table"]


def compose(*overrides: str) -> dict[str, Any]:
    """The configuration that `snnexp train` would run with these words, checked, in plain values.

        config = snnexp.compose("+experiment=digits_hybrid", "timesteps=8")

    Raises:
        ConfigError: it cannot be run; the message says everything that is wrong with it.
    """
    config = resolved(composed(list(overrides)))
    check(config)
    return config


def component(group: str, option: str, **settings: Any) -> Any:
    """An option of a group, built with the settings of its YAML file but for those given.

        lif = snnexp.component("neuron", "lif", threshold=0.5)
        spikes = snnexp.Over(lif)(current)

    Neurons that are trained through time get the slope of the default surrogate.

    Args:
        group: a folder of `conf`, such as "neuron".
        option: a file in it, such as "lif"; `snnexp list GROUP` names them.
        settings: hyper-parameters by name, and what code hands over, such as `features` of a norm.

    Raises:
        hydra.errors.HydraException: there is no such group or option.
        TypeError: there is no such setting.
    """
    config = composed([f"{group}={option}"])
    constructor = build.factory(_plain(config[group]))
    if build.takes(constructor, "surrogate") and "surrogate" not in settings:
        settings["surrogate"] = build.component(_plain(config.surrogate))
    return constructor(**settings)


def _plain(node: DictConfig) -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(node, resolve=True)
    return plain


def evaluated(run: Reopened) -> Evaluation:
    """What a run that was opened again comes to on its test set: accuracy at every timestep, loss,
    spikes and operations.

        evaluation = snnexp.evaluated(snnexp.reopened(Path("outputs/ann")))
        evaluation.accuracy, evaluation.tally.operations()
    """
    return run.session.evaluator(run.network, run.session.test, count=True)


def table(number: str, runs: Sequence[Path]) -> list[dict[str, str]]:
    """A table of the survey, a row to a dict by the names of the columns: `snnexp table` as data.

        pandas.DataFrame(snnexp.table("3", [Path("results")]))

    Args:
        number: "1", "2", "3" or "text".
        runs: folders with recorded results or runs in them.
    """
    results = standing(read_results(list(runs)), references())
    return list(lines(rows(number), results, experiments()))
