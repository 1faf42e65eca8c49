"""CIFAR-10."""

from typing import Any

from snnexp.datasets.cifar import CifarFiles
from snnexp.datasets.dataset import Dataset
from snnexp.limits import Natural, Seed

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def cifar10(
    data_dir: str, validation: Natural, split_seed: Seed, mean: list[float], std: list[float], augmentation: dict[str, Any]
) -> Dataset:
    """CIFAR-10: the 32 x 32 colour photographs of Krizhevsky (2009), 50000 for training and 10000 for testing, 10 classes.

    Args:
        data_dir: folder that holds `cifar-10-batches-py`; may start with `~`.
        validation: number of training samples held out, >= 0.
        split_seed: of the choice of the samples held out.
        mean: one number per channel, of pixels in [0, 1].
        std: one number per channel, > 0.
        augmentation: crop_padding, crop_border, flip, auto_augment, cutout.
    """
    source = CifarFiles(
        data_dir,
        "CIFAR10",
        "cifar-10-batches-py",
        train=[f"data_batch_{number}" for number in range(1, 6)],
        test="test_batch",
        key="labels",
        class_names=CLASSES,
    )
    return Dataset(source, validation, split_seed, mean, std, augmentation)
