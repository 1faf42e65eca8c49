"""Fashion-MNIST."""

from typing import Any

from snnexp.datasets.dataset import Dataset
from snnexp.datasets.idx import IdxFiles
from snnexp.limits import Natural, Seed

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def fashion_mnist(
    data_dir: str, validation: Natural, split_seed: Seed, mean: list[float], std: list[float], augmentation: dict[str, Any]
) -> Dataset:
    """Fashion-MNIST: the 28 x 28 articles of clothing of Xiao et al. (2017), 60000 for training and 10000 for testing, 10 classes.

    Args:
        data_dir: folder that holds `FashionMNIST/raw`; may start with `~`.
        validation: number of training samples held out, >= 0.
        split_seed: of the choice of the samples held out.
        mean: one number, of pixels in [0, 1].
        std: one number, > 0.
        augmentation: crop_padding, crop_border, flip, auto_augment, cutout.
    """
    return Dataset(IdxFiles(data_dir, "FashionMNIST", CLASSES), validation, split_seed, mean, std, augmentation)
