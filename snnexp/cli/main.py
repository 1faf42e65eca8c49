"""Entry point: picks the command. Nothing here imports torch."""

import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module

import snnexp
from snnexp.cli.allocator import keep_freed_memory
from snnexp.cli.pages import MAIN, PAGES
from snnexp.cli.settings import with_settings
from snnexp.cli.streams import Patient, patient_streams, shown
from snnexp.errors import ConfigError
from snnexp.files.visible import visible
from snnexp.progress.waiting import waiting

Command = Callable[[list[str]], int]
COMMANDS = {
    "train": ("train", "train"),
    "evaluate": ("evaluate", "evaluate"),
    "resume": ("again", "resume"),
    "repeat": ("again", "repeat"),
    "runs": ("runs", "runs"),
    "compare": ("compare", "compare"),
    "report": ("report", "report"),
    "plot": ("plot", "plot"),
    "export": ("export", "export"),
    "publish": ("publish", "publish"),
    "table": ("table", "table"),
    "list": ("options", "show"),
    "show": ("show", "show_option"),
    "copy": ("copy", "copy"),
    "data": ("data", "data"),
    "doctor": ("doctor", "doctor"),
    "new": ("new", "new"),
    "wandb": ("wandb", "wandb"),
    "reproduce": ("reproduce", "reproduce"),
}
"""By name: the module in this room and the function in it; imported when it is asked for."""
HELP = ("-h", "--help")
WITH_TORCH = ("evaluate", "doctor")
"""Commands that import PyTorch before they do anything else."""


def main() -> None:
    """Runs the command named by the first argument and exits with its code."""
    # Spinning OpenMP threads and small pages cost up to ten times the work on shared machines;
    # torch reads both when it is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    keep_freed_memory()
    _print_any_letter()
    name, arguments = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("--help", [])
    with patient_streams():
        code = shown(lambda words: _command(name)(words), arguments)
    sys.exit(code)


def _print_any_letter() -> None:
    """A folder may have a name that the terminal's encoding does not know: it is then shown in
    escapes, and no command fails of it.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _command(name: str) -> Command:
    if name in (*HELP, "help"):
        return _help
    if name in ("--version", "-V"):
        return _version
    if name in ("-sc", "--shell-completion"):
        return lambda arguments: _imported("train")([name, *arguments])
    if name not in COMMANDS:
        return lambda arguments: refuse_unknown(name)
    return lambda arguments: _asked(name, arguments)


def _asked(name: str, arguments: list[str]) -> int:
    """Runs a command, or prints its page."""
    if name in PAGES and {*HELP} & {*arguments}:
        print(PAGES[name], end="")
        return 0
    if name == "train" and {*HELP} & {*arguments}:
        from snnexp.cli.train_help import train_help

        return train_help(arguments)
    try:
        arguments = with_settings(name, arguments)
    except ConfigError as error:
        return _refuse(str(error), 2)
    plain = not any(word.startswith("-") for word in arguments)
    if name == "train" and plain and isinstance(sys.stderr, Patient):
        sys.stderr.stand("reading the configuration")  # until there is more to say
    with waiting("loading PyTorch") if name in WITH_TORCH else nullcontext():
        command = _imported(name)
    return command(arguments)


def _imported(name: str) -> Command:
    module, function = COMMANDS[name]
    command: Command = getattr(import_module(f"snnexp.cli.{module}"), function)
    return command


def _help(arguments: list[str]) -> int:
    print(MAIN, end="")
    return 0


def _version(arguments: list[str]) -> int:
    print(f"snnexp {snnexp.__version__}")
    return 0


def refuse_unknown(name: str) -> int:
    """Says that there is no command of this name, and which is meant; the exit code."""
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, 1)
    return _refuse(
        f"there is no command {name!r}"
        + (f"; did you mean {near[0]!r}?" if near else "")
        + " (snnexp --help)",
        2,
    )


def _refuse(message: str, code: int) -> int:
    print(visible(f"snnexp: {message}"), file=sys.stderr)
    return code
