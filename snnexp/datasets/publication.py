"""What was published under the names of the sets of photographs, and how to get it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from snnexp.datasets.published import download, download_command, unpack_imagenet

_ARCHIVES = "ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar"
_SIZES = {"imagenette2": "full", "imagenette2-320": "320px", "imagenette2-160": "160px"}
"""torchvision's word for the images of each archive of Imagenette."""


@dataclass(frozen=True)
class Publication:
    """What was published under a name.

    Args:
        classes: number of folders in `train` and in `val`.
        images: number of images in `train` and in `val`.
        archives: what is unpacked to get the folders.
        remedy: how to get them.
        fetch: does what can be done without the user. Raises `DataError`.
    """

    classes: int
    images: tuple[int, int]
    archives: str
    remedy: str
    fetch: Callable[[], None]


def _imagenet(base: Path, folder: Path) -> Publication:
    root = base / folder.expanduser()
    remedy = (
        f"register at image-net.org, put {_ARCHIVES} with ILSVRC2012_devkit_t12.tar.gz into "
        f"{root} and type "
        "`snnexp data prepare imagenet`; or set dataset.folder (below data_dir) to where "
        "train and val are, "
        "both sorted into class folders"
    )
    return Publication(
        1000, (1_281_167, 50_000), _ARCHIVES, remedy, partial(unpack_imagenet, root, remedy)
    )


def _imagenette(base: Path, folder: Path) -> Publication:
    name = folder.name if folder.name in _SIZES else "imagenette2-160"
    size = _SIZES[name]
    command = download_command("Imagenette", base, size=size)
    remedy = f"{command}; or unpack {name}.tgz by fastai and set dataset.folder (below data_dir)"
    fetch = partial(download, "Imagenette", base, size=size)
    return Publication(10, (9_469, 3_925), f"{name}.tgz", remedy, fetch)


PUBLICATIONS: dict[str, Callable[[Path, Path], Publication]] = {
    "ImageNet": _imagenet,
    "Imagenette": _imagenette,
}
"""From the folder of all data, and that of the set seen from there, to what is expected in it."""
