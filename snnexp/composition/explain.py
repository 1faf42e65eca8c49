"""Hydra's errors in the words of this program, with the nearest thing that exists."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from snnexp.composition.compose import composed
from snnexp.composition.own import OwnOptions

MISTAKES = (HydraException, OmegaConfBaseException)
"""What Hydra raises where arguments cannot be composed."""


SAID: tuple[tuple[str, str], ...] = (
    (
        r"Could not append to config\. An item is already at '(.+?)'.*'(.+?)'\n",
        r"{0}: it is there already, and a plus adds what is not; set it with {1}",
    ),
    (
        r"Multiple values for (experiment)\.",
        "{0}: chosen twice, and a run is one; give +{0}=NAME once",
    ),
    (
        r"Multiple values for (\S+)\. .*'override (\S+): (.+)'",
        "{0}: an option is chosen already, and a plus adds another; choose {1}={2}",
    ),
    (
        r"Ambiguous value for argument '(([^=]+)=(.*?))'\n",
        (
            "{0}: several values need --multirun (-m); a list is {1}=[{2}], a text with commas "
            "{1}='{2}'"
        ),
    ),
    (
        r"In 'experiment/(\S+?)': Could not override '(\S+?)'\. No match in the defaults list",
        (
            "{1}: experiment {0} chooses an option of it, and the strategy chosen here asks for "
            "none; keep the strategy of {0}, or begin with a copy of it without `override /{1}` "
            "(snnexp copy {0} mine/experiment/my.yaml)"
        ),
    ),
    (
        r"Could not override '(.+?)'\.\nDid you mean to override (\S+)\?",
        "there is no key {0!r}; did you mean {1!r}?",
    ),
)
"""Hydra's messages and what they say in the words of this program."""


def explained(error: Exception, arguments: list[str]) -> str:
    """What is wrong with the `arguments` of a command, of which Hydra raised `error`; of several
    faults, the first.
    """
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        return _no_option(error.missing_cfg_file, list(error.options))
    if isinstance(error, OverrideParseException):
        return _unparsed(error)
    if isinstance(error, RecursionError):
        return "these arguments cannot be parsed: brackets within brackets are too deep"
    message = str(error).strip() or str(error.__cause__).strip()
    for pattern, words in SAID:
        found = re.search(pattern, message, re.DOTALL)
        if found:
            return words.format(*found.groups())
    absent = re.match(
        r"Could not (?:override|delete from config\.) '([^'@]+)'(?! does exist)", message
    )
    misspelt = re.search(r"full_key: (\S+)", message) if "not in struct" in message else absent
    if misspelt:
        return _no_key(misspelt[1], arguments)
    message = re.sub(r"\nSet the environment variable HYDRA_FULL_ERROR=1.*", "", message)
    return (
        message if isinstance(error, MISTAKES) else f"these arguments cannot be composed: {message}"
    )


def _no_option(path: str, options: list[str]) -> str:
    group, _, option = path.rpartition("/")
    near = get_close_matches(option, options, 1)
    return (
        f"{group}: there is no option "
        f"{option!r}{f'; did you mean {near[0]!r}?' if near else ''}\nthere are "
        f"{', '.join(options)}"
    )


def _no_key(key: str, arguments: list[str]) -> str:
    if key == "experiment":
        return (
            "an experiment is added with a plus: +experiment=NAME (snnexp list shows their names)"
        )
    if (files("snnexp.conf") / key).is_dir():
        return f"options of {key} are added with a plus: +{key}=NAME (snnexp list {key} shows them)"
    config = _chosen(key, arguments)
    near = nearest(key, config)
    if near:
        return f"there is no key {key!r}; did you mean {near!r}?"
    return f"there is no key {key!r}{beside(key, config)}"


def beside(key: str, config: DictConfig) -> str:
    """In words, the keys where `key` was looked for: those of its group, or where all are told."""
    parent = key.rpartition(".")[0]
    node = OmegaConf.select(config, parent) if parent else None
    if not isinstance(node, DictConfig):
        return " (snnexp train --help lists all groups and keys)"
    keys = ", ".join(sorted(str(name) for name in node if name != "_target_"))
    return f"; {parent} has {keys or 'no keys'}"


def _unparsed(error: OverrideParseException) -> str:
    if not re.search(r"[=~]", error.override):
        return _no_value(error.override)
    reason = str(error).splitlines()[0]
    return (
        f"{error.override}: cannot be parsed, {reason} (in Hydra's grammar of overrides; "
        "quote what it reads otherwise)"
    )


def _no_value(word: str) -> str:
    """What to write in place of a word that sets nothing."""
    if (files("snnexp.conf") / "experiment" / f"{word.lstrip('+')}.yaml").is_file():
        return f"{word}: write +experiment={word.lstrip('+')}"
    if (files("snnexp.conf") / word).is_dir():
        return f"{word}: write {word}=OPTION (snnexp list {word} shows them)"
    return f"{word}: write key=value, such as epochs=3; an experiment is +experiment=NAME"


def nearest(key: str, config: DictConfig) -> str | None:
    """The key of `config` that is most like `key`: one beside it; for a key without its group, one
    of the same name anywhere first.
    """
    paths, (parent, _, name) = list(_paths(config)), key.rpartition(".")
    beside = [path for path in paths if path.rpartition(".")[0] == parent]
    for candidates, likeness in (
        ((beside, 0.6),) if parent in paths else ((paths, 0.9), (beside, 0.6), (paths, 0.75))
    ):
        names = {path.rpartition(".")[2]: path for path in reversed(candidates)}
        near = get_close_matches(name, names, 1, likeness)
        if near:
            return names[near[0]]
    return None


def _paths(node: DictConfig, prefix: str = "") -> Iterator[str]:
    for key in map(str, node):
        yield f"{prefix}{key}"
        if (
            OmegaConf.is_dict(node)
            and not OmegaConf.is_interpolation(node, key)
            and OmegaConf.is_dict(node[key])
        ):
            yield from _paths(node[key], f"{prefix}{key}.")


def _chosen(key: str, arguments: list[str]) -> DictConfig:
    # Options decide which keys there are; values may be as wrong as the key.
    choices = (
        each for each in arguments if re.match(r"\+?\w+=", each) and not each.startswith(f"{key}=")
    )
    return _composed(tuple(choices), OwnOptions.places)


@cache
def _composed(choices: tuple[str, ...], places: tuple[str, ...]) -> DictConfig:
    try:
        return composed([*choices])
    except MISTAKES:
        return composed([])
