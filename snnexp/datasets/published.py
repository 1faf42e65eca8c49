"""What torchvision knows about published archives: their hashes and how to download them.

torchvision is imported only when it is needed: it takes longer to import than a configuration to
check.
"""

import hashlib
import logging
import os
import shutil
from pathlib import Path
from typing import Any

from snnexp.datasets.base import DataError
from snnexp.files.disk import FULL
from snnexp.files.foreign import Unreadable, read_regular

LARGEST = 2**28
"""Bytes of a file of a published set; the largest official one has 155 million."""
MD5 = {
    "MNIST": {
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    },
    "FashionMNIST": {
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    "CIFAR10": {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
    },
    "CIFAR100": {
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    },
}
"""Published hashes of the files of each set, by torchvision's name for it; a test compares them
with torchvision's own.
"""
logger = logging.getLogger(__name__)


def download_command(name: str, root: Path, **options: str) -> str:
    """What a user types to get the archive of torchvision's class `name`."""
    chosen = "".join(f", {key}={value!r}" for key, value in options.items())
    return (
        f'python -c "import torchvision; torchvision.datasets.{name}({str(root)!r}{chosen}, '
        'download=True)"'
    )


def torchvision_class(name: str) -> Any:
    """torchvision's own class, whose attributes hold the official file names and MD5s."""
    import torchvision.datasets

    return getattr(torchvision.datasets, name)


def say_unpublished(name: str, folder: Path) -> None:
    """One line of the files in `folder` that are there and are not the published ones: damaged, or
    of another set in the same form.
    """
    others = [file for file, md5 in MD5[name].items() if _is_another(folder / file, md5)]
    if others:
        logger.warning(
            "%s: %s used, but not as published; `snnexp data verify` says more",
            folder,
            ", ".join(others),
        )


def _is_another(path: Path, md5: str) -> bool:
    try:
        return md5_of(read_regular(path, LARGEST)) != md5
    except Unreadable:  # whoever needs it says so
        return False


def md5_of(content: bytes) -> str:
    """The hash under which files are published; against damage, not against forgery."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def download(name: str, root: Path, **options: str) -> None:
    """Lets torchvision download and unpack an archive, whose hash it compares; one that is already
    there is only unpacked.

    Raises:
        DataError: that did not work.
        OSError: the disk is full.
    """
    try:
        torchvision_class(name)(root, **options, download=True)
    except Exception as error:  # of the network, the disk, the archive, each with errors of its own
        let_full_disks_pass(error)
        wrong = f"{root}: torchvision could not download {name} ({type(error).__name__}: {error})"
        raise DataError(
            f"{wrong}. Remedy, on a machine with network: {download_command(name, root, **options)}"
        ) from error


def unpack_imagenet(root: Path, remedy: str) -> None:
    """Lets torchvision check and unpack the archives of ImageNet that are in `root`; a folder has
    its name only when it is whole.

    Raises:
        DataError: that did not work.
        OSError: the disk is full.
    """
    from torchvision.datasets import imagenet

    try:
        if not (root / imagenet.META_FILE).is_file():
            imagenet.parse_devkit_archive(root)
        for name, unpack in (
            ("train", imagenet.parse_train_archive),
            ("val", imagenet.parse_val_archive),
        ):
            if not (root / name).is_dir():
                draft = root / f".{name}.unpacking"
                shutil.rmtree(draft, ignore_errors=True)
                unpack(root, folder=draft.name)
                os.replace(draft, root / name)
    except Exception as error:  # of the disk and of the archives, each with errors of its own
        let_full_disks_pass(error)
        raise DataError(
            f"{root}: torchvision could not unpack ImageNet ({error}). Remedy: {remedy}"
        ) from error


def let_full_disks_pass(error: Exception) -> None:
    """Raises an error that says that memory or a disk is full; another attempt does not help it."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in FULL):
        raise error
