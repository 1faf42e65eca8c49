"""What torchvision knows about published archives: their hashes and how to download them.

torchvision is imported only when it is needed: it takes longer to import than a configuration to check.
"""

from pathlib import Path
from typing import Any

from snnexp.datasets.base import DataError


def download_command(name: str, root: Path, **options: str) -> str:
    """What a user types to get the archive of torchvision's class `name`."""
    chosen = "".join(f", {key}={value!r}" for key, value in options.items())
    return f'python -c "import torchvision; torchvision.datasets.{name}({str(root)!r}{chosen}, download=True)"'


def torchvision_class(name: str) -> Any:
    """torchvision's own class, whose attributes hold the official file names and MD5s."""
    import torchvision.datasets

    return getattr(torchvision.datasets, name)


def has_md5(path: Path, md5: str) -> bool:
    """Whether the file is there and is the published one."""
    from torchvision.datasets.utils import check_integrity

    return check_integrity(path, md5)


def download(name: str, root: Path, **options: str) -> None:
    """Lets torchvision download and unpack an archive; one that is already there is only unpacked. Raises `DataError`."""
    try:
        torchvision_class(name)(root, **options, download=True)
    except (OSError, RuntimeError, EOFError) as error:
        wrong = f"{root}: torchvision could not download {name} ({type(error).__name__})"
        raise DataError(f"{wrong}. Remedy, on a machine with network: {download_command(name, root, **options)}") from error


def unpack_imagenet(root: Path, remedy: str) -> None:
    """Lets torchvision check and unpack the archives of ImageNet that are in `root`. Raises `DataError`."""
    from torchvision.datasets import ImageNet

    try:
        for split in ("train", "val"):
            ImageNet(root, split)
    except (OSError, RuntimeError, EOFError) as error:
        raise DataError(f"{root}: torchvision could not unpack ImageNet ({error}). Remedy: {remedy}") from error
