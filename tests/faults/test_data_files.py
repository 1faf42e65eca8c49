"""Data files that are not used, not there, not what they seem, or made to do harm."""

import gzip
import io
import os
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

from snnexp.cli.data import data as data_command
from snnexp.datasets import pickled
from snnexp.datasets.base import DataError
from snnexp.datasets.cache import cached
from snnexp.datasets.published import LARGEST
from tests.contracts.test_datasets import idx, write_cifar, write_idx
from tests.support.options import build_option
from tests.support.photographs import write_class_folders, write_pictures
from tests.support.tiny_run import attempted

UNUSED = "A: files that are not used"
MEMORY = "C: memory"
ENDLESS = "C: endless data files"
MISSING = "20: data missing, corrupt, wrong hash, one unreadable sample"


def loaded(name, root, **changes):
    return build_option("dataset", name, {"data_dir": str(root), **changes}).load()


# Files that are not used


@pytest.mark.fault(
    UNUSED,
    (
        "pictures of other kinds, in folders below a class, beside the classes, hidden, and an "
        "unused val"
    ),
)
def test_one_line_counts_what_is_not_used(tmp_path, caplog, happened):
    write_pictures(tmp_path, train=3, test=1)
    for number in range(5):
        Image.new("L", (8, 8)).save(tmp_path / f"train/left/x{number}.tif")
    (tmp_path / "train/right/more").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "train/right/more/0.png")
    for name in ("left/.DS_Store", "left/._0.png", "left/Thumbs.db", "right/notes", "labels.csv"):
        (tmp_path / "train" / name).write_bytes(b"x")
    (tmp_path / "val").mkdir()
    assert len(loaded("image_folder", tmp_path, size=8).train) == 6
    (line,) = [record.getMessage() for record in caplog.records]
    for part in (
        "12 files and folders are not used",
        "5 .tif (",
        "3 hidden (",
        "x0.tif",
        "below the folder of a class",
        "right/more",
        "/val)",
    ):
        assert part in line
    assert (
        "1 without a suffix" in line
        and "beside the folders of the classes" in line
        and ".bmp .jpeg .jpg .png .webp" in line
    )
    happened("one line with six reasons and an example of each")


@pytest.mark.fault(UNUSED, "nothing but what is used")
def test_nothing_is_said_where_all_is_used(tmp_path, caplog):
    loaded("image_folder", write_pictures(tmp_path), size=8)
    assert caplog.records == []


@pytest.mark.fault(UNUSED, "a class without a training image, or without a test image")
def test_a_class_without_a_training_image_is_an_error(tmp_path, caplog, happened):
    write_pictures(tmp_path)
    for path in (tmp_path / "test/left").iterdir():
        path.unlink()
    loaded("image_folder", tmp_path, size=8)
    assert "no test image of 1 class (left)" in caplog.text
    for part in ("train", "test"):
        (tmp_path / part / "up").mkdir()
        (tmp_path / part / "up/0.gif").write_bytes(b"GIF")
    with pytest.raises(DataError, match=r"train/up: a class without a training image.*\.png"):
        loaded("image_folder", tmp_path, size=8)
    assert ".gif" in caplog.text
    happened("training: DataError that names the folder; test: said")


@pytest.mark.fault(UNUSED, "other files in the folders of ImageNet")
def test_photographs_left_out_are_counted(tmp_path, caplog):
    write_class_folders(tmp_path / "imagenette2-160", 10, 20, 10)
    for name in ("train/n00000001/a.png", "train/n00000001/._b.JPEG", "val/synsets.txt"):
        (tmp_path / "imagenette2-160" / name).write_bytes(b"x")
    assert len(loaded("imagenette", tmp_path).train) == 20
    assert (
        "3 files and folders are not used: " in caplog.text
        and "1 .png (" in caplog.text
        and "synsets.txt" in caplog.text
    )


# Links, pipes, devices


def broken_link(path):
    path.symlink_to("/nowhere/x.png")


def device(path):
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    "make, part",
    [
        (broken_link, "a link to /nowhere/x.png, where nothing is"),
        (os.mkfifo, "neither a file"),
        (device, "neither a file"),
    ],
)
@pytest.mark.parametrize("name, folder", [("image_folder", ""), ("imagenette", "imagenette2-160")])
@pytest.mark.fault(ENDLESS, "a broken link, a named pipe or a link to a device among the pictures")
def test_what_is_no_file_is_named(name, folder, make, part, tmp_path, happened):
    if name == "imagenette":
        write_class_folders(tmp_path / folder, 10, 20, 10)
        path = tmp_path / folder / "train/n00000003/x.JPEG"
    else:
        path = write_pictures(tmp_path) / "train/left/x.png"
    make(path)
    with pytest.raises(DataError, match=f"^{path}: {part}.*Expected.*Remedy"):
        loaded(name, tmp_path)
    happened("DataError that names it, at once")


@pytest.mark.fault(ENDLESS, "the folder of a class is a broken link")
def test_a_class_does_not_vanish_with_its_link(tmp_path):
    broken_link(write_pictures(tmp_path) / "train/middle")
    with pytest.raises(DataError, match="train/middle: a link to"):
        loaded("image_folder", tmp_path)


@pytest.mark.parametrize(
    "name, file",
    [
        ("mnist", "MNIST/raw/train-images-idx3-ubyte"),
        ("cifar10", "cifar-10-batches-py/data_batch_2"),
    ],
)
@pytest.mark.parametrize("make", [os.mkfifo, device, os.mkdir, broken_link])
@pytest.mark.fault(
    ENDLESS, "a named pipe, a device, a folder or a broken link in place of an archive's file"
)
def test_published_files_are_regular_files(name, file, make, tmp_path, capsys, happened):
    write_idx(tmp_path / "MNIST/raw")
    write_cifar(
        tmp_path / "cifar-10-batches-py",
        [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"],
        "labels",
        10,
    )
    (tmp_path / file).unlink()
    make(tmp_path / file)
    with pytest.raises(DataError, match=f"^{tmp_path / file}: .*Remedy"):
        loaded(name, tmp_path)
    if name == "mnist":
        assert data_command(["verify", name, f"data_dir={tmp_path}"]) == 3
        assert str(tmp_path / file) in capsys.readouterr().err
    happened("DataError, exit 3, names the file")


# Bytes that lie


@pytest.mark.fault(ENDLESS, "a header that announces more than there is, up to 2^96 bytes")
def test_idx_headers_reserve_nothing(tmp_path, happened):
    write_idx(tmp_path / "MNIST/raw")
    path = tmp_path / "MNIST/raw/train-images-idx3-ubyte"
    path.write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", *[2**32 - 1] * 3) + bytes(100))
    tracemalloc.start()
    with pytest.raises(DataError, match=f"announces {(2**32 - 1) ** 3} bytes and 100 follow"):
        loaded("mnist", tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
    happened("refused, nothing reserved")


@pytest.mark.fault(
    ENDLESS, "an archive of few bytes that unpacks to more than any file of the set has"
)
def test_packed_files_are_unpacked_up_to_a_limit(tmp_path, monkeypatch, happened):
    write_idx(tmp_path / "MNIST/raw", packed=True)
    with gzip.open(
        tmp_path / "MNIST/raw/train-images-idx3-ubyte.gz", "wb", compresslevel=9
    ) as file:
        file.write(bytes(2**20 + 1))
    monkeypatch.setattr("snnexp.datasets.idx.LARGEST", 2**20)
    with pytest.raises(DataError, match=f"gz: it contains more than {2**20} bytes"):
        loaded("mnist", tmp_path)
    happened("refused at the limit")


@pytest.mark.fault(ENDLESS, "a sparse file larger than any file of the set")
def test_a_file_beyond_the_limit_is_not_read(tmp_path):
    write_idx(tmp_path / "MNIST/raw")
    os.truncate(tmp_path / "MNIST/raw/train-images-idx3-ubyte", 2**40)
    with pytest.raises(DataError, match=f"more than the {LARGEST}"):
        loaded("mnist", tmp_path)


@pytest.mark.fault(MISSING, "files that are sound but not the published ones")
def test_files_of_another_set_are_said_and_verify_ends_with_3(tmp_path, caplog, capsys, happened):
    write_idx(tmp_path / "MNIST/raw", packed=True)
    loaded("mnist", tmp_path)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.count("-ubyte.gz") == 4 and "not as published" in line
    assert data_command(["verify", "mnist", f"data_dir={tmp_path}"]) == 3
    said = capsys.readouterr().err
    assert (
        "its MD5 is not the published f68b3c2dcbeaaa9fbdd348bbdeb94873" in said
        and "download=True" in said
    )
    happened("said when used; `data verify` exits with 3, hash and remedy")


@pytest.mark.fault(MISSING, "an unpacked file that is not what its archive contains")
def test_unpacked_files_are_compared_with_their_archives(tmp_path, caplog):
    write_idx(tmp_path / "MNIST/raw", packed=True)
    write_idx(tmp_path / "other")
    unpacked = tmp_path / "MNIST/raw/t10k-labels-idx1-ubyte"
    unpacked.write_bytes(idx(np.zeros(20, np.uint8)))
    loaded("mnist", tmp_path)
    assert f"{unpacked} is used, and is not what t10k-labels-idx1-ubyte.gz contains" in caplog.text


@pytest.mark.fault(MISSING, "an unpacking that was interrupted in the middle of a file")
def test_prepare_does_not_take_half_a_file_for_ready(tmp_path, capsys, happened):
    write_cifar(
        tmp_path / "cifar-10-batches-py",
        [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"],
        "labels",
        10,
    )
    path = tmp_path / "cifar-10-batches-py/data_batch_4"
    os.truncate(path, path.stat().st_size // 2)
    assert data_command(["prepare", "cifar10", f"data_dir={tmp_path}"]) == 3
    assert "data_batch_4: unreadable" in capsys.readouterr().err
    happened("exit 3, names the file")


@pytest.mark.fault(MISSING, "a run on a set of which a file is missing")
def test_a_run_without_its_data_ends_with_3(tmp_path, happened):
    _, error, code = attempted(tmp_path / "run", "dataset=mnist", f"data_dir={tmp_path / 'data'}")
    assert (
        code == 3
        and "train-images-idx3-ubyte: missing" in str(error)
        and "download=True" in str(error)
    )
    happened("exit 3: file, form expected, command that gets it")


# Pickles


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def name(module, each):
    return b"c" + module.encode() + b"\n" + each.encode() + b"\n"


NDARRAY, DTYPE = name("numpy", "ndarray"), name("numpy", "dtype")
TABLE = name("numpy.core.multiarray", "_reconstruct") + b"(" + NDARRAY + b"K\0\x85C\x01btR"
BYTE = (
    DTYPE
    + b"("
    + text("u1")
    + b"K\0K\x01tR(K\x03"
    + text("|")
    + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
)


def table(shape, kind=BYTE, data=b"C\x02ab"):
    return TABLE + b"(K\x01" + shape + kind + b"\x89" + data + b"tb"


FORGED = {
    "an array of object pointers": NDARRAY
    + b"(K\x01\x85"
    + DTYPE
    + b"("
    + text("O")
    + b"tRC\x08AAAAAAAAtR",
    "a kind of objects": table(b"K\x02\x85", DTYPE + b"(" + text("O8") + b"K\0K\x01tR"),
    "a kind with parts": table(b"K\x02\x85", BYTE.replace(b"NNN", b"N(K\x01tN")),
    "a shape larger than its bytes": table(b"J\xff\xff\xff\x7f\x85"),
    "a negative side": table(b"J\xfe\xff\xff\xffJ\xff\xff\xff\xff\x86"),
    "a shape of texts": table(text("2") + b"\x85"),
    "a shape that is no tuple": table(b"]K\x02a"),
    "many axes": table(b"(" + b"K\x01" * 9 + b"t"),
    "content for a text": text("x") + b"(K\x01tb",
    "content for a function": name("numpy", "dtype") + b"}(" + text("__code__") + b"Nub",
    "a call of a text": text("x") + b"(tR",
    "a class of Python": name("builtins", "eval") + b"(" + text("1") + b"tR",
    "an object by its class": NDARRAY + b")\x81",
    "an object by name": b"(" + b"inumpy\nndarray\n",
    "a persistent object": b"P1\n",
    "bytes in a coding that unpacks": name("_codecs", "encode")
    + text("x")
    + text("bz2")
    + b"\x86R",
    "a text longer than the file": b"X\xff\xff\xff\x7fab",
}


@pytest.mark.parametrize("forgery", FORGED)
@pytest.mark.fault(MEMORY, "a forged CIFAR batch")
def test_forged_pickles_make_nothing(forgery, tmp_path, happened):
    write_cifar(
        tmp_path / "cifar-10-batches-py",
        [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"],
        "labels",
        10,
    )
    content = b"\x80\x03}" + text("data") + FORGED[forgery] + b"s."
    (tmp_path / "cifar-10-batches-py/data_batch_1").write_bytes(content)
    with pytest.raises(DataError, match="data_batch_1: (unreadable|it is no table)"):
        loaded("cifar10", tmp_path)
    happened(f"{forgery}: DataError")


@pytest.mark.fault(MEMORY, "a pickle that asks for a memo of 2^32 places")
def test_a_memo_takes_no_more_than_the_file(happened):
    tracemalloc.start()
    assert pickled.load(b"\x80\x02]r\xff\xff\xff\xff.") == []
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()
    happened("a place in a dictionary")


def test_honest_tables_are_read():
    forged = b"\x80\x03}" + text("data") + table(b"K\x02K\x01\x86") + b"s."
    assert pickled.load(forged)["data"].tolist() == [[97], [98]]
    columns = np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    for protocol in (0, 1, 2, 3, 4):
        assert np.array_equal(
            pickled.load(pickle.dumps({"data": columns, "labels": np.arange(3)}, protocol))["data"],
            columns,
        )


# Caches of somebody else


def forged(path, key, header, data, **options):
    """A cache whose array has the header given; a ZIP file of .npy files is what numpy writes."""
    magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    with zipfile.ZipFile(path, "w", **options) as file:
        kept = io.BytesIO()
        np.save(kept, np.array(key))
        file.writestr("key.npy", kept.getvalue(), zipfile.ZIP_STORED)
        file.writestr("x.npy", magic + data)


HONEST = b"{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n"


@pytest.mark.parametrize(
    "header, data, options",
    [
        (HONEST.replace(b"(3,)", b"(2000000000000,)"), b"abc", {}),
        (HONEST.replace(b"|u1", b"|O"), b"abc" * 8, {}),
        (
            HONEST.replace(b"(3,)", b"(100000000,)"),
            bytes(100_000_000),
            {"compression": zipfile.ZIP_DEFLATED},
        ),
        (b"(" * 900 + b"\n", b"abc", {}),
    ],
    ids=["huge shape", "pickled objects", "packed zeros", "deep nesting"],
)
@pytest.mark.fault(MEMORY, "a forged cache in a folder of data")
def test_forged_caches_are_built_again(header, data, options, tmp_path, happened):
    forged(tmp_path / "x.npz", "a", HONEST, b"abc")
    assert cached(tmp_path / "x.npz", "a", dict)["x"].tolist() == [97, 98, 99]
    forged(tmp_path / "x.npz", "a", header, data, **options)
    tracemalloc.start()
    assert cached(tmp_path / "x.npz", "a", lambda: {"x": np.arange(2)})["x"].tolist() == [0, 1]
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
    happened("built again, nothing reserved")


@pytest.mark.parametrize("make", [os.mkfifo, device, broken_link])
@pytest.mark.fault(ENDLESS, "a named pipe, a device or a broken link in place of a cache")
def test_a_cache_is_a_regular_file(make, tmp_path):
    make(tmp_path / "x.npz")
    assert cached(tmp_path / "x.npz", "a", lambda: {"x": np.arange(2)})["x"].tolist() == [0, 1]
    assert (tmp_path / "x.npz").is_file() and not (tmp_path / "x.npz").is_symlink()


@pytest.mark.fault(MEMORY, "a cache under the right key whose pictures have another form")
def test_a_cache_of_another_form_is_named(tmp_path):
    write_pictures(tmp_path)
    loaded("image_folder", tmp_path, size=8)
    path = tmp_path / ".cache/size8.npz"
    arrays = dict(np.load(path))
    np.savez(path, **{**arrays, "train_images": arrays["train_images"][:, :1]})
    with pytest.raises(DataError, match="size8.npz: not what was made of the pictures"):
        loaded("image_folder", tmp_path, size=8)


@pytest.mark.fault(ENDLESS, "dataset.size beyond all memory")
def test_more_pixels_than_memory_is_said_with_both_sizes(tmp_path, happened):
    write_pictures(tmp_path / "data")
    _, error, code = attempted(
        tmp_path / "run",
        "dataset=image_folder",
        f"data_dir={tmp_path / 'data'}",
        "dataset.size=10000000",
    )
    assert code == 4 and "12 images of 10000000 x 10000000 pixels take 3.6e+06 GB" in str(error)
    happened("exit 4 before anything is decoded")


@pytest.mark.fault("4: out of disk", "the disk is full while a set is downloaded")
def test_a_full_disk_is_not_a_network_that_fails(tmp_path, monkeypatch, capsys):
    import torchvision

    def full(self, root, download):
        raise OSError(28, "No space left on device", str(root))

    monkeypatch.setattr(torchvision.datasets.MNIST, "__init__", full)
    assert data_command(["prepare", "mnist", f"data_dir={tmp_path}"]) == 4
    assert "No space left" in capsys.readouterr().err
