"""Small photographs in the layout of ImageNet."""

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
            photograph(random, 24 + number % 9, 20 + number % 5).save(folders[label] / name, quality=95)


def photograph(random, width, height):
    """Every pixel another colour, but neighbours alike, so that JPEG keeps what there is."""
    coarse = Image.fromarray(random.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)
