"""Whether a run can write where it is to write: found out before anything is read, and nothing is
written elsewhere instead.
"""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from snnexp.errors import ConfigError

FILES = (
    *(
        "config.yaml",
        "metrics.jsonl",
        "train.log",
        "status.json",
        "result.json",
        "weights.safetensors",
        "error.txt",
        "overrides.json",
        "command.json",
    ),
    *("not_finite.json", "wandb/id", "wandb/lock"),
)
FOLDERS = ("checkpoints", "wandb")
REFUSALS = (
    *(
        errno.EEXIST,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
    ),
)
"""What the system says where a folder cannot be made or written to."""
REMEDY = "choose another folder with hydra.run.dir=PATH or output_dir=DIR, or mend this one"


def refuse_unusable(
    folder: Path, files: tuple[str, ...] = FILES, folders: tuple[str, ...] = FOLDERS
) -> None:
    """Raises `ConfigError` with all that keeps a run from writing into `folder`."""
    wrong = [*_wrong(folder, files, folders)]
    if wrong:
        raise ConfigError(
            "\n".join([f"{folder} cannot be used: {REMEDY}", *(f"  {each}" for each in wrong)])
        )


def _wrong(folder: Path, files: tuple[str, ...], folders: tuple[str, ...]) -> Iterator[str]:
    if folder.exists() and not folder.is_dir():
        yield f"{folder}: a file is in its place"
        return
    near = next((each for each in (folder, *folder.absolute().parents) if each.exists()), folder)
    if not os.access(near, os.W_OK | os.X_OK):
        yield (
            f"{near}: nothing can be written there (no permission, or a file system that is read "
            "only)"
        )
        return
    for name in (*files, *folders):
        yield from _misfit(folder / name, name in folders)


def _misfit(path: Path, is_folder: bool) -> Iterator[str]:
    if path.is_symlink() and not path.exists():
        yield f"{path}: a link that leads nowhere is in its place"
    elif path.exists() and not (path.is_dir() if is_folder else path.is_file()):
        yield f"{path}: {_kind(path)} is in its place"
    elif path.exists() and not os.access(path, os.W_OK):
        yield f"{path}: cannot be written (no permission)"


def _kind(path: Path) -> str:
    return (
        "a folder"
        if path.is_dir()
        else "a file"
        if path.is_file()
        else "a named pipe, a device or the like"
    )


def unmade(error: OSError) -> str | None:
    """In words, that the folder of a run could not be made; None where an error says something
    else.
    """
    if error.errno not in REFUSALS or error.filename is None:
        return None
    return f"{error.filename}: the folder of the run cannot be made ({error.strerror}); {REMEDY}"
