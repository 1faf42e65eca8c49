"""The official archives of the CIFAR sets: which files hold what, and what the classes are
called.
"""

from typing import NamedTuple


class Layout(NamedTuple):
    """What an archive unpacks to.

    `train` are the files with the training samples, in order, and `key` is the name of the labels
    in them.
    """

    folder: str
    train: tuple[str, ...]
    test: str
    key: str
    class_names: tuple[str, ...]


LAYOUTS = {
    "CIFAR10": Layout(
        folder="cifar-10-batches-py",
        train=tuple(f"data_batch_{number}" for number in range(1, 6)),
        test="test_batch",
        key="labels",
        class_names=tuple("airplane automobile bird cat deer dog frog horse ship truck".split()),
    ),
    "CIFAR100": Layout(
        folder="cifar-100-python",
        train=("train",),
        test="test",
        key="fine_labels",
        class_names=tuple(
            """
            apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
            butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach
            couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster
            house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
            motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
            pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket
            rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
            sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip
            turtle wardrobe whale willow_tree wolf woman worm
            """.split()
        ),
    ),
}
"""By torchvision's name for the set."""
