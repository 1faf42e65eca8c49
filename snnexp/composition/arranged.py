"""What a command composes to: a strategy and a data set of events bring what they need, and what
was set for an option that is not chosen falls away.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict

from snnexp.composition.leftovers import Leftovers, away_with, leftovers
from snnexp.composition.resolvers import register

NEEDS = "needs"
"""Group with an option for every strategy that does not go with the default composition, for data
sets of events, and for both at once.
"""
FRAMES = "frames"
"""What a data set of events has, and the option that says what it needs."""
SEARCH_PATH = "hydra.searchpath="


@dataclass(frozen=True)
class Composition:
    """A configuration without Hydra's part, the option chosen in each group, and what is to be said
    of both.
    """

    config: DictConfig
    choices: dict[str, str]
    notices: list[str] = field(default_factory=list)


def arranged(arguments: list[str]) -> Composition:
    """The composition that a run with these arguments has; a user's own keys and options stay as
    they are, whatever the check says of them.

    Raises what Hydra raises of arguments that cannot be composed.
    """
    with _composing() as path:
        brought = _needs(arguments, path)
        whole = _composed(path, [*brought, *arguments])
        said = _brought(arguments, brought, whole, path)
        behind = _behind([*brought, *arguments], whole, path, _bringing(brought))
    away_with(behind, whole.config)
    choices = {group: option for group, option in whole.choices.items() if group != NEEDS}
    return Composition(whole.config, choices, [*said, *map(str, behind)])


def may_differ(arguments: list[str], choices: Mapping[str, str]) -> bool:
    """Whether arguments choose an option, so that `arranged` may come to another composition than
    Hydra.
    """
    return any(key in choices for key in _chosen(arguments))


def searching(places: Sequence[str]) -> list[str]:
    """Where own options are, as an argument, which reaches jobs in other processes, too."""
    quoted = ",".join("'" + place.replace("'", "\\'") + "'" for place in places)
    return [f"{SEARCH_PATH}[{quoted}]"] if places else []


@contextmanager
def _composing() -> Iterator[tuple[str, ...]]:
    """Lets Hydra compose, within a job as the job was composed; its search path."""
    if GlobalHydra.instance().is_initialized():
        given = HydraConfig.get().overrides.hydra if HydraConfig.initialized() else []
        yield tuple(each for each in given if each.startswith(SEARCH_PATH))
        return
    register()
    with initialize_config_module("snnexp.conf", version_base="1.3"):
        yield ()


def _composed(path: tuple[str, ...], arguments: list[str]) -> Composition:
    config = compose("config", [*path, *arguments], return_hydra_config=True)
    choices = {
        group: option
        for group, option in config.hydra.runtime.choices.items()
        if option and not group.startswith("hydra/")
    }
    with open_dict(config):
        del config["hydra"]
    return Composition(config, choices)


@cache
def _options(path: tuple[str, ...], arguments: tuple[str, ...]) -> Composition:
    """A composition of options alone, which many jobs of a sweep ask for."""
    return _composed(path, list(arguments))


def forget() -> None:
    """For another command in this process, for which files may have changed."""
    _options.cache_clear()


def _needs(arguments: list[str], path: tuple[str, ...]) -> list[str]:
    """The argument that brings what a strategy and a data set need. An experiment has chosen all
    its options itself.
    """
    typed = typed_groups(arguments)
    if not {"strategy", "dataset"} & typed.keys() or {"experiment", NEEDS} & typed.keys():
        return []
    searched = _search_path(arguments)
    if searched or path:
        _options(path, tuple(searched))  # so that Hydra looks there
    strategy, known = typed.get("strategy"), _known(NEEDS)
    frames = [FRAMES, f"{FRAMES}_{strategy}"] if _of_events(typed, path, searched) else []
    needed = [option for option in (strategy, *frames) if option in known]
    return [f"+{NEEDS}=[{','.join(needed)}]"] if needed else []


def _known(group: str) -> list[str]:
    return GlobalHydra.instance().config_loader().get_group_options(group)


def _of_events(typed: Mapping[str, str], path: tuple[str, ...], searched: list[str]) -> bool:
    """Whether a data set is chosen whose samples are frames of events."""
    chosen = typed.get("dataset")
    if chosen not in _known("dataset"):
        return False
    return FRAMES in _options(path, (*searched, f"dataset={chosen}")).config.dataset


def _brought(
    arguments: list[str], brought: list[str], whole: Composition, path: tuple[str, ...]
) -> list[str]:
    """What a strategy, or a data set, has brought, in words: options, and values other than these
    options have.
    """
    if not brought:
        return []
    searched = _search_path(arguments)
    typed = [
        f"{group}={whole.choices[group]}" for group in _chosen(arguments) if group in whole.choices
    ]
    before = _options(path, (*searched, *typed)).choices
    options = [
        f"{group}={option}"
        for group, option in whole.choices.items()
        if group != NEEDS and before.get(group) != option
    ]
    plain = _leaves(_options(path, (*searched, *typed, *options)).config)
    needed = _leaves(_options(path, (*searched, *brought, *typed)).config)
    own = typed_keys(arguments)
    values = [
        f"{key}={_shown(value)}"
        for key, value in needed.items()
        if plain.get(key) != value and key not in own
    ]
    words = ", ".join([*options, *values])
    by = [f"{group}={whole.choices[group]}" for group in _bringing(brought)]
    return [f"{' and '.join(by)} bring{'' if by[1:] else 's'} {words}"] if words else []


def _bringing(brought: list[str]) -> list[str]:
    """The groups whose options have brought what is in the argument."""
    if not brought:
        return []
    needed = brought[0].partition("=")[2].strip("[]").split(",")
    of = {"strategy": any(FRAMES not in each for each in needed), "dataset": FRAMES in needed}
    return [group for group, brings in of.items() if brings]


def _behind(
    arguments: list[str], whole: Composition, path: tuple[str, ...], bringing: list[str]
) -> list[Leftovers]:
    """What was set for options that are not chosen; what `bringing` groups have brought was set for
    those that are.
    """
    typed = {key: whole.choices[key] for key in _chosen(arguments) if key in whole.choices}
    added = [each for each in arguments if each.startswith("+") and "." not in group_of(each)]
    if not typed or not added:  # nothing that sets values for options
        return []
    searched = _search_path(arguments)
    others = _options(path, (*searched, *added)).choices
    swapped = {
        group: others[group]
        for group, option in typed.items()
        if group not in bringing and others.get(group, option) != option
    }
    if not swapped:
        return []
    standing = [group for group in _options(path, ()).choices if "@" not in group]
    groups = dict.fromkeys([*standing, *typed])  # without those that have a list of options
    options = [f"{group}={whole.choices[group]}" for group in groups if group in whole.choices]
    pure = _options(path, (*searched, *options)).config
    return [*leftovers(whole.config, pure, swapped, whole.choices, typed_keys(arguments))]


def _search_path(arguments: list[str]) -> list[str]:
    return [each for each in arguments if each.startswith(SEARCH_PATH)]


def _chosen(arguments: list[str]) -> list[str]:
    """The groups in which arguments choose another option, and add none."""
    parsed = OverridesParser.create().parse_overrides(arguments)
    return [each.get_key_element() for each in parsed if not (each.is_add() or each.is_delete())]


def typed_groups(arguments: list[str]) -> dict[str, str]:
    """The options that arguments choose, by their groups; without those of keys that have a dot."""
    parsed = OverridesParser.create().parse_overrides(arguments)
    return {
        each.get_key_element().lstrip("+"): each.get_value_string()
        for each in parsed
        if not each.is_delete() and "." not in each.key_or_group
    }


def typed_keys(arguments: list[str]) -> list[str]:
    """The dotted keys that arguments set."""
    parsed = OverridesParser.create().parse_overrides(arguments)
    return [each.key_or_group for each in parsed if "." in each.key_or_group]


def group_of(argument: str) -> str:
    """The group, or the key, that an argument is about."""
    return argument.partition("=")[0].lstrip("+~")


def _leaves(node: Any, prefix: str = "") -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(node) if OmegaConf.is_config(node) else node
    if not isinstance(plain, dict):
        return {prefix: plain}
    return {
        name: value
        for key, inner in plain.items()
        for name, value in _leaves(inner, f"{prefix}.{key}" if prefix else str(key)).items()
    }


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
