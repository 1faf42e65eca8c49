"""What a researcher wants in a notebook, as `snnexp.NAME`: see docs/python.md.

The command line says more and checks more; what is here is for looking into a network, for trying
a component on a tensor, and for figures as data.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from snnexp.cell import Cell, Over, streaming
from snnexp.composition.compose import composed
from snnexp.composition.own import own_components
from snnexp.configuration import build
from snnexp.configuration.check import check
from snnexp.configuration.slots import SLOTS, component_of
from snnexp.datasets.batches import Batch
from snnexp.jobs.folder import resolved
from snnexp.measure.evaluator import Evaluation
from snnexp.measure.trains import spike_trains
from snnexp.published.fetched import local
from snnexp.reopen.opened import Reopened
from snnexp.reopen.reopened import reopened
from snnexp.report.table import lines
from snnexp.survey.experiments import experiments, references
from snnexp.survey.recorded import read_results, standing
from snnexp.survey.rows import rows

__all__ = [
    "Cell",
    "Over",
    "component",
    "compose",
    "evaluate",
    "load",
    "spikes",
    "streaming",
    "table",
]


def compose(*overrides: str) -> dict[str, Any]:
    """The configuration that `snnexp train` would run with these words, checked, in plain values.

        config = snnexp.compose("+experiment=digits_hybrid", "timesteps=8")
        config = snnexp.compose("--config-dir", "mine/conf", "trust=mine", "neuron=adaptive")

    Raises:
        ConfigError: it cannot be run; the message says everything that is wrong with it.
    """
    with own_components(overrides) as others:
        config = resolved(composed(others))
        check(config)
    return config


def component(group: str, option: str, *words: str, **settings: Any) -> Any:
    """An option of a group, built with the settings of its YAML file but for those given.

        lif = snnexp.component("neuron", "lif", threshold=0.5)
        spikes = snnexp.Over(lif)(current)

    Neurons that are trained through time get the slope of the default surrogate.

    Args:
        group: a folder of `conf`, such as "neuron".
        option: a file in it, such as "lif"; `snnexp list GROUP` names them.
        words: where options of your own are, and what is trusted, as behind `snnexp train`.
        settings: hyper-parameters by name, and what code hands over, such as `features` of a norm.

    Raises:
        hydra.errors.HydraException: there is no such group or option.
        TypeError: there is no such setting.
        Refused: it is of a package that nobody has declared as trusted.
    """
    with own_components(words) as others:
        config = composed([*others, f"{group}={option}"])
        if group in SLOTS:
            component_of(config[group]["_target_"], group)
        constructor = build.factory(_plain(config[group]))
    if build.takes(constructor, "surrogate") and "surrogate" not in settings:
        settings["surrogate"] = build.component(_plain(config.surrogate))
    return constructor(**settings)


def _plain(node: DictConfig) -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(node, resolve=True)
    return plain


def load(run: str | Path, *changes: str) -> Reopened:
    """A finished run, opened again: its network with the trained weights, its data, and all there
    was to it.

        run = snnexp.load("outputs/ann")
        run.network, run.session.test, run.config

    Args:
        run: its folder, or the folder or address of a published network.
        changes: as they stand behind `snnexp evaluate RUN_DIR`, such as "timesteps=32".

    Raises:
        ConfigError: the configuration is wrong, the weights override a change, or it makes no
            difference.
        DataError: it is not the folder of a finished run, or data are missing or tell other classes
            apart.
    """
    with own_components(changes) as others:
        return reopened(local(run), others)


def evaluate(run: Reopened | str | Path, *changes: str) -> Evaluation:
    """What a run comes to on its test set: accuracy at every timestep, loss, spikes and operations.

        evaluation = snnexp.evaluate("outputs/ann", "timesteps=32")
        evaluation.accuracy, evaluation.tally.operations()

    Args:
        run: what `load` gave, or the folder of a finished run.
        changes: as for `load`, of a folder.
    """
    opened = run if isinstance(run, Reopened) else load(run, *changes)
    return opened.session.evaluator(opened.network, opened.session.test, count=True)


def spikes(run: Reopened, samples: int = 1) -> dict[str, Tensor]:
    """What the neurons of every layer send for the first images of the test set, `[T, B, *n]`, by
    the name of the layer.

        trains = snnexp.spikes(snnexp.load("outputs/lif"))

    Args:
        run: whose network spikes over time.
        samples: how many images, of one batch of an evaluation at most.

    Raises:
        ValueError: the network has no spikes over time.
    """
    batch = next(iter(run.session.test.in_order()))
    first = Batch(*(part[:samples] for part in batch))
    return spike_trains(run.network, first, run.config["evaluate"]["timesteps"])


def table(number: str, runs: Sequence[Path]) -> list[dict[str, str]]:
    """A table of the survey, a row to a dict by the names of the columns: `snnexp table` as data.

        pandas.DataFrame(snnexp.table("3", [Path("results")]))

    Args:
        number: "1", "2", "3" or "text".
        runs: folders with recorded results or runs in them.
    """
    results = standing(read_results(list(runs)), references())
    return list(lines(rows(number), results, experiments()))
