"""Augmentations that do what a test is about, and nothing else."""

from typing import Any

from snnexp.datasets.augmentation import Augmentation


def augmentation(**changes: Any) -> Augmentation:
    """One that changes nothing but what it is told to."""
    nothing = {"rotation": 0.0, "shift": 0.0, "zoom": [1.0, 1.0]}
    nothing |= {"crop_padding": 0, "crop_border": "zero", "flip": False}
    return Augmentation(**nothing | {"auto_augment": None, "cutout": 0} | changes)
