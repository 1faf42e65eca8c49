"""How many values the sweeps of a command have: one without any starts nothing, and one of millions
comes to no end.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import islice

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, RangeSweep

from snnexp.composition.resolvers import register

GRID = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
"""Hydra's own sweeper, which runs every combination; others choose among them."""
MOST = 10_000
"""Values of one sweep, and jobs of a grid of them; a run takes seconds at least."""


def out_of_extent(arguments: list[str], job: list[str]) -> list[str]:
    """What is wrong with the number of values of each sweep among `arguments`, and of all together,
    in words; `job` is one of theirs.
    """
    register()
    with initialize_config_module("snnexp.conf", version_base="1.3"):
        compose(
            "config", [each for each in arguments if each.startswith("hydra.searchpath=")]
        )  # where a glob looks for options
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        swept = [
            override
            for override in parser.parse_overrides(arguments)
            if override.is_sweep_override()
        ]
        said = [each for override in swept for each in _said(override)]
        own = None if said else _params(job)
        return (
            said
            if own is None
            else [
                *_of_all([*swept, *filter(Override.is_sweep_override, parser.parse_overrides(own))])
            ]
        )


def _params(job: list[str]) -> list[str] | None:
    """The sweeps that a configuration has itself for a grid; None where another sweeper chooses, or
    the job cannot be composed.
    """
    try:
        sweeper = compose("config", job, return_hydra_config=True).hydra.sweeper
    except Exception:  # which is said of the job itself
        return None
    return (
        [f"{key}={value}" for key, value in (sweeper.params or {}).items()]
        if sweeper._target_ == GRID
        else None
    )


def _of_all(swept: list[Override]) -> Iterator[str]:
    counts = [_count(each) for each in swept]
    if math.prod(counts) > MOST:
        shown = " x ".join(
            f"{count} of {each.key_or_group}" for count, each in zip(counts, swept, strict=True)
        )
        yield (
            f"the sweeps have more than {MOST} combinations ({shown}), each of which is a run; "
            "sweep over fewer"
        )


def _count(override: Override) -> int:
    return sum(1 for _ in islice(_values(override), MOST + 1))


def _said(override: Override) -> Iterator[str]:
    count = _count(override)
    text, key = override.get_value_string(), override.key_or_group
    if count == 0 and isinstance(override.value(), Glob):
        yield (
            f"{key}: no option matches {text}, so that there is nothing to run (snnexp list {key} "
            "shows the options)"
        )
    elif count == 0:
        yield (
            f"{key}: {text} has no values, so that there is nothing to run; a range ends before "
            "its second number"
        )
    elif count > MOST:
        yield f"{key}: {text} has more than {MOST} values; sweep over fewer"


def _values(override: Override) -> Iterable:
    sweep = override.value()
    if isinstance(sweep, RangeSweep):
        return _steps(sweep)
    if isinstance(sweep, ChoiceSweep):
        return sweep.list
    return (
        override.sweep_iterator() if isinstance(sweep, Glob) else [sweep]
    )  # an interval is for a sweeper that searches


def _steps(sweep: RangeSweep) -> Iterable:
    return sweep.range() if sweep.step else range(MOST + 1)  # a step of 0 comes to no end
