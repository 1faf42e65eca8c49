"""`snnexp resume RUN` and `snnexp repeat RUN`: a run goes on, or is made once more."""

import re
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from snnexp.cli.codes import BAD_CONFIG, BAD_DATA
from snnexp.cli.goon import going_on
from snnexp.errors import ConfigError
from snnexp.files.documents import LARGEST_YAML
from snnexp.files.foreign import Unreadable, read_regular
from snnexp.files.visible import visible
from snnexp.runs import status
from snnexp.runs.begun import STRANGE, Begun, begun
from snnexp.survey.experiments import LOADER

RESUME = "usage: snnexp resume RUN_DIR [--config-dir DIR], such as snnexp resume outputs/train/..."
REPEAT = "usage: snnexp repeat RUN_DIR [group=option] [key=value], such as ... seed=2"
FREE = ("seed", "device", "tracker", "energy", "progress", "output_dir", "data_dir", "checkpoint")
"""What can be changed in a configuration as it was written: nothing else in it follows from it."""
SHOWN = 5
OF_EVERY_SWEEP = re.compile(r"\+?hydra\.(mode|sweep\.dir|callbacks\.sweep)=")
"""Arguments of Hydra's that a sweep brings itself; what they say in a folder is not obeyed."""


def resume(arguments: list[str]) -> int:
    """Goes on with a run, or a sweep, that has not come to its end."""
    if not arguments or "=" in arguments[0]:
        return _refuse(RESUME)
    run, flags = Path(arguments[0]), arguments[1:]
    if any("=" in each and not each.startswith("-") for each in flags):
        return _refuse(f"a run goes on as it was begun; changed: snnexp repeat {run} {flags[0]}")
    try:
        if (run / "multirun.yaml").is_file():
            return _train([*_of_sweep(run, flags), *flags], run, "hydra.sweep.dir")
        return _train([*_of_run(run, flags), *flags], run, "hydra.run.dir")
    except Unreadable as error:
        return _refuse(str(error), BAD_DATA)


def repeat(arguments: list[str]) -> int:
    """Makes a run once more in a new folder, with changes or without."""
    if not arguments or "=" in arguments[0]:
        return _refuse(REPEAT)
    run, changes = Path(arguments[0]), arguments[1:]
    try:
        known = _begun(run, changes)
        news = None if known is None else _news(run, known, changes)
    except Unreadable as error:
        return _refuse(str(error), BAD_DATA)
    if known is None or news:
        return _as_written(run, known, changes, news or [])
    return _train([*_without(known.arguments, changes), *changes])


def _of_run(run: Path, flags: list[str]) -> list[str]:
    known = _begun(run, flags)
    if known is None:
        raise Unreadable(
            run,
            "does not say with which command it was begun, as runs of earlier versions; go on with "
            f"that command and hydra.run.dir={run}",
        )
    return known.arguments


def _begun(run: Path, flags: list[str]) -> Begun | None:
    """How a run was begun. Raises `Unreadable` where there is none, or options are needed that
    only its owner can name.
    """
    if status.read(run) is None and not (run / "config.yaml").exists():
        raise Unreadable(run, "not the folder of a run, there is no status.json in it")
    known = begun(run)
    named = any(each.startswith(("--config-dir", "hydra.searchpath")) for each in flags)
    if known is not None and known.own and not named:
        raise Unreadable(
            run,
            f"it was begun with options of its own; say where they are: --config-dir "
            f"{shlex.quote(known.own[0])}",
        )
    return known


def _of_sweep(folder: Path, flags: list[str]) -> list[str]:
    """The arguments of a sweep, as Hydra keeps them in its folder, without Hydra's own: those can
    name code to be run, and are typed.
    """
    path = folder / "multirun.yaml"
    found = yaml.load(read_regular(path, LARGEST_YAML), Loader=LOADER)
    try:
        told = found["hydra"]["overrides"]
        task, own = ([str(each) for each in told[name]] for name in ("task", "hydra"))
    except (KeyError, TypeError):
        raise Unreadable(path, "not that of a sweep") from None
    typed = [each for each in own if not OF_EVERY_SWEEP.match(each)]
    strange = [each for each in task if STRANGE.search(each)]
    if strange or (typed and not any("hydra" in each for each in flags)):
        command = going_on(["-m", *task, *typed], folder, "hydra.sweep.dir")
        raise Unreadable(folder, f"begun with {' '.join(strange + typed)}; go on with: {command}")
    return ["-m", *task]


def _train(arguments: list[str], run: Path | None = None, key: str = "") -> int:
    from snnexp.cli.train import train

    words = ["snnexp", "train", *arguments]
    command = shlex.join(words) if run is None else going_on(arguments, run, key)
    print(visible(f"snnexp: {command}"), file=sys.stderr, flush=True)
    return train(shlex.split(command)[2:])


def _without(arguments: list[str], changes: list[str]) -> list[str]:
    """The arguments of a run but for those of the keys that are changed."""
    from snnexp.jobs.mistakes import key_of

    keys = {key_of(each) for each in changes}
    return [each for each in arguments if key_of(each) not in keys]


def _news(run: Path, known: Begun, changes: list[str]) -> list[str]:
    """In what the configuration that the command gives today is another than that of the run."""
    from snnexp.composition.compose import composed
    from snnexp.composition.explain import MISTAKES, explained
    from snnexp.jobs.folder import differences, resolved
    from snnexp.runs.stored import stored

    if known.own:
        return []  # options that are not searched here; the run itself will find them
    with suppress(Unreadable, ConfigError):  # the run itself says what is wrong
        before = dict(stored(run))
        try:
            return differences(before, resolved(composed(known.arguments)))
        except MISTAKES as error:
            return [explained(error, known.arguments)]
    return []


def _as_written(run: Path, known: Begun | None, changes: list[str], news: list[str]) -> int:
    """The run again from its written configuration, which its command no longer gives."""
    from snnexp.cli.job import attempt
    from snnexp.composition.resolvers import stamp
    from snnexp.datasets.base import DataError
    from snnexp.errors import ConfigError
    from snnexp.reopen.changes import changed
    from snnexp.reopen.reopened import upgraded

    why = "".join(f"\n  {each}" for each in news[:SHOWN])
    fixed = [each for each in changes if each.partition("=")[0].partition(".")[0] not in FREE]
    if fixed:
        return _refuse(
            f"{run}: what its command gives today is another configuration than the run has:{why}\n"
            f"so {' '.join(fixed)} cannot be changed (only {', '.join(FREE)}); train anew with the "
            "command in its result"
        )
    try:
        from omegaconf import OmegaConf

        config, chosen = changed(OmegaConf.create(upgraded(run)), changes)
    except DataError as error:
        return _refuse(str(error), BAD_DATA)
    except ConfigError as error:
        return _refuse(str(error))
    choices = _choices(run) | chosen
    folder = Path(config["output_dir"]) / choices.get("experiment", "train") / stamp(config["seed"])
    words = f"{run}: repeated as its config.yaml has it, into {folder}"
    print(
        visible(f"snnexp: {words}{f'; its command gives today:{why}' if why else ''}"), flush=True
    )
    return attempt(OmegaConf.create(config), choices, folder)[2]


def _choices(run: Path) -> dict[str, str]:
    """The option chosen in each group, by the result of the run."""
    from snnexp.results.read import read_result
    from snnexp.results.stage import CHOICES

    try:
        last: Any = read_result(run / "result.json").last
    except Unreadable:
        return {}
    return {group: option for group in CHOICES if (option := getattr(last, group))}


def _refuse(message: str, code: int = BAD_CONFIG) -> int:
    print(visible(f"snnexp: {message}"), file=sys.stderr)
    return code
