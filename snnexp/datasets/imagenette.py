"""Imagenette."""

from functools import partial
from pathlib import Path
from typing import Any

from snnexp.datasets.class_folders import ClassFolders, Publication
from snnexp.datasets.dataset import Dataset
from snnexp.datasets.published import download, download_command
from snnexp.datasets.resized_crop import ResizedCrop
from snnexp.limits import Count, Natural, Seed

_SIZES = {"imagenette2": "full", "imagenette2-320": "320px", "imagenette2-160": "160px"}
"""torchvision's word for the images of each archive."""


def imagenette(
    data_dir: str,
    folder: str,
    size: Count,
    workers: Natural,
    validation: Natural,
    split_seed: Seed,
    mean: list[float],
    std: list[float],
    augmentation: dict[str, Any],
) -> Dataset:
    """Imagenette: ten easily told classes of ImageNet by fastai, 9469 photographs for training and 3925 (`val`) for testing.

    Read like `imagenet`; what takes days there takes minutes here.

    Source: Howard 2019, second edition of the split.

    Args:
        data_dir: may start with `~`.
        folder: where `train` and `val` are, seen from `data_dir`: `imagenette2-160` (shorter side 160 pixels), `imagenette2-320`, or
            `imagenette2` (as in ImageNet).
        size: side of the images in pixels, >= 1.
        workers: number of processes that read, >= 0; it changes nothing but the speed.
        validation: number of training samples held out, >= 0.
        split_seed: of the choice of the samples held out.
        mean: one number per channel, of pixels in [0, 1].
        std: one number per channel, > 0.
        augmentation: scale, ratio, flip.
    """
    base = Path(data_dir).expanduser()
    name = Path(folder).name
    archive = f"{name if name in _SIZES else 'imagenette2-160'}.tgz"
    images = _SIZES[archive.removesuffix(".tgz")]
    remedy = f"{download_command('Imagenette', base, size=images)}; or unpack {archive} by fastai and set dataset.folder (below data_dir)"
    publication = Publication(10, (9_469, 3_925), archive, remedy, partial(download, "Imagenette", base, size=images))
    return Dataset(
        ClassFolders(base / Path(folder).expanduser(), publication, size, workers),
        validation,
        split_seed,
        mean,
        std,
        augmentation,
        ResizedCrop,
    )
