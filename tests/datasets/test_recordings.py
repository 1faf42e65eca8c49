"""Recordings in their folders: what is listed, cut, numbered and kept."""

import hashlib
import io
import multiprocessing
import os
import signal
import tarfile
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from snnexp.datasets import frame_cache, published_recordings, recordings
from snnexp.datasets.base import TEST_OFFSET, DataError, Split
from snnexp.datasets.batches import Batches
from snnexp.datasets.frame_cache import mapped
from snnexp.datasets.mapped_frames import MappedFrames
from snnexp.datasets.transforms import Augmenter
from snnexp.errors import ConfigError, OutOfMemory
from snnexp.events.slicing import Slicing
from tests.support.options import build_option
from tests.support.recordings import (
    events,
    nmnist_bytes,
    npz_bytes,
    write,
    write_cifar10_dvs,
    write_dvs_gesture,
    write_event_folder,
    write_nmnist,
)

SHAPE = (7, 2, 3)


def source(name, root, **changes):
    return build_option("dataset", name, {"data_dir": str(root), **changes}).source


def frames(recorded, side, steps=8):
    return torch.from_numpy(
        Slicing("number", steps, None, None, "count").frames(recorded, (side, side))
    )


# What the official folders hold


def test_nmnist_is_numbered_by_its_files_and_says_that_it_is_a_part(tmp_path, caplog):
    for part, number, digit in (("Train", 7, 3), ("Train", 2, 5), ("Test", 4, 9)):
        path = tmp_path / "NMNIST" / part / str(digit) / f"{number:05d}.bin"
        write(path, nmnist_bytes(events(60, 34, number)))
    (tmp_path / "NMNIST" / "Train" / "3" / "notes.bin").write_bytes(b"")
    train, test = source("nmnist", tmp_path).read()
    assert train.labels.tolist() == [5, 3] and train.index.tolist() == [1, 6]
    assert test.labels.tolist() == [9] and test.index.tolist() == [TEST_OFFSET + 3]
    assert torch.equal(train.input, torch.stack([frames(events(60, 34, n), 34) for n in (2, 7)]))
    said = [record.getMessage() for record in caplog.records]
    assert f"{tmp_path}/NMNIST: a part of N-MNIST, 2 + 1 recordings of 60000 + 10000" in said
    assert any("1 named otherwise" in line and "notes.bin" in line for line in said)


def test_a_number_of_nmnist_belongs_to_one_recording(tmp_path):
    write_nmnist(tmp_path / "NMNIST", 3, 1)
    write(tmp_path / "NMNIST" / "Train" / "9" / "00002.bin", nmnist_bytes(events(9, 34)))
    with pytest.raises(DataError, match=r"Train/9/00002\.bin: number 2 is that of .*Train/2/00002"):
        source("nmnist", tmp_path).read()


def test_the_first_900_of_every_class_of_cifar10_dvs_are_for_training(tmp_path):
    write_cifar10_dvs(tmp_path / "CIFAR10DVS", 20, 20)
    train, test = source("cifar10_dvs", tmp_path).read()
    assert train.labels.tolist() == [label for label in range(10) for _ in range(2)]
    assert train.index.tolist()[:4] == [0, 1, 1000, 1001]
    assert test.index[:2].tolist() == [TEST_OFFSET + 900, TEST_OFFSET + 901]
    assert torch.equal(test.input[1], frames(events(50, 128, 901), 128))


def test_gestures_are_cut_out_of_their_trials(tmp_path):
    root = write_dvs_gesture(tmp_path / "DvsGesture", 10, 10)
    table = ["class,startTime_usec,endTime_usec", "11,0,500000", "2,400000,400000000"]
    (root / "user01_train_labels.csv").write_text("\n".join(table) + "\n")
    train, test = source("dvs_gesture", tmp_path).read()
    whole = events(400, 128, 10, last=1_000_000)
    first, second = whole.at(whole.t < 500_000), whole.at(whole.t >= 400_000)  # which overlap
    assert torch.equal(train.input, torch.stack([frames(first, 128), frames(second, 128)]))
    assert train.labels.tolist() == [10, 1] and train.index.tolist() == [0, 1]
    assert test.labels.tolist() == [*range(10)] and test.index.tolist()[0] == TEST_OFFSET


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        (
            "user01_train_labels.csv",
            "class,a,b\n12,0,9\n",
            "class 12 from 0 to 9; classes are 1 to 11",
        ),
        ("user01_train_labels.csv", "class,a,b\n0,0,9\n", "class 0 from 0 to 9"),
        ("user01_train_labels.csv", "class,a,b\n1,9,9\n", "class 1 from 9 to 9"),
        ("user01_train_labels.csv", "class,a,b\n1,x,9\n", "no class, start and end"),
        ("user01_train_labels.csv", "class,a,b\n1,9\n", "no class, start and end"),
        ("user01_train_labels.csv", "class,a,b\n", "there is no gesture in it"),
        (
            "user01_train_labels.csv",
            "class,a,b\n1,2000000,2000009\n",
            "no event in it from 2000000",
        ),
        ("user01_train_labels.csv", f"class,a,b\n1,0,{10**30}\n", "class 1 from 0 to 10000"),
        ("user01_train_labels.csv", None, "user01_train_labels.csv: missing"),
        ("user01_train_labels.csv", "\0\xff", "unreadable"),
        ("trials_to_train.txt", "", "trials_to_train.txt: it is empty"),
        ("trials_to_train.txt", "user01_test.aedat\n", "it is for training and for testing"),
        ("trials_to_train.txt", "user09_led.aedat\n", "user09_led_labels.csv: missing"),
    ],
)
def test_lists_of_gestures_that_are_none_are_named(file, text, words, tmp_path):
    root = write_dvs_gesture(tmp_path / "DvsGesture", 10, 10)
    (root / file).unlink()
    if text is not None:
        (root / file).write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=words):
        source("dvs_gesture", tmp_path).read()


def test_every_form_may_be_in_a_folder_of_ones_own(tmp_path):
    write_event_folder(tmp_path, 8, 4)
    own = source("event_folder", tmp_path, height=16, width=16)
    train, test = own.read()
    assert own.class_names == ("left", "right") and train.labels.tolist() == [0] * 4 + [1] * 4
    assert train.input.shape[1:] == (8, 2, 16, 16)
    # 00_n, 02_three, 04_n, 06_three in the first class, 01_two, 03_arrays, ... in the second.
    numbers = [0, 2, 4, 6, 1, 3, 5, 7]
    expected = [frames(events(50, 16, number + 5), 16) for number in numbers]
    assert torch.equal(train.input, torch.stack(expected)) and len(test) == 4


def test_a_share_of_folders_without_a_split_is_for_testing(tmp_path):
    for label in ("a", "b"):
        for number in range(10):
            write(tmp_path / label / f"{number}.npz", npz_bytes(events(30, 8, number)))
    own = source("event_folder", tmp_path, height=8, width=8, test_share=0.3)
    train, test = own.read()
    assert own.status() == "ready" and own.class_names == ("a", "b")
    assert train.labels.bincount().tolist() == [7, 7] and test.labels.bincount().tolist() == [3, 3]
    numbers = sorted([*train.index.tolist(), *(test.index - TEST_OFFSET).tolist()])
    assert numbers == list(range(20))
    other = source("event_folder", tmp_path, height=8, width=8, test_share=0.3, split_seed=1)
    assert other.read()[1].index.tolist() != test.index.tolist()
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match=r"train: with test_share=0\.3 it would be a class.*null"):
        own.read()


def test_time_that_goes_backwards_is_sorted_and_said_once(tmp_path, caplog):
    write_nmnist(tmp_path / "NMNIST", 4, 1)
    for number in (2, 3):
        path = tmp_path / "NMNIST" / "Train" / str(number) / f"{number:05d}.bin"
        path.write_bytes(nmnist_bytes(events(40, 34, number).at(slice(None, None, -1))))
    train, _ = source("nmnist", tmp_path).read()
    (line,) = [r.getMessage() for r in caplog.records if "time goes backwards" in r.getMessage()]
    assert "in 2 of 5 recordings" in line and "00002.bin" in line and "sorted" in line
    turned = events(40, 34, 2).at(slice(None, None, -1))
    in_order = turned.at(np.argsort(turned.t, kind="stable"))
    assert torch.equal(train.input[1], frames(in_order, 34))


# Archives


def zipped(path, folder, root):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*.bin")):
            archive.write(file, f"{folder}/{file.relative_to(root)}")
        archive.writestr("../outside.bin", b"x")
        archive.writestr(f"{folder}/README", b"x")


def published(monkeypatch, name, **archives):
    """The layout of a set whose archives have these hashes."""
    layout = published_recordings.LAYOUTS[name]
    changed = {
        folder: replace(
            archive, md5=hashlib.md5(archives[archive.name.partition(".")[0]]).hexdigest()
        )
        for folder, archive in layout.archives.items()
    }
    monkeypatch.setitem(
        published_recordings.LAYOUTS, name, replace(layout, archives=changed, published=(3, 2))
    )


def test_archives_are_compared_and_unpacked_once(tmp_path, monkeypatch):
    whole = write_nmnist(tmp_path / "whole", 3, 2)
    root = tmp_path / "NMNIST"
    root.mkdir()
    for part in ("Train", "Test"):
        zipped(root / f"{part}.zip", part, whole / part)
    content = {part: (root / f"{part}.zip").read_bytes() for part in ("Train", "Test")}
    published(monkeypatch, "NMNIST", **content)
    data = source("nmnist", tmp_path)
    assert data.status().endswith("Train.zip, Test.zip can be unpacked")
    assert data.prepare() == f"ready in {root}: 3 training and 2 test recordings"
    assert sorted(path.name for path in root.iterdir()) == [
        *(".cache", "Test", "Test.zip", "Train", "Train.zip")
    ]
    assert sum(path.is_file() for path in (root / "Train").rglob("*")) == 3
    assert "as many as were published, can be read; MD5 of 2 archives" in data.verify()
    (root / "Train.zip").write_bytes(content["Train"][:-1])
    with pytest.raises(DataError, match=r"Train\.zip: its MD5 is not the published"):
        data.verify()
    assert data.prepare().startswith("ready")  # which looks at no archive that was unpacked


def test_an_archive_that_is_damaged_leaves_nothing(tmp_path, monkeypatch):
    root = tmp_path / "NMNIST"
    root.mkdir()
    content = b"PK\x03\x04 and no more"
    for part in ("Train", "Test"):
        (root / f"{part}.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"Train\.zip: its MD5 is not the published 20959b8e"):
        source("nmnist", tmp_path).prepare()
    published(monkeypatch, "NMNIST", Train=content, Test=content)
    with pytest.raises(DataError, match=r"Train\.zip: it could not be unpacked"):
        source("nmnist", tmp_path).prepare()
    assert sorted(path.name for path in root.iterdir()) == ["Test.zip", "Train.zip"]


def test_gestures_are_unpacked_beside_their_archive(tmp_path, monkeypatch):
    whole = write_dvs_gesture(tmp_path / "whole", 10, 10)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(whole, "DvsGesture")
        link = tarfile.TarInfo("DvsGesture/user99_led.aedat")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    (tmp_path / "DvsGesture.tar.gz").write_bytes(packed.getvalue())
    published(monkeypatch, "DVSGesture", DvsGesture=packed.getvalue())
    data = source("dvs_gesture", tmp_path)
    assert data.prepare().endswith("10 training and 10 test recordings")
    assert {path.name for path in (tmp_path / "DvsGesture").iterdir()} == {
        ".cache",
        *(path.name for path in whole.iterdir()),
    }


def test_a_part_is_no_whole_set(tmp_path):
    write_nmnist(tmp_path / "NMNIST", 3, 2)
    with pytest.raises(DataError, match=r"3 training and 2 test.*60000 \+ 10000 were published"):
        source("nmnist", tmp_path).verify()


def test_more_held_out_than_there_are_is_said(tmp_path):
    write_nmnist(tmp_path / "NMNIST", 3, 2)
    with pytest.raises(ConfigError, match="validation=5 leaves nothing of 3"):
        build_option("dataset", "nmnist", {"data_dir": str(tmp_path), "validation": 5}).load()


# The kept frames


def rows(first=0):
    return lambda: (np.full(SHAPE[1:], first + n, np.uint8) for n in range(SHAPE[0]))


def refused():
    raise AssertionError("they are made again")


def test_frames_are_made_once_and_mapped(tmp_path):
    made = mapped(tmp_path / "a.frames", "key", SHAPE, rows())
    kept = mapped(tmp_path / "a.frames", "key", SHAPE, refused)
    assert isinstance(made, np.memmap) and isinstance(kept, np.memmap)
    assert np.array_equal(kept, np.stack(list(rows()()))) and not kept.flags.writeable
    assert [path.name for path in tmp_path.iterdir()] == ["a.frames"]


@pytest.mark.parametrize("key, shape", [("other", SHAPE), ("key", (7, 3, 2)), ("key", (6, 2, 3))])
def test_frames_of_another_key_or_number_are_made_again(key, shape, tmp_path):
    mapped(tmp_path / "a.frames", "key", SHAPE, rows())
    again = [np.full(shape[1:], 9, np.uint8)] * shape[0]
    found = mapped(tmp_path / "a.frames", key, shape, lambda: iter(again))
    assert np.array_equal(found, np.stack(again))


@pytest.mark.parametrize("damage", ["cut", "longer", "empty", "other", "folder", "pipe"])
def test_a_file_that_is_not_whole_is_never_read(damage, tmp_path):
    path = tmp_path / "a.frames"
    mapped(path, "key", SHAPE, rows(5))
    content = path.read_bytes()
    path.unlink()
    if damage == "pipe":
        os.mkfifo(path)
    elif damage == "folder":
        path.mkdir()
    else:
        changed = {"cut": content[:-1], "longer": content + b"y", "empty": b"", "other": b"x" * 200}
        path.write_bytes(changed[damage])
    assert np.array_equal(mapped(path, "key", SHAPE, rows()), np.stack(list(rows()())))


def test_a_maker_that_fails_leaves_nothing(tmp_path):
    def failing():
        yield np.zeros(SHAPE[1:], np.uint8)
        raise DataError("damaged")

    with pytest.raises(DataError, match="damaged"):
        mapped(tmp_path / "a.frames", "key", SHAPE, failing)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("most, error", [(2**30, None), (10, OutOfMemory)])
def test_where_nothing_can_be_written_few_frames_are_made_in_memory(
    most, error, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(frame_cache, "IN_MEMORY", most)
    (tmp_path / "file").write_bytes(b"")
    path = tmp_path / "file" / "a.frames"  # no folder can be there
    if error is not None:
        with pytest.raises(error, match=r"could not be written.*42 bytes of frames are too many"):
            mapped(path, "key", SHAPE, rows())
        return
    assert np.array_equal(mapped(path, "key", SHAPE, rows()), np.stack(list(rows()())))
    assert "its frames will be made again next time" in caplog.text


def build(folder, started, slowly):
    def made():
        with open(folder / "built", "a") as log:
            log.write("x")
        started.set()
        for row in rows()():
            time.sleep(slowly)
            yield row

    mapped(folder / "a.frames", "key", SHAPE, made)


@pytest.mark.slow
def test_of_two_processes_one_makes_the_frames_and_of_a_killed_one_the_next(tmp_path):
    context = multiprocessing.get_context("fork")
    for folder, killed in ((tmp_path / "both", False), (tmp_path / "killed", True)):
        folder.mkdir()
        started = context.Event()
        first = context.Process(target=build, args=(folder, started, 0.05 if not killed else 9.0))
        first.start()
        started.wait(20)
        if killed:
            os.kill(first.pid, signal.SIGKILL)
            first.join()
            assert list(folder.glob(".a.frames.*.draft")) and not (folder / "a.frames").exists()
        build(folder, context.Event(), 0.0)
        first.join()
        assert (folder / "built").read_text() == ("xx" if killed else "x")
        assert list(folder.glob(".*.draft")) == []


def test_every_slice_has_a_file_and_a_changed_recording_makes_it_again(tmp_path, monkeypatch):
    write_nmnist(tmp_path / "NMNIST", 3, 2)
    read = []
    events_of = recordings._events
    monkeypatch.setattr(
        recordings,
        "_events",
        lambda recording, *rest: read.append(1) or events_of(recording, *rest),
    )
    first = source("nmnist", tmp_path).read()[0].input
    assert len(read) == 5 and torch.equal(source("nmnist", tmp_path).read()[0].input, first)
    assert len(read) == 5
    binary = source("nmnist", tmp_path, frames={"values": "binary", "size": 17}).read()[0].input
    assert len(read) == 10 and binary.max() == 1 and binary.shape[-1] == 17
    assert len(list((tmp_path / "NMNIST" / ".cache").iterdir())) == 2
    times = [source("nmnist", tmp_path, frames={"slicing": "first"}).read()[0].input] * 2
    times[1] = source("nmnist", tmp_path, frames={"slicing": "first"}).read()[0].input
    assert len(read) == 15 and times[0].dtype == torch.float32 and torch.equal(*times)
    assert torch.equal(times[0][:, 0] > 0, first.sum(1) > 0)
    write(tmp_path / "NMNIST" / "Train" / "1" / "00001.bin", nmnist_bytes(events(70, 34, 99)))
    again = source("nmnist", tmp_path).read()[0].input
    assert len(read) == 20 and torch.equal(again[0], frames(events(70, 34, 99), 34))
    assert torch.equal(again[1:], first[1:])


def test_mapped_frames_are_those_in_memory(tmp_path, monkeypatch):
    write_nmnist(tmp_path / "NMNIST", 12, 3)
    held = source("nmnist", tmp_path).read()
    monkeypatch.setattr(recordings, "IN_MEMORY", 0)
    streamed = source("nmnist", tmp_path).read()
    places = torch.tensor([7, 2, 11, 3, 4])
    for one, other in zip(held, streamed, strict=True):
        assert isinstance(one, Split) and isinstance(other, MappedFrames)
        assert one.labels.equal(other.labels) and one.index.equal(other.index)
    parts = [(one, other) for one, other in zip(held, streamed, strict=True)]
    parts.append((held[0].at(places), streamed[0].at(places)))
    for one, other in parts:
        batches = [
            list(Batches(each, 3, None, Doubled(), "cpu", seed=4).epoch(2, shuffle=True))
            for each in (one, other)
        ]
        for left, right in zip(*batches, strict=True):
            assert all(a.equal(b) for a, b in zip(left, right, strict=True))


class Doubled(Augmenter):
    """Goes by the keys of the samples."""

    takes = "frames"

    def check(self, shape):
        pass

    def __call__(self, samples, keys):
        return samples * (1 + keys % 2).to(torch.uint8)[:, None, None, None, None]

    def of_epoch(self, seed, epoch):
        return self


def test_a_batch_is_a_tensor_of_its_own(tmp_path):
    write_nmnist(tmp_path / "NMNIST", 3, 2)
    kept = mapped(tmp_path / "a.frames", "key", SHAPE, rows())
    split = MappedFrames(kept, np.arange(7), torch.zeros(7).long(), torch.arange(7))
    (batch,) = split.read([torch.tensor([3, 0])], torch.zeros(7).long(), None)
    batch += 1  # which a map of a file would not take
    assert batch[:, 0, 0].tolist() == [4, 1] and kept[3, 0, 0] == 3


@pytest.mark.realdata
def test_real_recordings_have_the_labels_of_mnist(tmp_path):
    if "SNNEXP_DATA" not in os.environ:
        pytest.skip("SNNEXP_DATA does not name the folder of the real data sets")
    root = os.environ["SNNEXP_DATA"]
    real, digits = (
        build_option("dataset", name, {"data_dir": root}) for name in ("nmnist", "mnist")
    )
    for dataset in (real, digits):
        if dataset.source.status() != "ready":
            pytest.skip(dataset.source.status())
    real, digits = real.load(), digits.load()
    for recorded, drawn, first in (
        (real.train, digits.train, 0),
        (real.test, digits.test, TEST_OFFSET),
    ):
        assert len(recorded) >= 100 and recorded.labels.unique().tolist() == [*range(10)]
        assert recorded.labels.equal(drawn.labels[recorded.index - first])
    if isinstance(real.train, Split):  # the whole set is mapped
        counts = real.train.input.sum((1, 2, 3, 4)).double()
        assert 3900 < counts.mean() < 4400 and real.train.input[:, -1].sum() > 0
