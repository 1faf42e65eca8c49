"""Everything wrong with a configuration, said at once and in words, before any data is touched."""

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args, get_origin

from snnexp.build import GROUPS, PROVIDED, STAGE_GROUPS, locate
from snnexp.errors import ConfigError
from snnexp.limits import Count, Fraction, Interval, Natural, NonNegative, Positive, Probability
from snnexp.rules import RULES
from snnexp.soundness import Fault, Sound, Unsound, distinct

OPTIMIZERS = ("torch.optim.Adam", "torch.optim.AdamW", "torch.optim.SGD")
SCHEDULES = ("ConstantLR", "CosineAnnealingLR", "StepLR", "MultiStepLR")
ALLOWED = frozenset(OPTIMIZERS) | {f"torch.optim.lr_scheduler.{name}" for name in SCHEDULES}
"""The classes outside this package that a `_target_` may name."""

KINDS = (
    "activations architectures calibrations datasets encoders losses neurons norms presimulations readouts stages surrogates synapses "
    "thresholds timed track"
).split()
FAMILIES = tuple(f"snnexp.{kind}." for kind in KINDS)
"""The packages in which components live; other functions of this package would do more than build something."""

ROOT: dict[str, Any] = {
    "timesteps": Count,
    "seed": Natural,
    "device": str,
    "precision": Literal["float32", "bfloat16"],
    "compile": bool,
    "memory": Literal["default", "lean"],
    "time_segments": Count | Literal["auto"],
    "epochs": Natural,
    "batch_size": Count,
    "selection": Literal["last", "best_validation", "best_test"],
    "output_dir": str,
    "data_dir": str,
    "progress": Literal["auto", "plain"],
    "on_error": Literal["continue", "stop"],
}
EVALUATE: dict[str, Any] = {"timesteps": Count, "chunk": Count, "batch_size": Count, "every": Count, "images": Count | None}
CHECKPOINT: dict[str, Any] = {"every": Count | None, "minutes": Positive | None}
REFERENCE: dict[str, Any] = {"rows": list[str], "accuracy": float | None, "timesteps": int | None, "stages": dict[str, str]}
TORCH: dict[str, Any] = {
    "lr": Positive,
    "betas": list[Probability],
    "eps": Positive,
    "weight_decay": NonNegative,
    "momentum": Probability,
    "nesterov": bool,
    "amsgrad": bool,
    "T_max": Natural,
    "step_size": Count,
    "milestones": list[Count],
    "factor": Fraction,
    "total_iters": Natural,
    "gamma": Positive,
    "eta_min": NonNegative,
}
"""Ranges of hyper-parameters of torch's classes, whose own annotations have none."""


def check(config: dict[str, Any]) -> None:
    """Raises `ConfigError` with every fault of the resolved configuration, one line each."""
    refuse(faults(config))


def refuse(found: list[str], where: str = "this configuration") -> None:
    """Raises `ConfigError` with all that was found wrong, if anything was."""
    if found:
        count = f"{len(found)} problem{'s' if len(found) > 1 else ''}"
        raise ConfigError("\n".join([f"{count} in {where}", *(f"  {fault}" for fault in found)]))


def faults(config: dict[str, Any]) -> list[str]:
    """Every fault of the resolved configuration in words: of keys and values, and what the rules say that do not depend on these."""
    groups = [group for group in (*GROUPS, *STAGE_GROUPS) if group in config]
    found = [*_root(config), *(fault for group in groups for fault in _component(config[group], group)), *_stages(config)]
    sound = Sound(config, found) if found else config
    return [*map(str, distinct(found)), *(said for rule in RULES for said in _said(rule, sound))]


def _said(rule: Callable, config: Mapping[str, Any]) -> Iterator[str]:
    with suppress(Unsound):
        yield from rule(config)


def _root(config: dict[str, Any]) -> Iterator[Fault]:
    known = {**ROOT, **dict.fromkeys(GROUPS), "evaluate": None, "checkpoint": None, "strategy": None, "reference": None}
    known |= {group: None for group in STAGE_GROUPS if group in config}
    yield from _keys(config, known, "")
    yield from _values({key: value for key, value in config.items() if key in ROOT}, ROOT, "")
    for name, schema in (("evaluate", EVALUATE), ("checkpoint", CHECKPOINT), ("reference", REFERENCE)):
        node = config.get(name)
        if isinstance(node, Mapping):
            yield from _keys(node, schema, f"{name}.", optional=("stages",) if name == "reference" else ())
            yield from _values(node, schema, f"{name}.")
        elif name != "reference" or node is not None:
            yield Fault(name, f"expected a mapping with {', '.join(schema)}, got {node!r}")


def _stages(config: dict[str, Any]) -> Iterator[Fault]:
    strategy = config.get("strategy")
    if not isinstance(strategy, Mapping) or not isinstance(strategy.get("stages"), Mapping) or not strategy["stages"]:
        yield Fault("strategy", f"expected a mapping with stages, got {strategy!r}")
        return
    yield from _keys(strategy, {"stages": None}, "strategy.")
    for name, stage in strategy["stages"].items():
        yield from _component(stage, f"strategy.stages.{name}")


def _keys(node: Mapping[str, Any], known: Mapping[str, Any], prefix: str, optional: tuple[str, ...] = ()) -> Iterator[Fault]:
    for key in (key for key in node if key not in known):
        yield Fault(f"{prefix}{key}", f"no such key{_nearest(key, known)}", superfluous=True)
    for key in (key for key in known if key not in node and key not in optional):
        yield Fault(f"{prefix}{key}", "missing")


def _component(node: Any, path: str) -> Iterator[Fault]:
    if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
        yield Fault(path, f"expected a component with a _target_, got {node!r}")
        return
    refusal = refused(node["_target_"])
    if refusal:
        yield Fault(f"{path}._target_", refusal)
        return
    try:
        target = locate(node["_target_"])
    except (ImportError, AttributeError) as error:
        yield Fault(f"{path}._target_", f"cannot load {node['_target_']!r}: {error}")
        return
    if node["_target_"] not in ALLOWED and getattr(target, "__module__", None) != node["_target_"].rpartition(".")[0]:
        yield Fault(f"{path}._target_", f"{node['_target_']!r} is not defined there; name the module that defines it")
        return
    yield from _arguments(node, target, path)


def refused(target: str) -> str | None:
    """Why a `_target_` may not be loaded, or None; nothing is imported to find out."""
    if target.startswith(FAMILIES) or target in ALLOWED:
        return None
    return f"{target!r} is not allowed; a component lives in snnexp.({'|'.join(KINDS)}), or is one of {', '.join(sorted(ALLOWED))}"


def _arguments(node: Mapping[str, Any], target: Callable, path: str) -> Iterator[Fault]:
    provided = PROVIDED.get(path.rpartition(".")[2], frozenset())
    starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    accepted = inspect.signature(target).parameters.items()
    parameters = {name: each for name, each in accepted if name not in provided and each.kind not in starred}
    for key in (key for key in node if key not in parameters and key != "_target_"):
        leftover = f" (if an experiment set it for another option, take it out with ~{path}.{key})"
        yield Fault(f"{path}.{key}", f"{target.__name__} takes no such argument{_nearest(key, parameters)}{leftover}", superfluous=True)
    for key, parameter in parameters.items():
        if key not in node and parameter.default is inspect.Parameter.empty:
            yield Fault(f"{path}.{key}", f"{target.__name__} needs it and the option does not set it")
    yield from _values({key: node[key] for key in parameters if key in node}, _hints(target, node["_target_"]), f"{path}.")


def _hints(target: Callable, name: str) -> dict[str, Any]:
    if name in ALLOWED:
        return TORCH
    return typing.get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)


def _values(node: Mapping[str, Any], hints: Mapping[str, Any], prefix: str) -> Iterator[Fault]:
    for key, value in node.items():
        hint = hints.get(key, Any)
        if _is_factory(hint):
            yield from _component(value, f"{prefix}{key}")
        elif value == "???":
            yield Fault(f"{prefix}{key}", f"a value is needed here; set {prefix}{key}=...")
        elif not _fits(value, hint):
            yield Fault(f"{prefix}{key}", f"expected {_words(hint)}, got {value!r}")


def _is_factory(hint: Any) -> bool:
    return hint is Callable or get_origin(hint) is Callable


def _fits(value: Any, hint: Any) -> bool:  # noqa: PLR0911 - one line per kind of type
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin is Annotated:
        return _fits(value, arguments[0]) and all(value in limit for limit in arguments[1:] if isinstance(limit, Interval))
    if origin is Literal:
        return any(value == each and type(value) is type(each) for each in arguments)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in arguments)
    if origin in (list, tuple):
        return isinstance(value, list) and all(_fits(each, arguments[0]) for each in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin or hint)


def _words(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return f"{_words(arguments[0])} {' '.join(map(str, arguments[1:]))}"
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(_words, arguments))
    if origin in (list, tuple):
        return f"a list of {_words(arguments[0])}"
    names = {type(None): "null", float: "a number", int: "a whole number", str: "a word", bool: "true or false", dict: "a mapping"}
    return names.get(origin or hint, getattr(hint, "__name__", str(hint)))


def _nearest(key: Any, known: Mapping[str, Any]) -> str:
    near = get_close_matches(str(key), known, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(known))}"
