"""ImageNet."""

from functools import partial
from pathlib import Path
from typing import Any

from snnexp.datasets.class_folders import ClassFolders, Publication
from snnexp.datasets.dataset import Dataset
from snnexp.datasets.published import unpack_imagenet
from snnexp.datasets.resized_crop import ResizedCrop
from snnexp.limits import Count, Natural, Seed

_ARCHIVES = "ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar"


def imagenet(
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
    """ImageNet: the photographs of the ILSVRC 2012 challenge, 1281167 for training and 50000 (`val`) for testing, 1000 classes.

    They are decoded in every epoch by worker processes, while the device computes. Training sees a random part of each, resized;
    evaluation the middle square of the image whose shorter side is `size` * 256 / 224. Files are read as a person sees them, turned as the
    camera says (`pictures.opened`).

    Source: Russakovsky et al. 2015.

    Args:
        data_dir: may start with `~`.
        folder: where `train` and `val` are, seen from `data_dir`: torchvision's layout, `{train,val}/<wnid>/*.JPEG`.
        size: side of the images in pixels, >= 1.
        workers: number of processes that read, >= 0; it changes nothing but the speed.
        validation: number of training samples held out, >= 0.
        split_seed: of the choice of the samples held out.
        mean: one number per channel, of pixels in [0, 1].
        std: one number per channel, > 0.
        augmentation: scale, ratio, flip.
    """
    root = Path(data_dir).expanduser() / Path(folder).expanduser()
    remedy = (
        f"register at image-net.org, put {_ARCHIVES} with ILSVRC2012_devkit_t12.tar.gz into {root} and type "
        "`snnexp data prepare imagenet`; or set dataset.folder (below data_dir) to where train and val are, both sorted into class folders"
    )
    publication = Publication(1000, (1_281_167, 50_000), _ARCHIVES, remedy, partial(unpack_imagenet, root, remedy))
    return Dataset(ClassFolders(root, publication, size, workers), validation, split_seed, mean, std, augmentation, ResizedCrop)
