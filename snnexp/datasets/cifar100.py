"""CIFAR-100."""

from typing import Any

from snnexp.datasets.cifar import CifarFiles
from snnexp.datasets.dataset import Dataset
from snnexp.limits import Natural, Seed

CLASSES = tuple(
    """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle caterpillar cattle
    chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house
    kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
    otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark
    shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
    train trout tulip turtle wardrobe whale willow_tree wolf woman worm
    """.split()
)


def cifar100(
    data_dir: str, validation: Natural, split_seed: Seed, mean: list[float], std: list[float], augmentation: dict[str, Any]
) -> Dataset:
    """CIFAR-100: the 32 x 32 colour photographs of Krizhevsky (2009), 50000 for training and 10000 for testing, 100 classes.

    Args:
        data_dir: folder that holds `cifar-100-python`; may start with `~`.
        validation: number of training samples held out, >= 0.
        split_seed: of the choice of the samples held out.
        mean: one number per channel, of pixels in [0, 1].
        std: one number per channel, > 0.
        augmentation: crop_padding, crop_border, flip, auto_augment, cutout.
    """
    source = CifarFiles(data_dir, "CIFAR100", "cifar-100-python", train=["train"], test="test", key="fine_labels", class_names=CLASSES)
    return Dataset(source, validation, split_seed, mean, std, augmentation)
