"""The file of a W&B sweep: what `snnexp train -m` would sweep over here, for W&B's agents."""

from typing import Any

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    RangeSweep,
    Transformer,
)
from omegaconf import DictConfig, OmegaConf

from snnexp.composition.resolvers import register
from snnexp.errors import ConfigError
from snnexp.track.flat import flat
from snnexp.track.wandb_environment import project_of

PREPARED = ("search", "sweep")
"""Groups whose options say what to sweep over."""
TRIALS = "hydra.sweeper.n_trials="
AGENT = ("${env}", "${program}", "train")
HEAD = """\
# A sweep for W&B's agents:
#   wandb sweep sweep.yaml      # prints the name of the sweep
#   wandb agent NAME            # on as many machines as you like
"""


def spelled_out(arguments: list[str]) -> list[str]:
    """The arguments with what the file of a prepared sweep says in its place, as overrides.

    Raises:
        HydraException: an argument cannot be parsed.
        ConfigError: there is no such file.
    """
    register()
    with initialize_config_module("snnexp.conf", version_base="1.3"):
        # So that options of one's own are found.
        compose("config", [each for each in arguments if each.startswith("hydra.searchpath=")])
        return [line for each in _parsed(arguments) for line in _lines(each)]


def sweep_file(arguments: list[str]) -> dict[str, Any]:
    """The file as nested values.

    Args:
        arguments: of `snnexp train -m`, spelled out: sweeps, and settings that all runs share.

    Raises:
        HydraException: an argument cannot be composed.
        ConfigError: nothing is swept, a search has no images to choose by, or its runs would not be
            told to W&B.
    """
    register()
    with initialize_config_module("snnexp.conf", version_base="1.3"):
        compose("config", [each for each in arguments if each.startswith("hydra.searchpath=")])
        overrides = _parsed(arguments)
        parameters = {
            f"{'+' if each.is_add() else ''}{each.key_or_group}": _parameter(each)
            for each in overrides
            if each.is_sweep_override()
        }
        fixed = [each.input_line for each in overrides if not each.is_sweep_override()]
        config = compose("config", _of_a_run(fixed))
    _refuse_unfit(parameters, config)
    return _file(parameters, fixed, config)


def _refuse_unfit(parameters: dict[str, Any], config: DictConfig) -> None:
    if not parameters:
        raise ConfigError(
            "nothing is swept; give sweeps as to `snnexp train -m`, such as "
            "neuron=if,lif seed=1,2 or +search=surrogate"
        )
    if "mode" not in config.tracker:
        raise ConfigError("tracker: W&B has to be told of the runs of its sweep; set tracker=wandb")
    has_none = not config.dataset.get("validation") and config.selection != "best_test"
    if _searched(parameters) and has_none:
        raise ConfigError(
            "dataset.validation: a search needs images to choose by; set dataset.validation=N, "
            "or selection=best_test to choose by the test set"
        )


def _file(parameters: dict[str, Any], fixed: list[str], config: DictConfig) -> dict[str, Any]:
    best = "validation_accuracy" if config.dataset.get("validation") else "accuracy"
    trials = [int(each.removeprefix(TRIALS)) for each in fixed if each.startswith(TRIALS)]
    return {
        "program": "snnexp",
        "project": project_of(config.tracker.project),
        "method": "bayes" if _searched(parameters) else "grid",
        "metric": {"name": best, "goal": "maximize"},
        **({"run_cap": trials[-1]} if trials else {}),
        "parameters": parameters,
        "command": [*AGENT, *_of_a_run(fixed), "tracker.mode=online", "${args_no_hyphens}"],
    }


def _of_a_run(overrides: list[str]) -> list[str]:
    """Without what is said to sweepers and launchers of Hydra."""
    return [
        each
        for each in overrides
        if not each.startswith("hydra") or each.startswith("hydra.searchpath=")
    ]


def _searched(parameters: dict[str, Any]) -> bool:
    return any("values" not in each for each in parameters.values())


def _parsed(arguments: list[str]) -> list[Override]:
    loader = GlobalHydra.instance().config_loader()
    return OverridesParser.create(config_loader=loader).parse_overrides(arguments)


def _lines(override: Override) -> list[str]:
    if override.key_or_group in PREPARED and not override.is_sweep_override():
        return _prepared(f"{override.key_or_group}/{override.value()}")
    return [override.input_line]


def _prepared(option: str) -> list[str]:
    """What an option of such a group says, as overrides; its sweeper is another one here."""
    found = GlobalHydra.instance().config_loader().repository.load_config(option)
    if found is None:
        group, _, name = option.partition("/")
        raise ConfigError(f"{group}: there is no option {name!r} (snnexp list {group})")
    settings = OmegaConf.to_container(found.config)
    sweeper = (settings.pop("hydra", None) or {}).get("sweeper", {})
    cap = {TRIALS.rstrip("="): sweeper["n_trials"]} if "n_trials" in sweeper else {}
    overrides = {**flat(settings), **(sweeper.get("params") or {}), **cap}
    return [f"{key}={value}" for key, value in overrides.items()]


def _parameter(override: Override) -> dict[str, Any]:
    """The values of a sweep as W&B writes them."""
    sweep = override.value()
    if isinstance(sweep, IntervalSweep):
        scale = {"distribution": "log_uniform_values"} if "log" in sweep.tags else {}
        return {**scale, "min": sweep.start, "max": sweep.end}
    if isinstance(sweep, RangeSweep):
        return {"values": [*sweep.range()]}
    values = sweep.list if isinstance(sweep, ChoiceSweep) else [*override.sweep_iterator()]
    return {"values": [_value(each) for each in values]}


def _value(element: Any) -> Any:
    """A number as it is; other things as the agent has to write them on a command line."""
    return element if isinstance(element, bool | int | float) else Transformer.encode(element)
