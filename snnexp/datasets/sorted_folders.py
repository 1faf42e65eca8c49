"""Files of one's own that are sorted into a folder per class, below `train` and `test`."""

import logging
import os
from pathlib import Path

from snnexp.datasets.base import DataError, fault
from snnexp.datasets.listing import Unused, class_files, folders
from snnexp.datasets.names import listed
from snnexp.datasets.text import class_name
from snnexp.files.foreign import Unreadable

Files = list[tuple[Path, int]]
"""Files and their class numbers."""
_log = logging.getLogger(__name__)


class SortedFolders:
    """`train/<class>/*` and `test/<class>/*`, or `val/<class>/*` where there is no `test`.

    Classes are numbered by sorted name. Files of other kinds, hidden ones and those in folders
    below a class are not used, and counted.

    Args:
        root: where `train` is.
        suffixes: of the files that are used, in small letters.
        kind: what each is, in one word.
        kinds: what all are, in one word.
        readable: what makes them readable, for messages.
    """

    def __init__(self, root: Path, suffixes: tuple[str, ...], kind: str, kinds: str, readable: str):
        self.root = root
        self.suffixes = suffixes
        self.kind = kind
        self.kinds = kinds
        self.readable = readable

    @property
    def test(self) -> str:
        """The name of the folder for testing."""
        return (
            "val"
            if os.path.isdir(self.root / "val") and not os.path.isdir(self.root / "test")
            else "test"
        )

    def class_names(self, part: str = "train") -> tuple[str, ...]:
        """Names of the folders in `train`, or another part; looks at the disk."""
        return tuple(map(class_name, self.names(part)))

    def names(self, part: str, unused: Unused | None = None) -> list[str]:
        """Names of the folders of a part as they are on the disk. Raises `DataError`."""
        try:
            names = folders(self.root / part, unused or Unused())
        except Unreadable as error:
            raise self.fault(error.path, error.why) from None
        if not names:
            raise self.fault(self.root / part, "there is no folder of a class in it")
        return names

    def both(self) -> tuple[Files, Files]:
        """The files for training and for testing, by class and name; what is not used is said.
        Raises `DataError`.
        """
        unused = Unused()
        known = self.names("train")
        train, test = (self._files(part, known, unused) for part in ("train", self.test))
        self._say(unused, test)
        return train, test

    def alone(self) -> Files:
        """The files of the classes where their folders are in the root itself, by class and name;
        what is not used is said. Raises `DataError`.
        """
        unused = Unused()
        files = self._files(".", self.names("."), unused)
        unused.say(self.root, self.suffixes, self.kinds)
        return files

    def fault(self, path: Path | str, wrong: str) -> DataError:
        """The error for `path`."""
        kind = self.kind
        return fault(
            Path(path),
            wrong,
            f"{self.root}/train/<class>/<{kind}> and {self.root}/test/<class>/<{kind}> (or val), "
            f"{self.readable}",
            "set dataset.folder (below data_dir) to the folder that holds train, or mend or "
            "remove the file",
        )

    def _files(self, part: str, known: list[str], unused: Unused) -> Files:
        names = self.names(part, unused)
        folder = self.root / part
        unknown = [name for name in names if name not in known]
        if unknown:
            raise self.fault(folder / unknown[0], "there is no such class in train")
        files = [
            (path, known.index(name))
            for name in names
            for path in self._of_class(folder / name, part, unused)
        ]
        if not files:
            raise self.fault(folder, self._none())
        return files

    def _of_class(self, folder: Path, part: str, unused: Unused) -> list[Path]:
        try:
            found = class_files(folder, self.suffixes, unused)
        except Unreadable as error:
            raise self.fault(error.path, error.why) from None
        if not found and part != self.test:
            unused.say(self.root, self.suffixes, self.kinds)
            raise self.fault(
                folder,
                f"a class without a training {self.kind}: {self._none()}",
            )
        return [folder / name for name in found]

    def _none(self) -> str:
        return f"there is no {self.kind} in it ({' '.join(self.suffixes)})"

    def _say(self, unused: Unused, test: Files) -> None:
        if self.test == "test" and os.path.isdir(self.root / "val"):
            unused.add("folder val, since there is a test", self.root / "val")
        unused.say(self.root, self.suffixes, self.kinds)
        names = self.class_names()
        untested = sorted(set(range(len(names))) - {label for _, label in test})
        if untested:
            untested_names = listed([names[label] for label in untested])
            _log.warning("%s: no test %s of %s", self.root, self.kind, untested_names)
