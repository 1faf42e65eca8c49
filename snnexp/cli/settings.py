"""What a user has settled for all commands, in a file of their home. Nothing here imports torch."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from snnexp.errors import ConfigError

VARIABLE = "SNNEXP_SETTINGS"
"""Of the environment: another file, or nothing for none."""
VARIABLES = {"data_dir": "SNNEXP_DATA", "trust": "SNNEXP_TRUST"}
"""Keys of the file that stand for a variable of the environment, which wins."""
OF_RUNS = ("tracker", "device", "output_dir", "progress", "checkpoint")
"""Keys of the file that stand for arguments of `snnexp train`: where and how a run goes, and
nothing of what it computes.
"""
PLAIN = re.compile(r"[\w./~:@%+-]+")


def settings_file() -> Path | None:
    """The file, whether or not it is there; None where there is to be none."""
    if (named := os.environ.get(VARIABLE)) is not None:
        return Path(named).expanduser() if named else None
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "snnexp" / "settings.yaml"


def with_settings(command: str, arguments: list[str]) -> list[str]:
    """The arguments of a command with those of the file before them; what is typed wins over it.

    Raises:
        ConfigError: the file cannot be read, or has a key that is none.
    """
    settings = read_settings()
    for key, variable in VARIABLES.items():
        if settings.get(key) is not None:
            named = settings[key] if isinstance(settings[key], list) else [settings[key]]
            os.environ.setdefault(variable, ",".join(map(str, named)))
    return [*_of_run(settings, arguments), *arguments] if command == "train" else arguments


def read_settings() -> dict[str, Any]:
    """What the file has; nothing where there is none."""
    path = settings_file()
    if path is None or not path.exists():
        return {}
    from snnexp.files.documents import read_yaml
    from snnexp.files.foreign import Unreadable

    try:
        found = read_yaml(path)
    except Unreadable as error:
        raise ConfigError(str(error)) from None
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: expected keys with values, such as tracker: none")
    for key in found:
        if str(key).partition(".")[0] not in (*VARIABLES, *OF_RUNS):
            known = ", ".join((*VARIABLES, *OF_RUNS))
            raise ConfigError(
                f"{path}: {key} cannot be settled for all runs; what can is {known} (an experiment "
                "of your own has the rest: snnexp copy)"
            )
    return found


def _of_run(settings: Mapping[str, Any], arguments: list[str]) -> Iterator[str]:
    """Arguments for a run; none of a group of which an option or a key is typed."""
    typed = {re.split(r"[.=@]", each.lstrip("+~"))[0] for each in arguments}
    for key, value in settings.items():
        if key.partition(".")[0] in OF_RUNS and key.partition(".")[0] not in typed:
            yield f"{key}={_text(value)}"


def _text(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = str(value)
    return text if PLAIN.fullmatch(text) else "'" + text.replace("'", "\\'") + "'"
