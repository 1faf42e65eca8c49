"""A folder of one's own images."""

from pathlib import Path
from typing import Any

from snnexp.datasets.dataset import Dataset
from snnexp.datasets.folder import FolderImages
from snnexp.limits import Count, Natural, Seed


def image_folder(
    data_dir: str,
    folder: str,
    size: Count,
    validation: Natural,
    split_seed: Seed,
    mean: list[float],
    std: list[float],
    augmentation: dict[str, Any],
) -> Dataset:
    """Colour images sorted into folders: `train/<class>/*` and `test/<class>/*` or `val/<class>/*`.

    The shorter side is brought to `size` and the middle square is cut out; the result is held in memory (3 size^2 bytes per image) and
    kept in `<folder>/.cache`, where it is used until a file is added, removed or changed. Classes are numbered by sorted name. Where
    there is a `test`, `val` is not used. Files of other kinds, hidden ones and those in folders below a class are not used, and counted.
    A file is read as a person sees it: 16 bits as 8, transparency over white, turned as the camera says (`pictures.opened`).

    Args:
        data_dir: may start with `~`.
        folder: where `train` is, seen from `data_dir`; `.` for `data_dir` itself.
        size: side of the images in pixels, >= 1.
        validation: number of training samples held out, >= 0.
        split_seed: of the choice of the samples held out.
        mean: one number per channel, of pixels in [0, 1].
        std: one number per channel, > 0.
        augmentation: crop_padding, crop_border, flip, auto_augment, cutout.
    """
    root = Path(data_dir).expanduser() / Path(folder).expanduser()
    return Dataset(FolderImages(root, size), validation, split_seed, mean, std, augmentation)
