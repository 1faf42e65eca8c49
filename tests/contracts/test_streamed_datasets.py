"""Data sets that are read while they are used: decoding, cropping, workers, and what happens when
files or workers fail.
"""

import logging
import multiprocessing
import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from snnexp.cli.codes import NO_ROOM
from snnexp.cli.exits import exit_code
from snnexp.configuration import build, check
from snnexp.configuration.build import component
from snnexp.configuration.check import component_faults
from snnexp.datasets.base import TEST_OFFSET, DataError
from snnexp.datasets.batches import Batches
from snnexp.datasets.reading import ReaderLost
from snnexp.datasets.resized_crop import ResizedCrop, middle
from snnexp.noise import sample_keys
from tests.support.options import build_option, settings
from tests.support.photographs import photograph, write_class_folders

TRAIN, TEST, SIZE = 30, 20, 16
FOLDERS = {"imagenet": "imagenet", "imagenette": "imagenette2-160"}
FULL = ResizedCrop(scale=[0.08, 1.0], ratio=[3 / 4, 4 / 3], flip=True)

# Python 3.12 says so of every fork of a process with threads; torch's loader forks where the
# platform does.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_class_folders(root / FOLDERS["imagenette"], 10, TRAIN, TEST)
    return root


def option(root, name="imagenette", **changes):
    return build_option(
        "dataset", name, {"data_dir": str(root), "size": SIZE, "workers": 0, **changes}
    )


def batches(split, dataset, batch_size=8, seed=3):
    return Batches(split, batch_size, dataset.normalisation, dataset.augmentation, "cpu", seed)


def training(root, workers=0, batch_size=8, **changes):
    dataset = option(root, workers=workers, **changes)
    return batches(dataset.load().train, dataset, batch_size)


def children():
    return set(multiprocessing.active_children())


@contextmanager
def no_children_left():
    before = children()
    yield
    deadline = time.monotonic() + 3
    while children() - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert children() <= before


# Layout


@pytest.mark.slow
def test_classes_and_files_are_numbered_by_sorted_name(small):
    data = option(small).load()
    assert [name.split(b"/")[1] for name in data.train.names[:6]] == [b"n00000000"] * 3 + [
        b"n00000001"
    ] * 3
    assert sorted(data.train.names.tolist()) == data.train.names.tolist()
    assert data.train.labels.tolist() == [
        i // 3 for i in range(30)
    ] and data.test.labels.tolist() == [i // 2 for i in range(20)]
    assert data.train.index.tolist() == list(range(30)) and data.test.index[0] == TEST_OFFSET


def test_folder_may_be_elsewhere(small, tmp_path):
    folder = small / FOLDERS["imagenette"]
    assert option(tmp_path, folder=str(folder)).source.status() == "ready"
    assert (
        option(folder.parent.parent, folder=f"{folder.parent.name}/{folder.name}").source.status()
        == "ready"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "imagenet",
            ["image-net.org", "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar", "1000 classes"],
        ),
        ("imagenette", ["imagenette2-160.tgz", "10 classes", "size='160px', download=True"]),
    ],
)
def test_missing_data_names_its_archives(name, words, tmp_path):
    dataset = option(tmp_path, name)
    assert dataset.source.status().startswith(
        f"missing: {tmp_path / FOLDERS[name] / 'train'} (0 of "
    )
    with pytest.raises(DataError) as error:
        dataset.load()
    assert all(
        word in str(error.value) for word in [str(tmp_path / FOLDERS[name] / "train"), *words]
    )


@pytest.mark.slow
def test_half_unpacked_data_is_refused(small, tmp_path):
    root = tmp_path / FOLDERS["imagenette"]
    write_class_folders(root, 10, TRAIN, TEST)
    (root / "val" / "n00000003").rename(root / "val" / "n00000042")
    with pytest.raises(DataError, match=r"val: its class folders are not those of train"):
        option(tmp_path).load()
    (root / "val" / "n00000042").rename(root / "n00000042")
    assert option(tmp_path).source.status() == f"missing: {root / 'val'} (9 of 10 class folders)"
    with pytest.raises(DataError, match=r"val: it holds 9 class folders, not 10"):
        option(tmp_path).load()
    with pytest.raises(DataError, match=r"train: there is no image"):
        write_class_folders(tmp_path / "other" / FOLDERS["imagenette"], 10, 0, 0)
        option(tmp_path / "other").load()


def test_another_number_of_images_is_said(small, caplog):
    with caplog.at_level(logging.WARNING):
        option(small).load()
    assert "holds 30 + 20 images; 9469 + 3925 were published" in caplog.text


@pytest.mark.slow
def test_verify_compares_counts_and_decodes(small, tmp_path):
    with pytest.raises(DataError, match="it holds 30 images, 9469 were published"):
        option(small).source.verify()
    write_class_folders(tmp_path / FOLDERS["imagenette"], 10, TRAIN, TEST)
    dataset = option(tmp_path)
    publication = dataset.source.publication
    object.__setattr__(publication, "images", (TRAIN, TEST))
    assert "30 training and 20 test images" in dataset.source.verify()
    path = sorted((tmp_path / FOLDERS["imagenette"] / "val").rglob("*.JPEG"))[7]
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(DataError, match=f"{path.name}: unreadable"):
        dataset.source.verify()


@pytest.mark.slow
def test_prepare_downloads_only_what_is_missing(small, tmp_path, monkeypatch):
    calls = []

    def imagenette(root, **options):
        calls.append((root, options))
        write_class_folders(Path(root) / "imagenette2-160", 10, 10, 10)

    monkeypatch.setattr("torchvision.datasets.Imagenette", imagenette)
    assert option(small).source.prepare().startswith("ready") and calls == []
    assert option(tmp_path).source.prepare().startswith("ready") and calls == [
        (tmp_path, {"size": "160px", "download": True})
    ]


def test_prepare_unpacks_imagenet_or_says_what_it_needs(tmp_path):
    with pytest.raises(
        DataError, match=r"could not unpack ImageNet \(.*Remedy: register at image-net.org"
    ):
        option(tmp_path, "imagenet").source.prepare()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scale", [0.0, 1.0]),
        ("scale", [0.5, 1.5]),
        ("scale", [0.5]),
        ("scale", 0.5),
        ("ratio", [2.0, 1.0]),
        ("ratio", None),
        ("ratio", [1.0, float("inf")]),
        ("flip", 1),
        ("cutout", 0),
    ],
)
def test_augmentation_that_makes_no_sense_is_refused_before_data(key, value):
    node = settings("dataset", "imagenette", augmentation={key: value})
    if faults := component_faults(node, "dataset"):
        assert [fault.partition(":")[0] for fault in faults] == [f"dataset.augmentation.{key}"]
    else:
        with pytest.raises(
            ValueError,
            match=f"augmentation.{key}: expected two numbers.*set dataset.augmentation.{key}=",
        ):
            component(node)


# Pixels


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "height"), [(500, 375), (375, 500), (31, 40), (40, 31), (256, 256), (100, 333)]
)
@pytest.mark.parametrize("size", [224, 16])
def test_the_middle_is_that_of_torchvision(width, height, size, torchvision):
    F = torchvision.transforms.v2.functional
    image = photograph(np.random.default_rng(0), width, height)
    expected = F.center_crop(
        F.resize(image, [round(size * 256 / 224)], F.InterpolationMode.BILINEAR), [size, size]
    )
    assert np.array_equal(middle(image, size), expected)


@pytest.mark.slow
def test_evaluation_sees_the_middle_of_every_file(small):
    dataset = option(small)
    (batch,) = batches(dataset.load().test, dataset, batch_size=100).epoch(5, shuffle=False)
    paths = sorted((small / FOLDERS["imagenette"] / "val").rglob("*.JPEG"))
    pixels = torch.stack(
        [
            torch.from_numpy(np.array(middle(Image.open(path), SIZE))).permute(2, 0, 1)
            for path in paths
        ]
    )
    mean, std = (
        torch.tensor(each).view(-1, 1, 1)
        for each in (dataset.normalisation.mean, dataset.normalisation.std)
    )
    torch.testing.assert_close(batch.input, (pixels / 255 - mean) / std)


@pytest.mark.slow
def test_grey_and_cmyk_photographs_are_read(tmp_path):
    write_class_folders(tmp_path / FOLDERS["imagenette"], 10, TRAIN, TEST)
    paths = sorted((tmp_path / FOLDERS["imagenette"] / "train").rglob("*.JPEG"))
    Image.new("L", (20, 30), 90).save(paths[0])
    Image.new("CMYK", (20, 30), (255, 0, 0, 0)).save(paths[1])
    pixels = next(
        option(tmp_path)
        .load()
        .train.read([torch.arange(2)], torch.zeros(30, dtype=torch.int64), None)
    )
    assert pixels[0].unique().tolist() == [90]
    assert (pixels[1, 0] < 50).all() and (pixels[1, 2] > 200).all()  # cyan


@pytest.mark.slow
def test_the_crop_by_hand(torchvision):
    F = torchvision.transforms.v2.functional
    image = photograph(np.random.default_rng(0), 60, 40)
    left, top, right, bottom = box = FULL.box(60, 40, key=7)
    part = ResizedCrop([0.08, 1.0], [3 / 4, 4 / 3], flip=False)(image, 16, key=7)
    expected = F.resized_crop(
        image, top, left, bottom - top, right - left, [16, 16], F.InterpolationMode.BILINEAR
    )
    assert np.array_equal(part, expected) and box == FULL.box(60, 40, key=7) != FULL.box(
        60, 40, key=8
    )


@pytest.mark.slow
def test_crops_have_the_announced_share_ratio_and_place():
    keys = sample_keys(0, 1, torch.arange(1500)).tolist()
    boxes = torch.tensor(
        [ResizedCrop([0.2, 0.6], [0.8, 1.25], flip=False).box(3000, 3000, key) for key in keys]
    ).double()
    left, top, right, bottom = boxes.unbind(1)
    width, height = right - left, bottom - top
    share, ratio = width * height / 3000**2, width / height
    assert (
        0.198 < share.min() < 0.21
        and 0.59 < share.max() < 0.601
        and abs(share.mean() - 0.4) < 0.012
    )
    assert (
        0.79 < ratio.min() < 0.81 and 1.23 < ratio.max() < 1.26 and abs(ratio.log().mean()) < 0.012
    )
    assert boxes.min() <= 3 and 2990 < max(right.max(), bottom.max()) <= 3000
    offsets = torch.stack([left / (3000 - width), top / (3000 - height), share, ratio])
    assert (offsets[:2].mean(1) - 0.5).abs().max() < 0.03
    assert (torch.corrcoef(offsets) - torch.eye(4)).abs().max() < 0.11


@pytest.mark.parametrize(
    ("width", "height", "box"),
    [(1000, 10, (493, 0, 506, 10)), (10, 1000, (0, 493, 10, 506)), (12, 12, (0, 0, 12, 12))],
)
def test_images_too_long_for_any_crop_show_their_middle(width, height, box):
    assert (
        ResizedCrop([1.0, 1.0], [3 / 4, 4 / 3] if width != height else [1.0, 1.0], flip=False).box(
            width, height, key=0
        )
        == box
    )


@pytest.mark.slow
def test_flip_mirrors_half_of_the_samples_and_the_middle_can_be_kept():
    image = photograph(np.random.default_rng(0), 40, 40)
    plain, mirrored = (
        np.asarray(each)
        for each in (
            middle(image, 16),
            middle(image, 16).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        )
    )
    seen = [
        np.asarray(ResizedCrop(None, [1.0, 1.0], flip=True)(image, 16, key))
        for key in sample_keys(0, 1, torch.arange(400)).tolist()
    ]
    share = np.mean([np.array_equal(each, mirrored) for each in seen])
    assert (
        all(np.array_equal(each, mirrored) or np.array_equal(each, plain) for each in seen)
        and abs(share - 0.5) < 0.1
    )


# Passes


def equal(first, second):
    return all(
        torch.equal(a, b)
        for one, two in zip(first, second, strict=True)
        for a, b in zip(one, two, strict=True)
    )


@pytest.mark.slow
def test_workers_change_nothing(small):
    alone, helped = training(small, workers=0), training(small, workers=2)
    for shuffle in (True, False):
        assert equal(list(alone.epoch(2, shuffle)), list(helped.epoch(2, shuffle)))
    assert equal([alone.sample(11)], [helped.sample(11)])


@pytest.mark.slow
def test_epochs_differ_and_repeat(small):
    first, again, other = (
        list(training(small).epoch(number, shuffle=True)) for number in (1, 1, 2)
    )
    assert equal(first, again) and not torch.equal(first[0].input, other[0].input)
    assert [len(batch.labels) for batch in first] == [8, 8, 8, 6] and len(training(small)) == 4


@pytest.mark.slow
def test_batch_size_and_held_out_samples_change_no_sample(small):
    def by_key(passing):
        return {
            int(key): image
            for batch in passing
            for key, image in zip(batch.keys, batch.input, strict=True)
        }

    reference = by_key(training(small, batch_size=30).epoch(1, True))
    fewer = by_key(training(small, batch_size=7, validation=9).epoch(1, True))
    assert len(reference) == 30 and len(fewer) == 21
    assert all(torch.equal(reference[key], image) for key, image in fewer.items())


@pytest.mark.slow
def test_reading_draws_nothing_from_the_random_numbers_of_the_run(small):
    for workers in (0, 2):
        torch.manual_seed(5)
        list(training(small, workers=workers).epoch(1, shuffle=True))
        drawn = torch.rand(1)
        torch.manual_seed(5)
        assert torch.equal(drawn, torch.rand(1))


# Workers


@pytest.mark.slow
def test_nothing_is_started_before_the_first_batch(small):
    before = children()
    loader = training(small, workers=2)
    passing = loader.epoch(1, shuffle=True)
    assert children() == before
    with no_children_left():
        next(passing)
        assert children() > before
        list(passing)


@pytest.mark.slow
def test_the_configuration_check_starts_nothing_and_reads_nothing(monkeypatch):
    from snnexp.cli.job import resolved
    from snnexp.composition.compose import composed

    monkeypatch.setattr("snnexp.datasets.reading.DataLoader", None)
    monkeypatch.setattr(os, "scandir", None)
    for name in FOLDERS:
        config = resolved(
            composed(
                [
                    f"dataset={name}",
                    "data_dir=/nonexistent",
                    "dataset.size=32",
                    "architecture.layers=[4C3,AP4,FC4]",
                ]
            )
        )
        check.check(config)
        assert build.component(config["dataset"]).source.train_samples


def interrupted(loader):
    for _ in loader.epoch(1, shuffle=True):
        raise KeyboardInterrupt


@pytest.mark.slow
def test_workers_end_with_an_exception_even_while_it_is_kept(small):
    with no_children_left(), pytest.raises(KeyboardInterrupt) as kept:
        interrupted(training(small, workers=2, batch_size=2))
    assert kept.value is not None


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-60]), "unreadable"),
        (Path.unlink, "missing"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(workers, damage, words, tmp_path):
    write_class_folders(tmp_path / FOLDERS["imagenette"], 10, TRAIN, TEST)
    loader = training(tmp_path, workers=workers)
    path = sorted((tmp_path / FOLDERS["imagenette"] / "train").rglob("*.JPEG"))[17]
    damage(path)
    with (
        no_children_left(),
        pytest.raises(DataError, match=f"^{path}: {words}.*Expected.*Remedy") as kept,
    ):
        list(loader.epoch(1, shuffle=True))
    assert kept.value is not None


@pytest.mark.slow
def test_a_lost_worker_is_said_and_its_siblings_end(small):
    before, handler = children(), signal.getsignal(signal.SIGCHLD)
    passing = training(small, workers=2, batch_size=1).epoch(1, shuffle=True)
    next(passing)
    with no_children_left():
        (children() - before).pop().kill()
        with pytest.raises(
            ReaderLost, match=r"a process that reads images has ended.*dataset.workers lower"
        ) as kept:
            list(passing)
    assert exit_code(kept.value) == NO_ROOM and signal.getsignal(signal.SIGCHLD) is handler
