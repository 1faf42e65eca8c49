"""Published archives that were put beside the data: compared with their hash, and unpacked."""

import hashlib
import os
import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

from snnexp.datasets.base import DataError
from snnexp.datasets.published import let_full_disks_pass
from snnexp.files.atomic import make_folder
from snnexp.files.disk import writing
from snnexp.files.foreign import PART, Unreadable, regular
from snnexp.stopping import look

Fault = Callable[[Path, str], DataError]
"""The error for a file, with what is wrong with it."""
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, ValueError)


@dataclass(frozen=True)
class Archive:
    """An archive as it was published.

    Args:
        name: of its file, `.zip` or `.tar.gz`.
        md5: of its bytes.
        members: a pattern of the names of the files in it that are unpacked; its first group is
            their name below the folder that they go to.
    """

    name: str
    md5: str
    members: str


def beside(folder: Path, archive: Archive) -> Path:
    """Where the archive is expected that unpacks to `folder`."""
    return folder.parent / archive.name


def check(path: Path, archive: Archive, fault: Fault) -> None:
    """Raises `DataError` unless `path` has the published hash."""
    digest = hashlib.md5(usedforsecurity=False)  # against damage, not against forgery
    try:
        with regular(path) as file:
            while part := file.read(PART):
                look()
                digest.update(part)
    except (Unreadable, OSError) as error:
        raise fault(path, f"unreadable ({getattr(error, 'why', error)})") from error
    if digest.hexdigest() != archive.md5:
        raise fault(path, f"its MD5 is not the published {archive.md5}")


def unpack(path: Path, archive: Archive, folder: Path, fault: Fault) -> None:
    """Unpacks what is wanted of an archive to `folder`, which is there when all of it is. Files of
    other names, links and whatever else is in it are left.

    Raises:
        DataError: it is not as published, or cannot be unpacked.
        OSError: the disk is full.
    """
    check(path, archive, fault)
    draft = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        for name, size, file in _members(path, re.compile(archive.members)):
            look()
            _copy(file, size, draft / name)
        os.replace(draft, folder)
    except _BROKEN as error:
        let_full_disks_pass(error)
        raise fault(path, f"it could not be unpacked to {folder} ({error})") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _copy(file: BufferedIOBase, size: int, target: Path) -> None:
    make_folder(target.parent)
    with writing(target, size), target.open("xb") as copy:
        shutil.copyfileobj(file, copy, PART)


def _members(path: Path, wanted: re.Pattern) -> Iterator[tuple[str, int, BufferedIOBase]]:
    """Name below the folder, bytes and content of what is wanted."""
    for name, size, opened in _zipped(path) if path.suffix == ".zip" else _tarred(path):
        match = wanted.fullmatch(name)
        if match:
            with opened() as file:
                yield match[1], size, file


def _zipped(path: Path) -> Iterator[tuple[str, int, Callable]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, info.file_size, lambda info=info: archive.open(info)


def _tarred(path: Path) -> Iterator[tuple[str, int, Callable]]:
    with tarfile.open(path, "r|*") as archive:  # as a stream: it is packed as a whole
        for info in archive:
            if info.isreg():
                yield info.name, info.size, lambda info=info: archive.extractfile(info)
