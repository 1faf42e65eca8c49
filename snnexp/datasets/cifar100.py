"""CIFAR-100."""

from typing import Any

from snnexp.datasets.cifar import CifarFiles
from snnexp.datasets.dataset import Dataset
from snnexp.limits import Natural


def cifar100(
    data_dir: str, validation: Natural, split_seed: Natural, mean: list[float], std: list[float], augmentation: dict[str, Any]
) -> Dataset:
    """CIFAR-100: the 32 x 32 colour photographs of Krizhevsky (2009), 50000 for training and 10000 for testing, 100 classes.

    Args:
        data_dir: folder that holds `cifar-100-python`; may start with `~`.
        validation: number of training samples held out, >= 0.
        split_seed: of the choice of the samples held out.
        mean: one number per channel, of pixels in [0, 1].
        std: one number per channel, > 0.
        augmentation: crop_padding, flip, auto_augment, cutout.
    """
    source = CifarFiles(data_dir, "CIFAR100", "cifar-100-python", train=["train"], test="test", key="fine_labels", classes=100)
    return Dataset(source, validation, split_seed, mean, std, augmentation)
