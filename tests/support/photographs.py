"""Small pictures in the layouts of ImageNet and of a folder of one's own."""

import numpy as np
from PIL import Image


def write_class_folders(root, classes, train, test):
    """`classes` folders in train and val; the images are dealt out to them in turn."""
    random = np.random.default_rng(1)
    for part, count in (("train", train), ("val", test)):
        folders = [root / part / f"n{number:08d}" for number in range(classes)]
        for folder in folders:
            folder.mkdir(parents=True)
        for number in range(count):
            label, name = number % classes, f"{part}_{number:08d}.JPEG"
            photograph(random, 24 + number % 9, 20 + number % 5).save(
                folders[label] / name, quality=95
            )


def photograph(random, width, height):
    """Every pixel another colour, but neighbours alike, so that JPEG keeps what there is."""
    coarse = Image.fromarray(random.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def write_pictures(root, names=("left", "right"), train=4, test=2, side=8):
    """Pictures that are bright on one side, another one for each class, in `train` and `test`."""
    random = np.random.default_rng(1)
    for part, count in (("train", train), ("test", test)):
        for label, name in enumerate(names):
            (root / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 30, (side, side), dtype=np.uint8)
                pixels[:, label * side // len(names) : (label + 1) * side // len(names)] += 200
                Image.fromarray(pixels).save(root / part / name / f"{number}.png")
    return root
