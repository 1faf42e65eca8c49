"""All mistakes in the arguments of a command; Hydra raises the first and stops there."""

import re
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig

from snnexp.composition.arranged import SEARCH_PATH, arranged
from snnexp.composition.compose import composed
from snnexp.composition.explain import MISTAKES, explained
from snnexp.composition.extent import out_of_extent
from snnexp.jobs.plan import Plan, faults_of, planned

NAMED = re.compile(
    r"(?:Could not override|An item is already at|Could not delete from config\.(?: The value "
    r"of)?|Ambiguous value for argument) '([^'=]+)"
    r"|Multiple values for (\S+)\. |full_key: (\S+)"
)
"""Where Hydra's messages name the key at fault."""


def told(error: Exception, arguments: list[str]) -> str:
    """What is wrong with all `arguments`, values included, of which Hydra raised `error`."""
    said, rest = mistakes(error, arguments)
    if not isinstance(error, MISTAKES) and (wrong := wrong_values(arguments)):
        return listed(wrong)  # a run folder cannot be named after such values
    unjudged = [
        each
        for each in rest
        if each in arguments and not re.match(r"\+experiment=|hydra[./]", each)
    ]
    # The check imports torch, which takes longer than everything else here.
    return listed([*said, *(wrong_values(rest) if unjudged else [])])


def mistakes(error: Exception | None, arguments: list[str]) -> tuple[list[str], list[str]]:
    """Every mistake that keeps `arguments` from being composed, and the arguments that can; none
    where the one at fault is not named.
    """
    said, rest = [], list(arguments)
    while error is not None:
        said.append(explained(error, rest))
        rest = _without(error, rest)
        error = _raised(rest) if rest else None
    return said, rest


def in_sweep(arguments: list[str]) -> tuple[str | None, Plan | None]:
    """What is wrong with the arguments of a sweep, so that no job starts before all can be composed
    and pass the check; or what the sweep is to run.
    """
    try:
        jobs = [*_jobs(arguments)]
        said = out_of_extent(arguments, jobs[0])
    except Exception as error:  # of the grammar, which has its limits, too
        return told(error, arguments), None
    if said:
        return listed(list(dict.fromkeys(said))), None
    try:
        return _judged(planned(arguments, jobs[0]), arguments)
    except Exception as error:
        said = [each for job in jobs for each in mistakes(_raised(job), job)[0]]
        return listed(list(dict.fromkeys(said))) if said else told(error, arguments), None


def not_composable(arguments: list[str]) -> str | None:
    """What keeps the jobs of a sweep from being composed, without a look at their values; torch is
    not imported where nothing is wrong.
    """
    try:
        jobs = [*_jobs(arguments)]
        said = out_of_extent(arguments, jobs[0])
    except Exception as error:  # of the grammar, which has its limits, too
        return told(error, arguments)
    said = said or [each for job in jobs for each in mistakes(_raised(job), job)[0]]
    return listed(list(dict.fromkeys(said))) if said else None


def _judged(plan: Plan, arguments: list[str]) -> tuple[str | None, Plan | None]:
    path = [each for each in arguments if each.startswith(SEARCH_PATH)]
    notices: dict[str, None] = {}

    def wrong(job: list[str]) -> list[str]:
        composition = arranged([*path, *job])
        notices.update(dict.fromkeys(composition.notices))
        return wrong_in(composition.config)

    said = faults_of(plan, wrong)
    return (listed(said), None) if said else (None, replace(plan, notices=[*notices]))


def listed(said: list[str]) -> str:
    """One problem as it is, several as a list."""
    lines = [fault.replace("\n", "\n    ") for fault in said]
    return (
        said[0]
        if len(said) == 1
        else "\n  ".join([f"{len(said)} problems in this configuration", *lines])
    )


def _raised(arguments: list[str]) -> Exception | None:
    try:
        composed(arguments)
    except Exception as error:
        # Hydra lets through what its parser and YAML say of numbers too long, brackets too deep.
        return error
    return None


def wrong_values(arguments: list[str]) -> list[str]:
    """What the check says of arguments that can be composed."""
    try:
        return wrong_in(arranged(arguments).config)
    except Exception:  # which has been said
        return []


def wrong_in(config: DictConfig) -> list[str]:
    """What the check says of a configuration that is composed."""
    from snnexp.configuration.check import faults
    from snnexp.errors import ConfigError
    from snnexp.jobs.folder import resolved

    try:
        return faults(resolved(config))
    except ConfigError as error:
        return [line.strip() for line in str(error).splitlines()[1:]]


def key_of(argument: str) -> str:
    """The key or group that an argument is about, without signs and package."""
    return argument.lstrip("+~").partition("=")[0].partition("@")[0]


def _without(error: Exception, arguments: list[str]) -> list[str]:
    """The arguments that can still be judged; none where the one at fault is not among them."""
    if isinstance(error, OverrideParseException):
        return [each for each in arguments if each != error.override]
    if isinstance(error, MissingConfigException):
        return _with_the_nearest(error, arguments)
    named = NAMED.search(str(error))
    key = next(filter(None, named.groups())).partition("@")[0] if named else None
    guilty = [each for each in arguments if key_of(each) == key]
    if "already at" in str(error) or "Multiple values" in str(error):
        guilty = [each for each in guilty if each.startswith("+")][-1:]
    return [each for each in arguments if each not in guilty] if guilty else []


def _with_the_nearest(error: MissingConfigException, arguments: list[str]) -> list[str]:
    """With the nearest option in place of one that is not there; where none is near, without what
    belongs to it.
    """
    group, _, option = (error.missing_cfg_file or "").rpartition("/")
    guilty = [
        each
        for each in arguments
        if key_of(each) == group and option in re.split(r"[\[\],'\"\s]+", each.partition("=")[2])
    ]
    near = get_close_matches(option, error.options or [], 1)
    if near:
        return (
            [each.replace(option, near[0]) if each in guilty else each for each in arguments]
            if guilty
            else []
        )
    everything = not guilty or group == "experiment"  # anything may belong to an experiment
    return (
        []
        if everything
        else [
            each
            for each in arguments
            if each not in guilty and not key_of(each).startswith(f"{group}.")
        ]
    )


def secrets(arguments: list[str]) -> list[str]:
    """What is wrong with variables of the environment that are typed as arguments: a sweep keeps
    these in `multirun.yaml`.
    """
    found = (
        re.match(r"[+~]*hydra\.job\.env_set\.(\w*(?:KEY|TOKEN|SECRET|PASS)\w*)=", each)
        for each in arguments
    )
    named = [each[1] for each in found if each]
    return [
        (
            f"hydra.job.env_set.{name}: what is typed here is kept in files; set {name} in the "
            "environment instead"
        )
        for name in named
    ]


def _jobs(arguments: list[str]) -> Iterator[list[str]]:
    """Jobs that between them have every option a sweep names: the first values of all, then each
    other value of a group in turn.
    """
    swept = [
        [*_values(override)] for override in OverridesParser.create().parse_overrides(arguments)
    ]
    first = [values[0] for values in swept if values]
    yield first
    for values in swept:
        if "." not in key_of(values[0] if values else "."):
            for value in values[1:]:
                yield [value if each is values[0] else each for each in first]


def _values(override: Override) -> Iterator[str]:
    sweep, key = override.value(), override.get_key_element()
    if not override.is_sweep_override():
        yield override.input_line
    elif isinstance(sweep, ChoiceSweep):
        yield from (f"{key}={value}" for value in override.sweep_string_iterator())
    elif isinstance(sweep, RangeSweep | IntervalSweep):
        yield f"{key}={sweep.start}"
