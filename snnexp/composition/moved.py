"""Data sets as configurations named them before they had parts, and the same as they are named
now.
"""

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

from snnexp.composition.short import DATASET

PIXELS = "snnexp.datasets.pixels.Pixels"
AUGMENTATION = "snnexp.datasets.augmentation.Augmentation"
RESIZED_CROP = "snnexp.datasets.resized_crop.ResizedCrop"
_IDX = "snnexp.datasets.idx.IdxFiles"
_CIFAR = "snnexp.datasets.cifar.CifarFiles"
_CLASS_FOLDERS = "snnexp.datasets.class_folders.ClassFolders"


class Former(NamedTuple):
    """What a function stood for that made a whole data set.

    `source` has what the function knew itself; `settings` says where those that it was given stand
    below the source; `augmentation` is the component whose settings it was given as a plain
    mapping.
    """

    source: dict[str, Any]
    settings: dict[str, str]
    augmentation: str = AUGMENTATION


def _same(*keys: str) -> dict[str, str]:
    return {key: key for key in keys}


_FILES = _same("data_dir")
_PHOTOGRAPHS = _same("data_dir", "folder", "size", "workers")
FORMER: dict[str, Former] = {
    "snnexp.datasets.mnist.mnist": Former({"_target_": _IDX, "name": "MNIST"}, _FILES),
    "snnexp.datasets.fashion_mnist.fashion_mnist": Former(
        {"_target_": _IDX, "name": "FashionMNIST"}, _FILES
    ),
    "snnexp.datasets.mnist16.mnist16": Former(
        {
            "_target_": "snnexp.datasets.shrunk.Shrunk",
            "source": {"_target_": _IDX, "name": "MNIST"},
        },
        {"data_dir": "source.data_dir", "crop": "crop", "size": "size"},
    ),
    "snnexp.datasets.cifar10.cifar10": Former({"_target_": _CIFAR, "name": "CIFAR10"}, _FILES),
    "snnexp.datasets.cifar100.cifar100": Former({"_target_": _CIFAR, "name": "CIFAR100"}, _FILES),
    "snnexp.datasets.digits.digits": Former(
        {"_target_": "snnexp.datasets.digits.EmbeddedDigits"},
        _same("data_dir", "test_share", "split_seed"),
    ),
    "snnexp.datasets.image_folder.image_folder": Former(
        {"_target_": "snnexp.datasets.folder.FolderImages"}, _same("data_dir", "folder", "size")
    ),
    "snnexp.datasets.imagenet.imagenet": Former(
        {"_target_": _CLASS_FOLDERS, "name": "ImageNet"}, _PHOTOGRAPHS, RESIZED_CROP
    ),
    "snnexp.datasets.imagenette.imagenette": Former(
        {"_target_": _CLASS_FOLDERS, "name": "Imagenette"}, _PHOTOGRAPHS, RESIZED_CROP
    ),
}
"""By the name that it had in configurations."""
_KEPT = ("validation", "split_seed")
_NORMALISATION = ("mean", "std")


def upgraded(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """A data set as it is named now; one that was never named otherwise as it is."""
    former = FORMER.get(str(dataset.get("_target_")))
    if former is None:
        return dict(dataset)
    source = copy.deepcopy(former.source)
    for key, path in former.settings.items():
        if key in dataset:
            _put(source, path, dataset[key])
    parts = {
        "source": source,
        "normalisation": {"_target_": PIXELS} | _some(dataset, _NORMALISATION),
    }
    augmentation = dataset.get("augmentation")
    if isinstance(augmentation, Mapping):
        parts["augmentation"] = {"_target_": former.augmentation, **augmentation}
    taken = {"_target_", *_NORMALISATION, *former.settings} - {*_KEPT}
    return (
        {"_target_": DATASET}
        | {key: value for key, value in dataset.items() if key not in taken}
        | parts
    )


def as_before(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """A data set as it was named before, where it had such a name: by this name the hashes of runs
    go.
    """
    for target, former in FORMER.items():
        settings = _former_settings(dataset, former)
        if settings is not None:
            return {"_target_": target} | settings
    return dict(dataset)


def _former_settings(dataset: Mapping[str, Any], former: Former) -> dict[str, Any] | None:
    """What the function was given; None where it could not make this data set."""
    parts: dict[str, Any] = {
        key: dataset.get(key) for key in ("source", "normalisation", "augmentation")
    }
    if dataset.get("_target_") != DATASET or not all(
        isinstance(part, Mapping) for part in parts.values()
    ):
        return None
    source, normalisation, augmentation = (copy.deepcopy(dict(part)) for part in parts.values())
    settings = {
        key: _taken(source, path) for key, path in former.settings.items() if _has(source, path)
    }
    targets = normalisation.pop("_target_", None), augmentation.pop("_target_", None)
    kept = {key: value for key, value in dataset.items() if key not in ("_target_", *parts)}
    at_odds = any(kept[key] != settings[key] for key in kept if key in settings)
    if source != former.source or targets != (PIXELS, former.augmentation) or at_odds:
        return None
    return kept | settings | normalisation | {"augmentation": augmentation}


def _some(node: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: node[key] for key in keys if key in node}


def _owner(node: Any, path: str) -> tuple[Any, str]:
    *parents, key = path.split(".")
    for parent in parents:
        node = node.get(parent) if isinstance(node, dict) else None
    return node, key


def _has(node: dict[str, Any], path: str) -> bool:
    owner, key = _owner(node, path)
    return isinstance(owner, dict) and key in owner


def _put(node: dict[str, Any], path: str, value: Any) -> None:
    owner, key = _owner(node, path)
    owner[key] = value


def _taken(node: dict[str, Any], path: str) -> Any:
    owner, key = _owner(node, path)
    return owner.pop(key)
