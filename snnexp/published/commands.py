"""Commands as others can type them: without the folders of one machine."""

import re
import shlex

PLACE = "DIR"
"""Stands where a command names a folder that nobody else has."""


def elsewhere(command: str) -> str:
    """`command` with `DIR` in place of absolute folders."""
    try:
        words = shlex.split(command)
    except ValueError:  # of a file that somebody has written by hand
        return command
    return shlex.join([_without_folder(word) for word in words])


def _without_folder(word: str) -> str:
    key, sign, value = word.rpartition("=")
    return f"{key}{sign}{PLACE}" if re.match(r"['\"]?[/~]", value) else word
