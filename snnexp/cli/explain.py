"""Hydra's errors in the words of this program, with the nearest thing that exists."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from snnexp.cli.compose import composed

MISTAKES = (HydraException, OmegaConfBaseException)
"""What Hydra raises where arguments cannot be composed."""


def explained(error: Exception, arguments: list[str]) -> str:
    """What is wrong with the `arguments` of a command, of which Hydra raised `error`."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        return _no_option(error.missing_cfg_file, list(error.options))
    message = str(error).strip() or str(error.__cause__).strip()
    misspelt = re.search(r"full_key: (\S+)", message) or re.match(r"Could not override '([^'@]+)'", message)
    if misspelt and ("not in struct" in message or message.startswith("Could not override")):
        return _no_key(misspelt[1], arguments)
    return re.sub(r"\nSet the environment variable HYDRA_FULL_ERROR=1.*", "", message)


def _no_option(path: str, options: list[str]) -> str:
    group, _, option = path.rpartition("/")
    near = get_close_matches(option, options, 1)
    return f"{group}: there is no option {option!r}{f'; did you mean {near[0]!r}?' if near else ''}\nthere are {', '.join(options)}"


def _no_key(key: str, arguments: list[str]) -> str:
    if key == "experiment":
        return "an experiment is added with a plus: +experiment=NAME (snnexp list shows their names)"
    near = nearest(key, _chosen(key, arguments))
    return f"there is no key {key!r}" + (f"; did you mean {near!r}?" if near else " (snnexp train --help lists all groups and keys)")


def nearest(key: str, config: DictConfig) -> str | None:
    """The key of `config` that is most like `key`: one beside it; for a key without its group, one of the same name anywhere first."""
    paths, (parent, _, name) = list(_paths(config)), key.rpartition(".")
    beside = [path for path in paths if path.rpartition(".")[0] == parent]
    for candidates, likeness in ((beside, 0.6),) if parent in paths else ((paths, 0.9), (beside, 0.6), (paths, 0.75)):
        names = {path.rpartition(".")[2]: path for path in reversed(candidates)}
        near = get_close_matches(name, names, 1, likeness)
        if near:
            return names[near[0]]
    return None


def _paths(node: DictConfig, prefix: str = "") -> Iterator[str]:
    for key in node:
        yield f"{prefix}{key}"
        if OmegaConf.is_dict(node) and not OmegaConf.is_interpolation(node, key) and OmegaConf.is_dict(node[key]):
            yield from _paths(node[key], f"{prefix}{key}.")


def _chosen(key: str, arguments: list[str]) -> DictConfig:
    # Options decide which keys there are, and a search path which options; values may be as wrong as the key.
    choices = [each for each in arguments if re.match(r"(\+?\w+|hydra\.searchpath)=", each) and not each.startswith(f"{key}=")]
    try:
        return composed(choices)
    except MISTAKES:
        return composed([])
