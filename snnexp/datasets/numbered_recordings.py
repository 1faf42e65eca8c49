"""Recordings that are named by their number, in a folder for each class."""

import re
from pathlib import Path

from snnexp.datasets.archives import Fault
from snnexp.datasets.listing import Unused, class_files, folders
from snnexp.files.foreign import Unreadable

Numbered = list[tuple[int, int, Path]]
"""Number, class number and file."""


def numbered_recordings(
    folder: Path,
    classes: tuple[str, ...],
    suffix: str,
    name: str,
    unused: Unused,
    fault: Fault,
) -> Numbered:
    """What is in the folders of the classes, sorted by the number in the name of each file.

    Args:
        folder: that the folders of the classes are in.
        classes: their names; one that is not there has no recordings.
        suffix: of the files.
        name: a pattern of the names before it, whose only group is the number.
        unused: counts what is not used.
        fault: the error for a file.

    Raises:
        DataError: the folder is missing or cannot be listed, there is no recording in it.
    """
    try:
        found = [
            (int(match[1]), classes.index(each), folder / each / f"{match[0]}{suffix}")
            for each in _of_classes(folder, classes, unused)
            for match in _matches(folder / each, suffix, re.compile(name), unused)
        ]
    except Unreadable as error:
        raise fault(Path(error.path), error.why) from None
    if not found:
        raise fault(folder, "there is no recording in it")
    return sorted(found)


def _of_classes(folder: Path, classes: tuple[str, ...], unused: Unused) -> list[str]:
    names = folders(folder, unused)
    for name in names:
        if name not in classes:
            unused.add("of no class", folder / name)
    return [name for name in names if name in classes]


def _matches(folder: Path, suffix: str, name: re.Pattern, unused: Unused) -> list[re.Match]:
    matches = []
    for file in class_files(folder, (suffix,), unused):
        match = name.fullmatch(file.removesuffix(suffix))
        if match:
            matches.append(match)
        else:
            unused.add("named otherwise", folder / file)
    return matches
