"""`snnexp train`: Hydra composes, then the job runs. Nothing here imports torch until a job starts."""

import os
import re
import sys
from difflib import get_close_matches
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from snnexp.cli.resolvers import register

CONF = "pkg://snnexp.conf"


def train(arguments: list[str]) -> int:
    """Runs `snnexp train` with these arguments and returns the exit code."""
    register()
    _complete_after_the_command()
    sys.argv = ["snnexp train", *arguments]
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra then raises its errors instead of printing and leaving with code 1
    try:
        _job()
    except (HydraException, OmegaConfBaseException) as error:
        print(f"snnexp: {_explained(error)}", file=sys.stderr)
        return 2
    except (Exception, KeyboardInterrupt) as error:
        return _failed_sweep(error)
    return _Job.code


class _Job:
    """What the last job of this process left; Hydra hands nothing back."""

    code = 0


@hydra.main(version_base="1.3", config_path=CONF, config_name="config")
def _job(config: DictConfig) -> float | None:
    from snnexp.cli.job import attempt

    settings = HydraConfig.get()
    choices = {group: option for group, option in settings.runtime.choices.items() if option and not group.startswith("hydra/")}
    result, error, _Job.code = attempt(config, choices, Path(settings.runtime.output_dir))
    if error is not None and settings.mode == RunMode.MULTIRUN:
        raise error  # a launcher and a sweeper know a failed job by its exception
    return None if result is None else result["accuracy"]


def _failed_sweep(error: BaseException) -> int:
    from snnexp.cli.exits import exit_code

    # What went wrong in a job has been said and written by the job itself.
    return exit_code(error)


def _explained(error: Exception) -> str:
    message = str(error).strip() or str(error.__cause__).strip()
    misspelt = re.match(r"Could not override '([^'@]+)'", message) or re.search(r"Key '([^']+)' is not in struct", message)
    if misspelt:
        near = get_close_matches(misspelt[1].rpartition(".")[2], _keys(), 1)
        hint = f"; did you mean {near[0]!r}?" if near else " (snnexp train --help lists all groups and keys)"
        path = re.search(r"full_key: (\S+)", message)
        return f"there is no key {path[1] if path else misspelt[1]!r}{hint}"
    return re.sub(r"\nSet the environment variable HYDRA_FULL_ERROR=1.*", "", message)


def _keys() -> list[str]:
    from importlib.resources import files

    conf = files("snnexp.conf")
    options = [path for group in conf.iterdir() if group.is_dir() for path in group.iterdir() if path.name.endswith(".yaml")]
    lines = [line for path in [conf / "config.yaml", *options] for line in path.read_text().splitlines()]
    return sorted({found[1] for line in lines if (found := re.match(r"\s*(?:- )?/?([a-z_]+):", line))})


def _complete_after_the_command() -> None:
    # Bash hands over the whole line; Hydra completes overrides and does not know that a command comes first.
    line = os.environ.get("COMP_LINE")
    if line and re.match(r"\S+\s+train\s", line):
        shorter = re.sub(r"^(\S+)\s+train\s", r"\1 ", line)
        os.environ["COMP_POINT"] = str(int(os.environ.get("COMP_POINT", len(line))) - len(line) + len(shorter))
        os.environ["COMP_LINE"] = shorter
