"""`snnexp train --cfg job`: the configuration as a run would have it, which Hydra, that composes a
part of it, does not know.
"""

import sys
from collections.abc import Callable

from omegaconf import OmegaConf

from snnexp.composition.arranged import arranged
from snnexp.composition.explain import MISTAKES
from snnexp.files.visible import visible
from snnexp.jobs.mistakes import told

CFG = ("--cfg", "-c")
LEFT_TO_HYDRA = ("--config-name", "-cn", "--config-path", "-cp", "--package", "-p")
"""Flags with which Hydra prints another configuration, or a part of one."""


def asked_for(flags: list[str]) -> bool:
    """Whether the flags of a command ask for the configuration of its run."""
    names = {each.partition("=")[0] for each in flags}
    named = any(f"{flag}=job" in flags for flag in CFG)
    apart = any(pair in zip(flags, flags[1:], strict=False) for pair in ((f, "job") for f in CFG))
    return (named or apart) and not names & {*LEFT_TO_HYDRA}


def print_composed(overrides: list[str], resolve: bool, say: Callable[[list[str]], None]) -> int:
    """Prints the composition as YAML, and says what strategies bring and what falls away."""
    try:
        composition = arranged(overrides)
        if resolve:
            OmegaConf.resolve(composition.config)
    except MISTAKES as error:
        print(visible(f"snnexp: {told(error, overrides)}"), file=sys.stderr)
        return 2
    say(composition.notices)
    print(OmegaConf.to_yaml(composition.config), end="")
    return 0
