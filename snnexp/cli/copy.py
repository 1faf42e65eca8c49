"""`snnexp copy EXPERIMENT FILE`: an experiment to edit."""

import re
import shlex
import sys
from collections.abc import Container
from difflib import get_close_matches
from pathlib import Path

from snnexp.cli.codes import BAD_CONFIG, FAILED
from snnexp.composition.catalogue import WHOLE, groups, text_of
from snnexp.files.visible import visible

GROUP = "experiment"
USAGE = (
    "usage: snnexp copy EXPERIMENT FILE, such as snnexp copy digits_qcfs mine/experiment/my.yaml"
)


def copy(arguments: list[str]) -> int:
    """Writes a copy of an experiment that trains under a name of its own."""
    if len(arguments) != 2:
        return _refuse(USAGE)
    name, path = arguments[0].removeprefix("+").removeprefix(f"{GROUP}="), Path(arguments[1])
    known = groups()[GROUP]
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        return _refuse(f"there is no experiment {name!r}; {hint}(snnexp list shows them)")
    wrong = _unfit(path, known)
    return _refuse(wrong) if wrong else _write(path, copied(name, text_of(known[name])))


def _unfit(path: Path, known: Container[str]) -> str | None:
    """Why an experiment in this file would not be found, or would not be taken."""
    if path.suffix != ".yaml" or path.absolute().parent.name != GROUP:
        better = path.parent / GROUP / f"{path.stem}.yaml"
        return f"{path}: experiments are found as NAME.yaml in a folder named experiment: {better}"
    if path.stem in known:
        return f"{path}: there is an experiment {path.stem!r} already; give yours another name"
    return f"{path}: there is a file of this name" if path.exists() else None


def copied(name: str, text: str) -> str:
    """The text of an experiment as the start of another: it stands for no published row, and what
    was measured and how it was run is of the original.
    """
    body = text.removeprefix(f"{WHOLE}\n")
    body = re.sub(r"^# (Rows|Run|Measured):.*\n(?:#   .*\n)*", "", body, flags=re.MULTILINE)
    body = re.sub(r"\brows: \[[^\]]*\]", "rows: []", body)
    return f"{WHOLE}\n# Begun as a copy of {name}: change it at will; it stands for no row.\n{body}"


def _write(path: Path, text: str) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        return _refuse(f"{path}: cannot be written ({error.strerror})", FAILED)
    folder = shlex.quote(str(path.parent.parent))
    print(visible(f"written  {path}"))
    print(visible(f"train it with: snnexp train --config-dir {folder} +{GROUP}={path.stem}"))
    return 0


def _refuse(message: str, code: int = BAD_CONFIG) -> int:
    print(visible(f"snnexp: {message}"), file=sys.stderr)
    return code
