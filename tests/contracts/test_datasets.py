"""Every dataset option: reading, splitting, batching and augmenting, on small files in the official
layouts.
"""

import gzip
import hashlib
import itertools
import math
import os
import pickle
import struct

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from snnexp.configuration.build import component
from snnexp.configuration.check import component_faults
from snnexp.datasets import cache, digits_dvs, published, squares
from snnexp.datasets.base import TEST_OFFSET, DataError, Split
from snnexp.datasets.batches import Batches
from snnexp.datasets.dataset import drawn
from snnexp.datasets.digits import drawn_per_class, table
from snnexp.datasets.pixels import Pixels
from snnexp.errors import ConfigError
from snnexp.noise import sample_keys, uniform
from tests.support.augmented import augmentation
from tests.support.options import build_option, options, settings
from tests.support.photographs import write_class_folders
from tests.support.recordings import (
    write_cifar10_dvs,
    write_dvs_gesture,
    write_event_folder,
    write_nmnist,
)

RESIZED_CROP = "snnexp.datasets.resized_crop.ResizedCrop"
NONE = augmentation(crop_padding=0, crop_border="zero", flip=False, auto_augment=None, cutout=0)
TRAIN, TEST = 30, 20
OWN = {
    "imagenet": {"workers": 0},
    "imagenette": {"workers": 0},
    "event_folder": {"folder": "recordings"},
}
"""Settings that keep tests short or say where a set is."""
EMBEDDED = ("digits", "digits_dvs")
EVENTS = ("cifar10_dvs", "digits_dvs", "dvs_gesture", "event_folder", "nmnist")
ARCHIVES = {
    "mnist": "MNIST",
    "mnist16": "MNIST",
    "fashion_mnist": "FashionMNIST",
    "cifar10": "CIFAR10",
    "cifar100": "CIFAR100",
}


# Small files in the official layouts


def idx(array):
    return (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.tobytes()
    )


def write_idx(folder, packed=False):
    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    for part, count in (("train", TRAIN), ("t10k", TEST)):
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for name, array in (
            (f"{part}-images-idx3-ubyte", images),
            (f"{part}-labels-idx1-ubyte", labels),
        ):
            path = folder / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))


def write_cifar(folder, names, key, classes):
    folder.mkdir()
    random = np.random.default_rng(1)
    for name in names:
        count = TEST if name.startswith("test") else TRAIN // (len(names) - 1)
        content = {
            "data": random.integers(0, 256, (count, 3072), dtype=np.uint8),
            key: [i % classes for i in range(count)],
        }
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))


def write_folder(root, test="test"):
    for part, count in (("train", TRAIN // 2), (test, TEST // 2)):
        for shade, label in ((200, "owl"), (100, "cat")):
            (root / part / label).mkdir(parents=True)
            for i in range(count):
                suffix = (".png", ".bmp", ".JPG", ".webp", ".jpeg")[i % 5]
                Image.new("RGB", (80, 70 + i), (shade, i, 0)).save(
                    root / part / label / f"{i:02d}{suffix}", quality=100
                )


def write_all(root):
    write_idx(root / "MNIST" / "raw")
    write_idx(root / "FashionMNIST" / "raw")
    write_cifar(
        root / "cifar-10-batches-py",
        [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"],
        "labels",
        10,
    )
    write_cifar(root / "cifar-100-python", ["train", "test"], "fine_labels", 100)
    write_folder(root)
    write_class_folders(root / "imagenet", 1000, TRAIN, TEST)
    write_class_folders(root / "imagenette2-160", 10, TRAIN, TEST)
    write_nmnist(root / "NMNIST", TRAIN, TEST)
    write_cifar10_dvs(root / "CIFAR10DVS", TRAIN, TEST)
    write_dvs_gesture(root / "DvsGesture", TRAIN, TEST)
    write_event_folder(root / "recordings", TRAIN, TEST)
    return root


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("data"))


@pytest.fixture(autouse=True)
def few_recordings(monkeypatch):
    """A camera before a hundred digits."""
    monkeypatch.setattr(digits_dvs, "table", lambda: table()[:100])


def option(name, root, **changes):
    return build_option("dataset", name, {"data_dir": str(root), **OWN.get(name, {}), **changes})


def pixels(split):
    return next(
        split.read([torch.arange(len(split))], torch.zeros(len(split), dtype=torch.int64), None)
    )


def synthetic(count, channels=3, side=12, first=0):
    generator = torch.Generator().manual_seed(count)
    images = torch.randint(
        1, 256, (count, channels, side, side), dtype=torch.uint8, generator=generator
    )
    return Split(images, torch.arange(count) % 7, torch.arange(first, first + count))


def batches(split, batch_size, augmentation=NONE, seed=3):
    channels = split.input.shape[1]
    return Batches(
        split, batch_size, Pixels([0.0] * channels, [1.0] * channels), augmentation, "cpu", seed
    )


def whole(epoch):
    """Images, labels and keys of an epoch, sorted by key."""
    images, labels, keys = (torch.cat(parts) for parts in zip(*epoch, strict=True))
    order = keys.argsort()
    return images[order], labels[order], keys[order]


# Every option


@pytest.mark.parametrize("name", options("dataset"))
def test_building_touches_no_data(name):
    dataset = option(name, "/nonexistent/\0")  # a path that no call of the system would accept
    if name in EVENTS:
        assert dataset.normalisation is None and dataset.shape[:2] == (8, 2)
        assert dataset.source.augmented == "frames"
    else:
        assert len(dataset.normalisation.mean) == len(dataset.normalisation.std) == dataset.shape[0]
    if name not in ("image_folder", "event_folder"):
        assert dataset.classes in (10, 11, 100, 1000)


@pytest.mark.slow
@pytest.mark.parametrize("name", options("dataset"))
def test_splits_have_the_announced_form(name, small):
    dataset = option(name, small)
    data = dataset.load()
    assert dataset.source.status() == "ready" and data.validation is None
    assert (data.classes, data.shape) == (dataset.classes, dataset.shape)
    for split in (data.train, data.test):
        assert pixels(split).dtype == torch.uint8 and pixels(split).shape == (
            len(split),
            *dataset.shape,
        )
        assert 0 <= split.labels.min() and split.labels.max() < dataset.classes
    assert data.train.index.max() < TEST_OFFSET <= data.test.index.min()
    if name not in EMBEDDED:
        assert (len(data.train), len(data.test)) == (TRAIN, TEST)
    if name not in (*EMBEDDED, "cifar10_dvs"):
        assert data.test.index.tolist() == list(range(TEST_OFFSET, TEST_OFFSET + TEST))


@pytest.mark.slow
@pytest.mark.parametrize("name", options("dataset"))
def test_validation_is_disjoint_and_seeded(name, small):
    def held(split_seed):
        data = option(name, small, validation=8, split_seed=split_seed, **own).load()
        return data.train.index.tolist(), data.validation.index.tolist(), data.validation

    own = {"test_share": 0.2} if name in EMBEDDED else {}
    train, validation, split = held(5)
    assert (
        len(validation) == 8
        and set(train).isdisjoint(validation)
        and validation == sorted(validation)
    )
    assert held(5)[1] == validation != held(6)[1]
    if name not in EMBEDDED:  # whose split_seed chooses the test samples, too
        full = option(name, small).load().train
        assert sorted(train + validation) == full.index.tolist()
        places = [full.index.tolist().index(number) for number in validation]
        assert torch.equal(pixels(full)[places], pixels(split)) and torch.equal(
            full.labels[places], split.labels
        )


@pytest.mark.parametrize("name", [name for name in options("dataset") if name not in EMBEDDED])
def test_missing_data_is_named_with_its_remedy(name, tmp_path):
    dataset = option(name, tmp_path)
    assert dataset.source.status().startswith(f"missing: {tmp_path}")
    with pytest.raises(DataError, match="missing") as error:
        dataset.load()
    assert str(tmp_path) in str(error.value)
    if name in ARCHIVES:
        assert f"torchvision.datasets.{ARCHIVES[name]}('{tmp_path}', download=True)" in str(
            error.value
        )


def test_home_is_expanded(small, monkeypatch):
    monkeypatch.setenv("HOME", str(small.parent))
    for name in ("mnist", "cifar10", "image_folder"):
        assert option(name, f"~/{small.name}").source.status() == "ready"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mean": [0.0]}, "mean.*3 channel"),
        ({"std": [1.0, 0.0, 1.0]}, "std.*> 0"),
        ({"std": [1.0, float("nan"), 1.0]}, "std"),
        ({"validation": 50_000}, "validation=50000.*49999"),
        ({"augmentation": {"crop_padding": 32, "crop_border": "reflect"}}, "crop_padding=31"),
        (
            {
                "augmentation": {
                    "_target_": RESIZED_CROP,
                    "scale": None,
                    "ratio": [1.0, 1.0],
                    "flip": True,
                }
            },
            (
                "ResizedCrop changes pictures, and CifarFiles has samples that are changed as "
                "batches.*augmentation=null"
            ),
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_data(changes, words):
    node = settings("dataset", "cifar10", **changes)
    node["augmentation"] = (
        {**changes.get("augmentation", {})}
        if "_target_" in changes.get("augmentation", {})
        else node["augmentation"]
    )
    with pytest.raises(ValueError, match=words):
        component(node)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"jitter": 1}, "dataset.augmentation.jitter: Augmentation takes no such argument"),
        (
            {"crop_padding": -1},
            "dataset.augmentation.crop_padding: expected a whole number >= 0, got -1",
        ),
        ({"flip": 1}, "dataset.augmentation.flip: expected true or false or 'alternating', got 1"),
        (
            {"auto_augment": "mnist"},
            (
                "dataset.augmentation.auto_augment: expected 'cifar10' or 'imagenet' or 'svhn' "
                "or null, got 'mnist'"
            ),
        ),
    ],
)
def test_settings_of_the_augmentation_are_checked_as_those_of_any_component(change, words):
    (fault,) = component_faults(settings("dataset", "cifar10", augmentation=change), "dataset")
    assert fault.startswith(words)


def test_a_setting_of_the_augmentation_that_is_missing_is_said():
    node = settings("dataset", "cifar10")
    del node["augmentation"]["cutout"]
    assert component_faults(node, "dataset") == [
        "dataset.augmentation.cutout: Augmentation needs it and the option does not set it"
    ]


def test_validation_of_all_samples_is_refused_when_read(small):
    with pytest.raises(ConfigError, match=f"validation={TRAIN}.*{TRAIN - 1}"):
        option("cifar10", small, validation=TRAIN).load()


# Formats


def test_idx_is_read_packed_or_unpacked(small, tmp_path):
    write_idx(tmp_path / "MNIST" / "raw", packed=True)
    packed, unpacked = option("mnist", tmp_path), option("mnist", small)
    assert packed.source.status() == "ready"
    assert torch.equal(packed.load().train.input, unpacked.load().train.input)
    first = (small / "MNIST" / "raw" / "t10k-images-idx3-ubyte").read_bytes()[16 : 16 + 28]
    assert unpacked.load().test.input[0, 0, 0].tolist() == list(first)


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("train-images-idx3-ubyte", lambda content: content[:-1], "announces"),
        ("train-images-idx3-ubyte", lambda content: content[:7], "header"),
        ("train-images-idx3-ubyte", lambda content: b"\0\0\x09" + content[3:], "header"),
        ("t10k-labels-idx1-ubyte", lambda content: content[:-1] + b"\x0a", "class numbers"),
        (
            "t10k-labels-idx1-ubyte",
            lambda content: idx(np.zeros(TEST - 1, np.uint8)),
            f"for {TEST - 1} labels",
        ),
        ("t10k-images-idx3-ubyte", lambda content: idx(np.zeros((TEST, 28, 27), np.uint8)), "27"),
    ],
)
def test_damaged_idx_is_named(name, damage, words, tmp_path):
    write_idx(tmp_path / "MNIST" / "raw")
    path = tmp_path / "MNIST" / "raw" / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=words) as error:
        option("mnist", tmp_path).load()
    assert "idx" in str(error.value) and str(path.parent) in str(error.value)


def test_damaged_gz_is_named(tmp_path):
    write_idx(tmp_path / "MNIST" / "raw", packed=True)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="train-images-idx3-ubyte.gz: unreadable"):
        option("mnist", tmp_path).load()


def test_cifar_batches_follow_each_other_channels_first(small):
    data = option("cifar10", small).load()
    batch = pickle.loads((small / "cifar-10-batches-py" / "data_batch_2").read_bytes())
    assert data.train.input[6:12].flatten(1).tolist() == batch["data"].tolist()
    assert data.train.labels[6:12].tolist() == batch["labels"]


class _Harmful:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps(_Harmful()),
        pickle.dumps([1]),
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0]}, protocol=2),
        pickle.dumps({"data": np.zeros((2, 3072)), "labels": [0, 1]}, protocol=2),
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 10]}, protocol=2),
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "fine_labels": [0, 1]}, protocol=2),
    ],
)
def test_damaged_cifar_is_named_and_runs_nothing(content, tmp_path, capsys):
    write_cifar(
        tmp_path / "cifar-10-batches-py",
        [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"],
        "labels",
        10,
    )
    (tmp_path / "cifar-10-batches-py" / "data_batch_3").write_bytes(content)
    with pytest.raises(DataError, match="data_batch_3: .*cifar-10-python.tar.gz"):
        option("cifar10", tmp_path).load()
    assert capsys.readouterr().out == ""


def test_mnist16_averages_the_middle(tmp_path):
    write_idx(tmp_path / "MNIST" / "raw")
    images = np.zeros((TRAIN, 28, 28), np.uint8)
    images[:, 2:26, 2:14] = 200  # the left half of what is kept
    images[:, :2] = 255  # outside
    (tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(idx(images))
    pixels = option("mnist16", tmp_path).load().train.input[0, 0]
    assert pixels.shape == (16, 16) and (pixels[:, :7] == 200).all() and (pixels[:, 9:] == 0).all()
    whole_size = option("mnist16", tmp_path, crop=28, size=28).load().train.input[:, 0]
    assert np.array_equal(whole_size.numpy(), images)
    with pytest.raises(ValueError, match="crop=29"):
        option("mnist16", tmp_path, crop=29)


def test_digits_are_split_by_class_with_the_seed():
    data = option("digits", "/nonexistent").load()
    assert len(data.train) + len(data.test) == 1797
    assert data.train.input.max() == data.test.input.max() == 255
    for label in range(10):
        tests, trains = (data.test.labels == label).sum(), (data.train.labels == label).sum()
        assert abs(tests / (tests + trains) - 0.2) < 0.004
    assert sorted(data.train.index.tolist() + (data.test.index - TEST_OFFSET).tolist()) == list(
        range(1797)
    )
    other = option("digits", "/nonexistent", split_seed=1).load()
    assert not torch.equal(other.test.index, data.test.index)


def test_a_share_leaves_something_on_both_sides():
    labels = torch.tensor([0, 0, 0, 1, 1])
    for share in (0.001, 0.999):
        chosen = drawn_per_class(labels, share, seed=0)
        assert [
            0 < (chosen & (labels == label)).sum() < (labels == label).sum() for label in (0, 1)
        ] == [True, True]


# Verify and prepare


def test_verify_knows_the_published_hashes(small):
    for name in ("cifar10", "cifar100"):
        with pytest.raises(DataError, match="MD5"):
            option(name, small).source.verify()
        with pytest.raises(DataError, match="missing"):
            option(name, small / "train").source.verify()
    assert (
        "0 .gz" in option("mnist", small).source.verify()
    )  # nothing was published about unpacked files


@pytest.mark.slow
def test_published_hashes_are_those_that_torchvision_compares(torchvision):
    for name in ("MNIST", "FashionMNIST"):
        assert list(published.MD5[name].items()) == [
            tuple(each) for each in getattr(torchvision.datasets, name).resources
        ]
    for name in ("CIFAR10", "CIFAR100"):
        theirs = getattr(torchvision.datasets, name)
        assert published.MD5[name] == dict([*theirs.train_list, *theirs.test_list])


@pytest.mark.slow
def test_verify_compares_gz_and_unpacked(tmp_path, monkeypatch, torchvision):
    folder = tmp_path / "MNIST" / "raw"
    write_idx(folder, packed=True)
    with pytest.raises(DataError, match="MD5"):
        option("mnist", tmp_path).source.verify()
    md5s = {
        path.name: torchvision.datasets.utils.calculate_md5(path)
        for path in sorted(folder.iterdir())
    }
    monkeypatch.setitem(published.MD5, "MNIST", md5s)
    assert "MD5 of 4" in option("mnist", tmp_path).source.verify()
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(TEST, np.uint8)))
    with pytest.raises(DataError, match="it is not what t10k-labels-idx1-ubyte.gz contains"):
        option("mnist", tmp_path).source.verify()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ARCHIVES))
def test_prepare_downloads_only_what_is_missing(name, small, tmp_path, monkeypatch, torchvision):
    roots = []

    def refused(self, root, download):
        roots.append((root, download))
        raise OSError("no network")

    monkeypatch.setattr(getattr(torchvision.datasets, ARCHIVES[name]), "__init__", refused)
    assert option(name, small).source.prepare().startswith("ready") and roots == []
    with pytest.raises(DataError, match=ARCHIVES[name]):
        option(name, tmp_path).source.prepare()
    assert roots == [(tmp_path, True)]


# Image folders


@pytest.mark.slow
def test_folder_classes_are_sorted_and_images_squared(tmp_path):
    write_folder(tmp_path, test="val")
    dataset = option("image_folder", tmp_path, size=16)
    data = dataset.load()
    assert dataset.classes == 2 and data.test.labels.tolist() == [0] * 10 + [1] * 10
    assert data.train.input[0, :, 5, 5].tolist() == [100, 0, 0]  # a PNG cat
    assert data.train.input[15, :, 5, 5].tolist() == [200, 0, 0]
    assert (
        option("image_folder", tmp_path.parent, folder=tmp_path.name, size=16).source.status()
        == "ready"
    )
    assert "30 training and 20 test" in dataset.source.verify()


def test_folder_keeps_the_middle(tmp_path):
    for part in ("train/one", "train/two", "test/one", "test/two"):
        (tmp_path / part).mkdir(parents=True)
        image = np.zeros((4, 8, 3), np.uint8)
        image[:, 2:6] = 255
        Image.fromarray(image).save(tmp_path / part / "wide.png")
    assert (option("image_folder", tmp_path, size=4).load().train.input == 255).all()
    assert option("image_folder", tmp_path, size=7).load().train.input.shape == (2, 3, 7, 7)


def decoded(monkeypatch):
    """Names of files as they are decoded."""
    names, original = [], squares.opened
    monkeypatch.setattr(squares, "opened", lambda path: names.append(path.name) or original(path))
    return names


@pytest.mark.slow
def test_folder_cache_is_built_again_after_any_change(tmp_path, monkeypatch):
    write_folder(tmp_path)
    names = decoded(monkeypatch)
    first = option("image_folder", tmp_path, size=8).load()
    assert len(names) == TRAIN + TEST
    again = option("image_folder", tmp_path, size=8).load()
    assert len(names) == TRAIN + TEST and torch.equal(again.train.input, first.train.input)
    Image.new("RGB", (9, 9), (7, 7, 7)).save(tmp_path / "train" / "cat" / "zz.png")
    assert len(option("image_folder", tmp_path, size=8).load().train) == TRAIN + 1
    os.utime(tmp_path / "test" / "owl" / "00.png", (1, 1))
    for changes in ({"size": 8}, {"size": 9}):
        names.clear()
        option("image_folder", tmp_path, **changes).load()
        assert len(names) == TRAIN + TEST + 1
    assert sorted(path.name for path in (tmp_path / ".cache").iterdir()) == [
        "size8.npz",
        "size9.npz",
    ]


@pytest.mark.slow
def test_half_written_cache_is_ignored(tmp_path, monkeypatch):
    write_folder(tmp_path)
    first = option("image_folder", tmp_path, size=8).load()
    kept = tmp_path / ".cache" / "size8.npz"
    content = kept.read_bytes()
    names = decoded(monkeypatch)
    for damaged in (
        content[: len(content) // 2],
        b"",
        content[:2000] + b"\xff" * 50 + content[2050:],
    ):
        names.clear()
        kept.write_bytes(damaged)
        assert torch.equal(
            option("image_folder", tmp_path, size=8).load().train.input, first.train.input
        )
        assert len(names) == TRAIN + TEST and len(kept.read_bytes()) == len(content)


def test_interrupted_writing_leaves_the_old_cache(tmp_path, monkeypatch):
    path = tmp_path / "kept.npz"
    cache.cached(path, "a", lambda: {"x": np.arange(3)})
    before = path.read_bytes()

    def interrupted(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(cache.np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cache.cached(path, "b", lambda: {"x": np.arange(4)})
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path, caplog):
    (tmp_path / "file").write_text("where the folder should be")
    arrays = cache.cached(tmp_path / "file" / "kept.npz", "a", lambda: {"x": np.arange(3)})
    assert arrays["x"].tolist() == [0, 1, 2] and "kept.npz could not be written" in caplog.text


@pytest.mark.slow
def test_damaged_or_misplaced_images_are_named(tmp_path):
    write_folder(tmp_path)
    path = tmp_path / "train" / "owl" / "03.webp"
    whole_image = path.read_bytes()
    path.write_bytes(whole_image[: len(whole_image) // 2])
    with pytest.raises(DataError, match=r"owl/03.webp: unreadable"):
        option("image_folder", tmp_path, size=8).load()
    path.write_bytes(whole_image)
    (tmp_path / "test" / "dog").mkdir()
    with pytest.raises(DataError, match=r"test/dog: there is no such class in train"):
        option("image_folder", tmp_path, size=8).load()
    (tmp_path / "empty" / "train").mkdir(parents=True)
    with pytest.raises(DataError, match="no folder of a class"):
        option("image_folder", tmp_path / "empty").load()
    (tmp_path / "empty" / "train" / "cat").mkdir()
    (tmp_path / "empty" / "test" / "cat").mkdir(parents=True)
    with pytest.raises(DataError, match="no image in it"):
        option("image_folder", tmp_path / "empty").load()


# Batches

FULL = augmentation(crop_padding=2, crop_border="zero", flip=True, auto_augment=None, cutout=3)


def test_same_epoch_same_batches_and_another_epoch_another_order():
    split = synthetic(40)
    first, again, other = (
        list(batches(split, 8, FULL).epoch(number, shuffle=True)) for number in (1, 1, 2)
    )
    assert all(
        torch.equal(a, b)
        for one, two in zip(first, again, strict=True)
        for a, b in zip(one, two, strict=True)
    )
    labels = [torch.cat([batch.labels for batch in epoch]) for epoch in (first, other)]
    assert not torch.equal(*labels) and torch.equal(
        labels[0].sort().values, labels[1].sort().values
    )
    reseeded = torch.cat(
        [batch.labels for batch in batches(split, 8, FULL, seed=4).epoch(1, shuffle=True)]
    )
    assert not torch.equal(labels[0], reseeded)


@pytest.mark.slow
def test_batch_size_and_neighbours_change_no_sample():
    split = synthetic(40)
    reference = whole(batches(split, 40, FULL).epoch(1, shuffle=True))
    for batch_size in (1, 7, 64):
        assert all(
            torch.equal(*pair)
            for pair in zip(
                reference, whole(batches(split, batch_size, FULL).epoch(1, True)), strict=True
            )
        )
    half = split.at(torch.arange(20, 40).flip(0))
    chosen = torch.isin(reference[2], sample_keys(3, 1, half.index))
    assert all(
        torch.equal(a[chosen], b)
        for a, b in zip(reference, whole(batches(half, 20, FULL).epoch(1, True)), strict=True)
    )


def test_order_covers_every_sample_and_is_no_simple_shift():
    split = synthetic(1000, channels=1, side=1)
    by_key = dict(zip(sample_keys(3, 1, split.index).tolist(), range(1000), strict=True))
    places = [
        by_key[key] for batch in batches(split, 32).epoch(1, True) for key in batch.keys.tolist()
    ]
    assert sorted(places) == list(range(1000))
    assert abs(np.corrcoef(places, range(1000))[0, 1]) < 0.1
    assert (
        places != torch.tensor(list(by_key)).argsort().tolist()
    )  # keys of a batch are not neighbours


def test_evaluation_is_natural_complete_and_the_same_in_every_epoch():
    split = synthetic(17)
    passes = [list(batches(split, 8, FULL).epoch(number, shuffle=False)) for number in (0, 5)]
    assert [len(batch.labels) for batch in passes[0]] == [8, 8, 1]
    for epoch in passes:
        images, labels, keys = (torch.cat(parts) for parts in zip(*epoch, strict=True))
        assert torch.equal(images, split.input / 255) and torch.equal(labels, split.labels)
        assert torch.equal(keys, sample_keys(3, 0, split.index))


def test_a_sample_is_random_plain_and_always_the_same():
    split = synthetic(40)
    first, again = (batches(split, 8, FULL).sample(10) for _ in range(2))
    assert torch.equal(first.input, again.input) and len(set(first.keys.tolist())) == 10
    plain = {tuple(image.flatten().tolist()): i for i, image in enumerate(split.input / 255)}
    chosen = [plain[tuple(image.flatten().tolist())] for image in first.input]
    assert chosen != list(range(10)) and torch.equal(first.labels, split.labels[chosen])
    assert len(batches(split, 8).sample(1000).labels) == 40


@pytest.mark.parametrize(
    ("samples", "batch_size", "sizes"),
    [
        (17, 8, [8, 8]),
        (18, 8, [8, 8, 2]),
        (16, 8, [8, 8]),
        (3, 1, [1, 1, 1]),
        (1, 8, [1]),
        (5, 8, [5]),
    ],
)
def test_a_training_epoch_ends_without_a_single_sample(samples, batch_size, sizes):
    loader = batches(synthetic(samples), batch_size)
    assert [len(batch.labels) for batch in loader.epoch(0, shuffle=True)] == sizes and len(
        loader
    ) == len(sizes)


def test_normalisation_by_hand():
    split = Split(
        torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1),
        torch.tensor([0]),
        torch.tensor([0]),
    )
    (batch,) = Batches(split, 4, Pixels([0.5, 0.1, 0.0], [0.25, 0.5, 1.0]), NONE, "cpu", 0).epoch(
        0, shuffle=False
    )
    torch.testing.assert_close(batch.input.flatten(), torch.tensor([-2.0, 0.2, 1.0]))
    assert batch.input.dtype == torch.float32 and split.input.tolist() == [[[[0]], [[51]], [[255]]]]


RECORDED = {
    "mnist": ("f669a872378ea685", "db0b885058c0db65", "388ea6d809237406", "16975c99909e9110"),
    "cifar10": ("5d6709edbc00f37d", "53597f2a4abd7576", "cdff3779e21c4c22", "9b6df9e506e4656f"),
    "digits": ("b8553e15298852dc", "3c78b86cb5757ffd", "2b942de64cccb3af", "c4516ff9bfef18fc"),
}
"""SHA-256 of the batches of two epochs, of an evaluation and of a sample, as version 0.4 gave
them.
"""


def digest(passing):
    """Of all numbers in the batches, and of their shapes and types."""
    tensors = [tensor for batch in passing for tensor in batch]
    digits = hashlib.sha256(b"".join(tensor.contiguous().numpy().tobytes() for tensor in tensors))
    digits.update(repr([(tuple(tensor.shape), str(tensor.dtype)) for tensor in tensors]).encode())
    return digits.hexdigest()[:16]


@pytest.mark.slow
@pytest.mark.parametrize("name", RECORDED)
def test_the_same_seed_gives_the_pixels_that_it_has_always_given(name, small):
    dataset = option(
        name,
        small,
        augmentation={
            "crop_padding": 2,
            "crop_border": "reflect",
            "flip": "alternating",
            "cutout": 3,
        },
    )
    data = dataset.load()
    train, test = (
        Batches(split, 7, dataset.normalisation, dataset.augmentation, "cpu", 3)
        for split in (data.train, data.test)
    )
    passes = (
        train.epoch(1, shuffle=True),
        train.epoch(2, shuffle=True),
        test.epoch(0, shuffle=False),
        [train.sample(11)],
    )
    assert tuple(map(digest, passes)) == RECORDED[name]


def test_without_a_normalisation_the_stored_numbers_are_seen():
    split = synthetic(9)
    (batch,) = Batches(split, 9, None, None, "cpu", 0).epoch(0, shuffle=False)
    assert batch.input.dtype == torch.float32 and torch.equal(batch.input, split.input.float())
    (trained,) = Batches(split, 9, None, None, "cpu", 0).epoch(1, shuffle=True)
    assert (
        sorted(trained.labels.tolist()) == sorted(split.labels.tolist())
        and split.input.dtype == torch.uint8
    )


# Augmentation


def keys_of(count):
    return sample_keys(0, 0, torch.arange(count))


def test_crop_shifts_by_at_most_the_padding_and_fills_with_black():
    split = synthetic(400, side=6)
    y = augmentation(crop_padding=2, crop_border="zero", flip=False, auto_augment=None, cutout=0)(
        split.input, keys_of(400)
    )
    padded = torch.nn.functional.pad(split.input, (2, 2, 2, 2))
    seen = set()
    for i in range(400):
        offsets = [
            (t, u)
            for t in range(5)
            for u in range(5)
            if torch.equal(y[i], padded[i, :, t : t + 6, u : u + 6])
        ]
        assert (
            len(offsets) == 1
        )  # no pixel of `synthetic` is black, so one offset explains the crop
        seen.add(offsets[0])
    assert len(seen) == 25


def test_flip_mirrors_half_of_the_samples():
    x = synthetic(1000, side=5).input
    y = augmentation(crop_padding=0, crop_border="zero", flip=True, auto_augment=None, cutout=0)(
        x, keys_of(1000)
    )
    flipped = torch.tensor([torch.equal(a, b.flip(-1)) for a, b in zip(y, x, strict=True)])
    kept = torch.tensor([torch.equal(a, b) for a, b in zip(y, x, strict=True)])
    assert (flipped ^ kept).all() and abs(flipped.float().mean() - 0.5) < 0.06


@pytest.mark.slow
def test_a_reflected_border_is_the_image_mirrored_at_its_outermost_pixels():
    split = synthetic(400, side=6)
    y = augmentation(
        crop_padding=5, crop_border="reflect", flip=False, auto_augment=None, cutout=0
    )(split.input, keys_of(400))
    padded = torch.nn.functional.pad(split.input.float(), (5, 5, 5, 5), mode="reflect").to(
        torch.uint8
    )
    for i in range(400):
        assert any(
            torch.equal(y[i], padded[i, :, t : t + 6, u : u + 6])
            for t in range(11)
            for u in range(11)
        )
    with pytest.raises(
        ValueError,
        match="6 x 6 pixels cannot be reflected that far; set dataset.augmentation.crop_padding=5",
    ):
        augmentation(
            crop_padding=6, crop_border="reflect", flip=False, auto_augment=None, cutout=0
        ).check((3, 6, 6))


@pytest.mark.slow
def test_an_alternating_flip_shows_both_sides_of_every_image_in_two_epochs():
    split = synthetic(1000, side=5)
    loader = batches(
        split,
        100,
        augmentation(
            crop_padding=0, crop_border="zero", flip="alternating", auto_augment=None, cutout=0
        ),
    )
    plain = {tuple(image.flatten().tolist()): i for i, image in enumerate(split.input / 255)}

    def mirrored(number):
        images = torch.cat([batch.input for batch in loader.epoch(number, shuffle=True)])
        found = (
            (
                plain.get(tuple(each.flatten().tolist())),
                plain.get(tuple(each.flip(-1).flatten().tolist())),
            )
            for each in images
        )
        return {other if own is None else own: own is None for own, other in found}

    first, second, third = (mirrored(number) for number in (1, 2, 3))
    assert (
        len(first) == 1000
        and second == {i: not flipped for i, flipped in first.items()}
        and third == first
    )
    assert abs(sum(first.values()) / 1000 - 0.5) < 0.06


def test_an_alternating_flip_starts_otherwise_in_another_run():
    augment = augmentation(
        crop_padding=0, crop_border="zero", flip="alternating", auto_augment=None, cutout=0
    )
    x, index = synthetic(1000, side=5).input, torch.arange(1000)
    one, other = (augment.of_epoch(seed, 1)(x, sample_keys(seed, 1, index)) for seed in (1, 2))
    assert 0.4 < (one == other).flatten(1).all(1).double().mean() < 0.6


@pytest.mark.parametrize("side", [1, 4, 5])
def test_cutout_blackens_one_square(side):
    y = augmentation(
        crop_padding=0, crop_border="zero", flip=False, auto_augment=None, cutout=side
    )(synthetic(500, side=9).input, keys_of(500))
    black = y == 0
    assert (black == black[:, :1]).all()  # the same in all channels
    rows, columns = black[:, 0].any(2).sum(1), black[:, 0].any(1).sum(1)
    assert torch.equal(rows * columns, black[:, 0].flatten(1).sum(1))  # a rectangle
    assert rows.max() == columns.max() == side and rows.min() == max(
        1, side - side // 2 if side % 2 else side // 2
    )
    assert black[:, 0].any(0).all()  # every place is reached


def test_crop_and_flip_and_cutout_are_drawn_apart():
    x = synthetic(64, side=8).input
    crop = augmentation(
        crop_padding=2, crop_border="zero", flip=False, auto_augment=None, cutout=0
    )(x, keys_of(64))
    both = augmentation(crop_padding=2, crop_border="zero", flip=True, auto_augment=None, cutout=0)(
        x, keys_of(64)
    )
    assert all(
        torch.equal(b, c) or torch.equal(b, c.flip(-1)) for b, c in zip(both, crop, strict=True)
    )
    everything = augmentation(
        crop_padding=2, crop_border="zero", flip=True, auto_augment=None, cutout=3
    )(x, keys_of(64))
    assert ((everything == both) | (everything == 0)).all() and not torch.equal(everything, both)


def test_what_is_turned_moved_and_zoomed_is_what_the_equations_say():
    x, keys = synthetic(30, channels=2, side=9).input, keys_of(30)
    y = augmentation(rotation=40.0, shift=0.2, zoom=[0.8, 1.3])(x, keys)
    turn, size, down, across = uniform(keys, -6, (4,)).double().T.tolist()
    same = 0
    for n, r, c in itertools.product(range(30), range(9), range(9)):
        a, z = math.radians(40 * (2 * turn[n] - 1)), 0.8 + 0.5 * size[n]
        v = r - 4 - round(9 * 0.2 * (2 * down[n] - 1))
        u = c - 4 - round(9 * 0.2 * (2 * across[n] - 1))
        row = round((v * math.cos(a) - u * math.sin(a)) / z + 4)
        column = round((v * math.sin(a) + u * math.cos(a)) / z + 4)
        seen = 0 <= row < 9 and 0 <= column < 9
        wanted = x[n, :, row, column] if seen else torch.zeros(2, dtype=torch.uint8)
        same += torch.equal(y[n, :, r, c], wanted)
    assert same >= 30 * 81 - 3  # places halfway between two pixels may round either way


def test_a_quarter_turn_and_a_whole_shift_move_every_pixel():
    x, keys = synthetic(200, side=8).input, keys_of(200)
    assert augmentation(zoom=[1.0, 1.0])(x, keys) is x
    moved = augmentation(shift=0.25)(x, keys)
    places = set()
    for before, after in zip(x, moved, strict=True):
        (place,) = [
            (down, across)
            for down, across in itertools.product(range(-2, 3), repeat=2)
            if torch.equal(after, shifted(before, down, across))
        ]
        places.add(place)
    assert len(places) == 25
    half = augmentation(zoom=[2.0, 2.0])(x, keys)
    assert torch.equal(half[:, :, 2::2, 2::2][:, :, :2, :2], x[:, :, 3:5, 3:5])


def shifted(image, down, across):
    """Moved by whole pixels, zero where nothing comes from."""
    padded = functional.pad(image, (2, 2, 2, 2))
    return padded[:, 2 - down : 10 - down, 2 - across : 10 - across]


@pytest.mark.slow
def test_torchvision_turns_the_same_way(torchvision):
    x, keys = synthetic(20, channels=1, side=15).input, keys_of(20)
    turn = (2 * uniform(keys, -6, (4,))[:, 0] - 1) * 90
    ours = augmentation(rotation=90.0)(x, keys)
    theirs = [
        torchvision.transforms.functional.affine(
            image, angle=float(angle), translate=[0, 0], scale=1.0, shear=[0.0]
        )
        for image, angle in zip(x, turn, strict=True)
    ]
    assert (ours == torch.stack(theirs)).float().mean() > 0.99


@pytest.mark.parametrize("zoom", [[1.0], [0.0, 1.0], [1.2, 0.8]])
def test_a_zoom_that_is_no_range_is_refused(zoom):
    with pytest.raises(ValueError, match=r"zoom=\[1.0,1.0\]"):
        component(settings("dataset", "mnist", augmentation={"zoom": zoom}))


def test_draws_do_not_depend_on_each_other():
    lines = torch.arange(1, 10, dtype=torch.uint8)
    x = torch.stack([lines[:, None].expand(9, 9), lines.expand(9, 9)]).repeat(
        2000, 1, 1, 1
    )  # rows and columns, numbered
    crop, flip, cut = (
        augmentation(**each)(x, keys_of(2000))
        for each in (
            {"crop_padding": 2},
            {"flip": True},
            {"cutout": 1},
        )
    )
    spot = (cut[:, 0] == 0).flatten(1).int().argmax(1)
    draws = torch.stack(
        [crop[:, 0, 4, 4], crop[:, 1, 4, 4], flip[:, 1, 0, 0], spot // 9, spot % 9]
    ).double()
    assert (torch.corrcoef(draws) - torch.eye(5)).abs().max() < 0.09  # four standard deviations


def test_augmentation_takes_floating_point_images_and_leaves_its_input():
    x = synthetic(32).input
    before = x.clone()
    y = FULL(x, keys_of(32))
    assert torch.equal(FULL(x.float() / 255, keys_of(32)), y.float() / 255)
    assert torch.equal(x, before) and NONE(x, keys_of(32)) is x


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["cifar10", "imagenet", "svhn"])
def test_auto_augment_is_drawn_for_each_sample_by_its_key(policy):
    x, keys, before = synthetic(300, side=12).input, keys_of(300), torch.get_rng_state()
    augment = augmentation(
        crop_padding=0, crop_border="zero", flip=False, auto_augment=policy, cutout=0
    )
    y = augment(x, keys)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(7)  # which changes nothing, nor do neighbours and their order
    parts = torch.cat(
        [augment(x[part], keys[part]) for part in torch.arange(300).flip(0).split(41)]
    )
    assert torch.equal(parts.flip(0), y) and y.shape == x.shape and y.dtype == torch.uint8
    assert 0.5 < (y != x).flatten(1).any(1).double().mean() <= 1
    assert (augment(x, sample_keys(0, 1, torch.arange(300))) != y).flatten(1).any(
        1
    ).double().mean() > 0.5  # the next epoch


@pytest.mark.slow
def test_auto_augment_draws_what_torchvision_draws(torchvision):
    x, keys = synthetic(1, side=12).input.expand(400, -1, -1, -1), keys_of(400)
    v2 = torchvision.transforms.v2
    policy = v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = {policy(x[0]).numpy().tobytes() for _ in range(3000)}
    found = [image.numpy().tobytes() for image in augmentation(auto_augment="cifar10")(x, keys)]
    assert sum(each in theirs for each in found) > 380 and len(set(found)) > 40


def test_auto_augment_stands_between_crop_and_cutout():
    x, keys = synthetic(64, side=8).input, keys_of(64)
    moved = augmentation(
        crop_padding=2, crop_border="zero", flip=True, auto_augment=None, cutout=0
    )(x, keys)
    changed = augmentation(
        crop_padding=0, crop_border="zero", flip=False, auto_augment="cifar10", cutout=0
    )(moved, keys)
    cut = augmentation(crop_padding=0, crop_border="zero", flip=False, auto_augment=None, cutout=3)(
        changed, keys
    )
    assert torch.equal(
        augmentation(
            crop_padding=2, crop_border="zero", flip=True, auto_augment="cifar10", cutout=3
        )(x, keys),
        cut,
    )


# The real sets


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "train", "test", "mean"),
    [
        ("mnist", 60_000, 10_000, [0.1307]),
        ("mnist16", 60_000, 10_000, None),
        ("fashion_mnist", 60_000, 10_000, [0.2860]),
        ("cifar10", 50_000, 10_000, [0.4914, 0.4822, 0.4465]),
        ("cifar100", 50_000, 10_000, [0.5071, 0.4865, 0.4409]),
    ],
)
def test_real_sets(name, train, test, mean):
    if "SNNEXP_DATA" not in os.environ:
        pytest.skip("SNNEXP_DATA does not name the folder of the real data sets")
    dataset = option(name, os.environ["SNNEXP_DATA"])
    if dataset.source.status() != "ready":
        pytest.skip(f"{name}: {dataset.source.status()}")
    dataset.source.verify()
    data = dataset.load()
    assert (len(data.train), len(data.test)) == (train, test)
    assert data.train.labels.bincount().min() > 0.8 * train / data.classes
    if mean:
        measured = data.train.input.float().mean((0, 2, 3)) / 255
        torch.testing.assert_close(measured, torch.tensor(mean), atol=2e-4, rtol=0)


def test_a_drawn_subset_is_the_same_for_every_run_and_in_the_official_order():
    test = Split(
        torch.zeros(50, 1, 2, 2, dtype=torch.uint8),
        torch.arange(50) % 10,
        TEST_OFFSET + torch.arange(50),
    )
    some = drawn(test, 20)
    assert len(some) == 20 and some.index.tolist() == sorted(set(some.index.tolist())) != list(
        range(TEST_OFFSET, TEST_OFFSET + 20)
    )
    assert drawn(test, 20).index.equal(some.index) and set(drawn(test, 10).index.tolist()) < set(
        some.index.tolist()
    )
    assert drawn(test, None) is test and drawn(test, 50) is test
