"""Everything wrong with a configuration, said at once and in words, before any data is touched."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from snnexp.configuration.build import GROUPS, PROVIDED, SEVERAL, STAGE_GROUPS, tracker_nodes
from snnexp.configuration.fits import beyond, nearest, out_of_place
from snnexp.configuration.rules import RULES
from snnexp.configuration.schema import (
    CHECKPOINT,
    DEBUG,
    EVALUATE,
    REFERENCE,
    ROOT,
    STAGE_NAME,
    TORCH,
)
from snnexp.configuration.slots import ALLOWED, SLOTS, Refused, annotations, component_of
from snnexp.configuration.soundness import Fault, Sound, Unsound, distinct
from snnexp.errors import ConfigError
from snnexp.files.hints import fits, shown, words


def check(config: dict[str, Any]) -> None:
    """Raises `ConfigError` with every fault of the resolved configuration, one line each."""
    refuse(faults(config))


def refuse(found: list[str], where: str = "this configuration") -> None:
    """Raises `ConfigError` with all that was found wrong, if anything was."""
    if found:
        count = f"{len(found)} problem{'s' if len(found) > 1 else ''}"
        raise ConfigError("\n".join([f"{count} in {where}", *(f"  {fault}" for fault in found)]))


def faults(config: dict[str, Any]) -> list[str]:
    """Every fault of the resolved configuration in words: of keys and values, and what the rules
    say that do not depend on these.
    """
    groups = [group for group in (*GROUPS, *SEVERAL, *STAGE_GROUPS) if group in config]
    found = [
        *_root(config),
        *(
            fault
            for group in groups
            for path, node in _nodes(group, config[group]).items()
            for fault in _component(node, path, group)
        ),
        *_stages(config),
    ]
    sound = Sound(config, found) if found else config
    return [*map(str, distinct(found)), *(said for rule in RULES for said in _said(rule, sound))]


def component_faults(node: Any, slot: str) -> list[str]:
    """Every fault of a component by itself, in words."""
    return [str(fault) for fault in _component(node, slot, slot)]


def _nodes(group: str, node: Any) -> dict[str, Any]:
    """The components of a group by their paths: one, but for groups of which there may be
    several.
    """
    if group in SEVERAL and (node is None or isinstance(node, Mapping)):
        return {f"{group}.{name}": each for name, each in (node or {}).items()}
    return tracker_nodes(node) if group == "tracker" else {group: node}


def _said(rule: Callable, config: Mapping[str, Any]) -> Iterator[str]:
    with suppress(Unsound):
        yield from rule(config)


def _root(config: dict[str, Any]) -> Iterator[Fault]:
    known = {
        **ROOT,
        **dict.fromkeys((*GROUPS, *SEVERAL)),
        "evaluate": None,
        "checkpoint": None,
        "strategy": None,
        "reference": None,
    }
    known |= {key: None for key in (*STAGE_GROUPS, "debug") if key in config}
    yield from _keys(config, known, "")
    yield from _values({key: value for key, value in config.items() if key in ROOT}, ROOT, "")
    for name, schema in (
        ("evaluate", EVALUATE),
        ("checkpoint", CHECKPOINT),
        ("reference", REFERENCE),
        *([("debug", DEBUG)] if "debug" in config else []),
    ):
        node = config.get(name)
        if isinstance(node, Mapping):
            yield from _keys(
                node,
                schema,
                f"{name}.",
                optional=("stages", "read_at") if name == "reference" else (),
            )
            yield from _values(node, schema, f"{name}.")
        elif name != "reference" or node is not None:
            yield Fault(name, f"expected a mapping with {', '.join(schema)}, got {shown(node)}")


def _stages(config: dict[str, Any]) -> Iterator[Fault]:
    strategy = config.get("strategy")
    if (
        not isinstance(strategy, Mapping)
        or not isinstance(strategy.get("stages"), Mapping)
        or not strategy["stages"]
    ):
        yield Fault("strategy", f"expected a mapping with stages, got {shown(strategy)}")
        return
    yield from _keys(strategy, {"stages": None}, "strategy.")
    for name, stage in strategy["stages"].items():
        if not isinstance(name, str) or not STAGE_NAME.fullmatch(name):
            yield Fault(
                f"strategy.stages.{shown(name)}",
                "expected a name of letters, digits, - and _, since files are named after it",
            )
        yield from _component(stage, f"strategy.stages.{name}", "stage")


def _keys(
    node: Mapping[str, Any], known: Mapping[str, Any], prefix: str, optional: tuple[str, ...] = ()
) -> Iterator[Fault]:
    for key in (key for key in node if key not in known):
        yield Fault(f"{prefix}{key}", f"no such key{nearest(key, known)}", superfluous=True)
    for key in (key for key in known if key not in node and key not in optional):
        yield Fault(f"{prefix}{key}", "missing")


def _component(node: Any, path: str, slot: str) -> Iterator[Fault]:
    if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
        yield Fault(path, f"expected a component with a _target_, got {shown(node)}")
        return
    try:
        target = component_of(node["_target_"], slot)
        hints = TORCH if node["_target_"] in ALLOWED else annotations(target)
    except Refused as error:
        yield Fault(f"{path}._target_", str(error))
        return
    yield from _arguments(node, target, hints, path)


def _arguments(
    node: Mapping[str, Any], target: Callable, hints: Mapping[str, Any], path: str
) -> Iterator[Fault]:
    provided = PROVIDED.get(path.rpartition(".")[2], frozenset())
    starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    accepted = inspect.signature(target).parameters.items()
    parameters = {
        name: each for name, each in accepted if name not in provided and each.kind not in starred
    }
    for key in (key for key in node if key not in parameters and key != "_target_"):
        leftover = f" (if an experiment set it for another option, take it out with ~{path}.{key})"
        yield Fault(
            f"{path}.{key}",
            f"{target.__name__} takes no such argument{nearest(key, parameters)}{leftover}",
            superfluous=True,
        )
    for key, parameter in parameters.items():
        if key not in node and parameter.default is inspect.Parameter.empty:
            yield Fault(
                f"{path}.{key}", f"{target.__name__} needs it and the option does not set it"
            )
    yield from _values({key: node[key] for key in parameters if key in node}, hints, f"{path}.")


def _values(node: Mapping[str, Any], hints: Mapping[str, Any], prefix: str) -> Iterator[Fault]:
    for key, value in node.items():
        hint, path = hints.get(key, Any), f"{prefix}{key}"
        if _is_factory(hint) and not (value is None and NoneType in get_args(hint)):
            yield from (
                _component(value, path, key)
                if key in SLOTS
                else [Fault(path, f"a component stands under the name of {_SLOTS}")]
            )
        elif value == "???":
            yield Fault(path, f"a value is needed here; set {path}=...")
        elif not fits(value, hint):
            yield Fault(path, f"expected {words(hint)}, got {shown(value)}{beyond(value)}")
        else:
            yield from out_of_place(value, path)


_SLOTS = f"its kind, one of {', '.join(SLOTS)}"


def _is_factory(hint: Any) -> bool:
    """Whether a component is asked for, or one or none."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return any(kind is Callable or get_origin(kind) is Callable for kind in kinds)
