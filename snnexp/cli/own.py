"""Commands whose arguments may name the user's own components."""

import sys
from collections.abc import Callable
from contextlib import ExitStack

from snnexp.cli.codes import BAD_CONFIG
from snnexp.composition.explain import MISTAKES, explained
from snnexp.composition.own import own_components
from snnexp.errors import ConfigError
from snnexp.files.visible import visible


def with_own_components(command: Callable[[list[str]], int], arguments: list[str]) -> int:
    """Runs `command` with what is left of the arguments once options are found where they say, and
    packages trusted that they name; the exit code.
    """
    with ExitStack() as stack:
        try:
            others = stack.enter_context(own_components(arguments))
        except (ConfigError, *MISTAKES) as error:
            said = str(error) if isinstance(error, ConfigError) else explained(error, arguments)
            print(visible(f"snnexp: {said}"), file=sys.stderr)
            return BAD_CONFIG
        return command(others)
