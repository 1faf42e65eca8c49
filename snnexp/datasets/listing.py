"""What is in a folder of classes: the files that are used, and what is not, counted by reason."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from snnexp.datasets.text import shown
from snnexp.files.foreign import Absent, Unreadable
from snnexp.stopping import look

_SYSTEM = ("thumbs.db", "desktop.ini", "__macosx")
HIDDEN = "hidden"
DEEPER = "below the folder of a class"
BESIDE = "beside the folders of the classes"
_log = logging.getLogger(__name__)


class Unused:
    """Counts what is not used by reason, with an example of each."""

    def __init__(self):
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def add(self, reason: str, path: str | Path) -> None:
        """One more; `path` is shown if it is the first."""
        self.counts[reason] += 1
        self.examples.setdefault(reason, shown(path))

    def say(self, root: Path, suffixes: tuple[str, ...], kind: str = "pictures") -> None:
        """One line of what is not used, if there is anything; `kind` is that of the others."""
        if not self.counts:
            return
        reasons = ", ".join(
            f"{count} {reason} ({self.examples[reason]})"
            for reason, count in self.counts.most_common()
        )
        used = f"{kind} are {' '.join(suffixes)} in the folder of their class"
        _log.warning(
            "%s: %d files and folders are not used: %s; %s",
            shown(root),
            self.counts.total(),
            reasons,
            used,
        )


def folders(folder: Path, unused: Unused) -> list[str]:
    """Sorted names of the folders of classes in a folder. Raises `Unreadable`."""
    names = []
    for entry in _entries(folder):
        if _is_hidden(entry.name):
            unused.add(HIDDEN, entry.path)
        elif _is(entry.is_dir):
            names.append(entry.name)
        else:
            _refuse_broken_link(entry)
            unused.add(BESIDE, entry.path)
    return names


def class_files(folder: Path, suffixes: tuple[str, ...], unused: Unused) -> list[str]:
    """Sorted names of the files of a class, by their suffixes. Raises `Unreadable` where a name
    leads to no regular file.
    """
    look()  # a thousand folders on a slow disk take minutes
    names = []
    for entry in _entries(folder):
        reason = _reason(entry, suffixes)
        if reason is not None:
            unused.add(reason, entry.path)
        elif _is(entry.is_file):
            names.append(entry.name)
        else:
            _refuse_broken_link(entry)
            raise Unreadable(entry.path, "neither a file nor a folder")
    return names


def _reason(entry: os.DirEntry, suffixes: tuple[str, ...]) -> str | None:
    if _is_hidden(entry.name):
        return HIDDEN
    if _is(entry.is_dir):
        return DEEPER
    suffix = os.path.splitext(entry.name)[1].lower()
    return None if suffix in suffixes else (shown(suffix) if suffix else "without a suffix")


def _entries(folder: Path) -> Iterator[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            yield from sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        raise Absent(folder, "missing") from None
    except (OSError, ValueError) as error:  # ValueError: a path no file system can hold
        raise Unreadable(folder, f"cannot be listed ({error})") from error


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:  # a link that leads to itself
        return False


def _refuse_broken_link(entry: os.DirEntry) -> None:
    if entry.is_symlink() and not os.path.exists(entry.path):
        raise Absent(entry.path, f"a link to {shown(os.readlink(entry.path))}, where nothing is")
