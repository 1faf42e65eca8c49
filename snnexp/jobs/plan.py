"""The jobs of a sweep before the first of them starts: what each is given, and what is wrong with
it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hydra import compose, initialize_config_module
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from omegaconf import DictConfig

from snnexp.composition.extent import GRID
from snnexp.composition.resolvers import register

HERE = ("BasicLauncher", "JoblibLauncher", "LocalLauncher")
"""Launchers whose jobs run on this machine, so that its devices are theirs."""


@dataclass(frozen=True)
class Plan:
    """What a sweep is to run."""

    jobs: list[list[str]]
    """The arguments of each job, in the order of their numbers; of a search, jobs that between them
    have every option, and both ends of every interval.
    """
    swept: list[str]
    """The keys that have several values."""
    search: bool
    """Whether values are chosen along the way, so that `jobs` are examples."""
    here: bool = True
    """Whether jobs run on this machine."""
    notices: list[str] = field(default_factory=list)

    def judged(self) -> Iterator[list[str]]:
        """Jobs of which one is wrong if any is: all values of the seed are tried once, since a seed
        goes with everything.
        """
        known: set[tuple[str, ...]] = set()
        for job in self.jobs:
            rest, seed = _apart(job)
            if rest not in known or seed not in known:
                known |= {rest, seed}
                yield job

    def like(self, job: list[str]) -> list[int]:
        """The numbers of the jobs that differ from `job` in the seed at most."""
        return [n for n, other in enumerate(self.jobs) if _apart(other)[0] == _apart(job)[0]]


def planned(arguments: list[str], one: list[str]) -> Plan:
    """The jobs that these arguments come to; `one` are those of one of them, which can be
    composed.
    """
    register()
    with initialize_config_module("snnexp.conf", version_base="1.3"):
        hydra = compose("config", one, return_hydra_config=True).hydra
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        overrides = parser.parse_overrides([*_own(hydra), *_of_jobs(arguments)])
        return Plan(
            _grid(overrides) if hydra.sweeper._target_ == GRID else [*_in_turn(overrides)],
            [each.get_key_element() for each in overrides if each.is_sweep_override()],
            hydra.sweeper._target_ != GRID,
            str(hydra.launcher._target_).endswith(HERE),
        )


def _own(hydra: DictConfig) -> list[str]:
    return [f"{key}={value}" for key, value in (hydra.sweeper.get("params") or {}).items()]


def _of_jobs(arguments: list[str]) -> list[str]:
    return [each for each in arguments if not each.lstrip("+~").startswith(("hydra.", "hydra/"))]


def _grid(overrides: list[Override]) -> list[list[str]]:
    (jobs,) = BasicSweeper.split_arguments(overrides, None)
    return jobs


def _in_turn(overrides: list[Override]) -> Iterator[list[str]]:
    """The first values of all, then each other value in turn."""
    values = {each.get_key_element(): values_of(each) for each in overrides}
    first = {key: each[0] for key, each in values.items() if each}
    yield [*first.values()]
    for key, others in values.items():
        for other in others[1:]:
            yield [*{**first, key: other}.values()]


def values_of(override: Override) -> list[str]:
    """An argument for each value; for an interval both ends."""
    sweep, key = override.value(), override.get_key_element()
    if not override.is_sweep_override():
        return [f"{key}={override.get_value_element_as_str()}"]
    if isinstance(sweep, IntervalSweep):
        return [f"{key}={sweep.start}", f"{key}={sweep.end}"]
    if isinstance(sweep, RangeSweep | ChoiceSweep) or override.is_discrete_sweep():
        return [f"{key}={value}" for value in override.sweep_string_iterator()]
    return []


def _apart(job: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    seeds = tuple(each for each in job if each.startswith("seed="))
    return tuple(each for each in job if each not in seeds), seeds


def faults_of(plan: Plan, wrong: Callable[[list[str]], list[str]]) -> list[str]:
    """What `wrong` says of the jobs, each fault once, with the jobs that have it."""
    found: dict[str, list[int]] = {}
    for job in plan.judged():
        for said in wrong(job if plan.here else _without_device(job)):
            found.setdefault(said, []).extend(plan.like(job))
    return [f"{said}{_where(plan, sorted(set(jobs)))}" for said, jobs in found.items()]


def _without_device(job: list[str]) -> list[str]:
    return [each for each in job if not each.startswith("device=")]


def _where(plan: Plan, numbers: list[int]) -> str:
    if len(numbers) == len(plan.jobs) or plan.search:
        return ""
    common = set.intersection(*(set(plan.jobs[number]) for number in numbers))
    others = [set(job) for number, job in enumerate(plan.jobs) if number not in numbers]
    telling = [
        each
        for each in plan.jobs[numbers[0]]
        if each in common and not all(each in other for other in others)
    ]
    count = f"{len(numbers)} of {len(plan.jobs)} jobs"
    return f"\n  {count}, with {' '.join(telling)}" if telling else f"\n  {count}"
