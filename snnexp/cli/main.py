"""Entry point: picks the command. Nothing here imports torch."""

import os
import sys
from collections.abc import Callable

from snnexp.cli.allocator import keep_freed_memory
from snnexp.cli.streams import Patient, patient_streams, shown
from snnexp.files.visible import visible
from snnexp.progress.waiting import waiting

HELP = """snnexp: train, measure and compare deep spiking neural networks, each way of the survey.

  snnexp train [+experiment=NAME] [group=option] [key=value] [-m]
      train and evaluate; -m sweeps over comma-separated values
  snnexp evaluate RUN_DIR [group=option] [key=value]
      evaluate a run's weights again: timesteps=32, encoder=poisson, ...
  snnexp list [GROUP]
      experiments with what they reproduce; the options of a group
  snnexp data {list,prepare,verify} [NAME]
      where data is expected, what is missing, how to get it
  snnexp doctor
      versions, device, threads, tracker, data found
  snnexp table {1,2,3,text} [--runs DIR] [--format FORM]
      the survey's table, published beside measured
  snnexp compare RUN_DIR... [--plot FILE.png [--along KEY [--show FIELD]]] [--format FORM]
      runs side by side: what differs, what came of it; drawn over t, or along a setting
  snnexp new GROUP NAME [--package NAME]
      a component of your own: a folder that trains at once
  snnexp wandb {sweep,workspace}
      files for W&B: a sweep for its agents, a workspace or report of a project
  snnexp reproduce [ROW or EXPERIMENT ...] [--budget-hours H]
      the queue: what says most per hour first, at idle priority
  snnexp report | export
      not there yet

Begin with `snnexp train`: it trains a small network on embedded data in under a minute.
`snnexp train --help` lists all groups and options, `snnexp train --cfg job` prints the
composed configuration. `eval "$(snnexp train -sc install=bash)"` switches on tab completion.
"""

MISSING = ("report", "export")


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


def _command(name: str) -> Callable[[list[str]], int]:
    if name in ("-h", "--help", "help"):
        return _help
    plain = not any(word.startswith("-") for word in sys.argv[2:])
    if name == "train" and plain and isinstance(sys.stderr, Patient):
        sys.stderr.stand("reading the configuration")  # until there is more to say
    if name in ("train", "-sc", "--shell-completion"):
        from snnexp.cli.train import train

        return train if name == "train" else lambda arguments: train([name, *arguments])
    if name == "new":
        from snnexp.cli.new import new

        return new
    if name == "wandb":
        from snnexp.cli.wandb import wandb

        return wandb
    if name in MISSING:
        return lambda arguments: _refuse(f"snnexp {name} is not there yet", 1)
    return _light_command(name)


def _light_command(name: str) -> Callable[[list[str]], int]:
    if name == "evaluate":
        with waiting("loading PyTorch"):
            from snnexp.cli.evaluate import evaluate as command
    elif name == "list":
        from snnexp.cli.options import show as command
    elif name == "data":
        from snnexp.cli.data import data as command
    elif name == "table":
        from snnexp.cli.table import table as command
    elif name == "compare":
        from snnexp.cli.compare import compare as command
    elif name == "reproduce":
        from snnexp.cli.reproduce import reproduce as command
    elif name == "doctor":
        with waiting("loading PyTorch"):
            from snnexp.cli.doctor import doctor as command
    else:
        return lambda arguments: refuse_unknown(name)
    return command


def _help(arguments: list[str]) -> int:
    print(HELP, end="")
    return 0


def refuse_unknown(name: str) -> int:
    """Says that there is no command of this name, and which is meant; the exit code."""
    from difflib import get_close_matches

    near = get_close_matches(
        name,
        [
            *("train", "evaluate", "list", "data", "doctor", "table", "compare", "reproduce"),
            *("wandb", "new", *MISSING),
        ],
        1,
    )
    return _refuse(
        f"there is no command {name!r}"
        + (f"; did you mean {near[0]!r}?" if near else "")
        + " (snnexp --help)",
        2,
    )


def _refuse(message: str, code: int) -> int:
    print(visible(f"snnexp: {message}"), file=sys.stderr)
    return code
