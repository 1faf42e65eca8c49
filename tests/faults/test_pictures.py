"""Pictures that are not plain 8-bit RGB, and those that would take more than they show."""

import io
import multiprocessing
import os
import resource
import struct
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from snnexp.datasets import pictures
from snnexp.datasets.base import DataError
from snnexp.datasets.pictures import MOST_PIXELS, coloured, opened
from snnexp.datasets.squares import squares
from snnexp.files.foreign import Unreadable
from tests.support.options import build_option
from tests.support.photographs import write_pictures
from tests.support.tiny_run import attempted

KIND = "A: images that are not plain 8-bit RGB"
ENDLESS = "C: endless pictures"


def png(width, height, depth, colour, row, *chunks):
    """A PNG bit by bit: `row` are the bytes of each line, `chunks` stand before the pixels."""
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)),
            *(_chunk(*each) for each in chunks),
            _chunk(b"IDAT", zlib.compress((b"\0" + row) * height, 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def shorts(*values):
    return struct.pack(f">{len(values)}H", *values)


def seen(path):
    """The pixels of the first line, as one number where all channels agree."""
    with opened(path) as picture:
        assert picture.mode == "RGB"
        return [
            colour[0] if len(set(colour)) == 1 else colour
            for colour in map(tuple, np.asarray(picture)[0].tolist())
        ]


GREY, COLOURS, PALETTE, GREY_ALPHA, COLOURS_ALPHA = 0, 2, 3, 4, 6
TWO = (2, 1)
FILES = {
    "16-bit grey": (png(3, 1, 16, GREY, shorts(100 * 257, 40 * 257 + 100, 65535)), [100, 40, 255]),
    "16-bit grey, one value transparent": (
        png(3, 1, 16, GREY, shorts(1000, 1001, 0), (b"tRNS", shorts(1000))),
        [255, 4, 0],
    ),
    "16-bit colours": (
        png(*TWO, 16, COLOURS, shorts(100 * 257, 0, 65535, 9 * 257, 9 * 257, 9 * 257)),
        [(100, 0, 255), 9],
    ),
    "16-bit grey with transparency": (
        png(*TWO, 16, GREY_ALPHA, shorts(50 * 257, 65535, 0, 0)),
        [50, 255],
    ),
    "16-bit colours with transparency": (
        png(*TWO, 16, COLOURS_ALPHA, shorts(257, 514, 771, 65535, 0, 0, 0, 0)),
        [(1, 2, 3), 255],
    ),
    "1 bit": (png(4, 1, 1, GREY, bytes([0b01010000])), [0, 255, 0, 255]),
    "1 bit, black transparent": (
        png(4, 1, 1, GREY, bytes([0b01010000]), (b"tRNS", shorts(0))),
        [255] * 4,
    ),
    "2 bits, one value transparent": (
        png(4, 1, 2, GREY, bytes([0b00011011]), (b"tRNS", shorts(1))),
        [0, 255, 170, 255],
    ),
    "4 bits, one value transparent": (
        png(*TWO, 4, GREY, bytes([0x31]), (b"tRNS", shorts(3))),
        [255, 17],
    ),
    "8-bit grey, one value transparent": (
        png(*TWO, 8, GREY, bytes([7, 8]), (b"tRNS", shorts(7))),
        [255, 8],
    ),
    "8-bit grey with transparency": (
        png(3, 1, 8, GREY_ALPHA, bytes([0, 0, 0, 128, 9, 255])),
        [255, 127, 9],
    ),
    "colours, one transparent": (
        png(*TWO, 8, COLOURS, bytes([1, 2, 3, 1, 2, 4]), (b"tRNS", shorts(1, 2, 3))),
        [255, (1, 2, 4)],
    ),
    "colours with transparency": (
        png(*TWO, 8, COLOURS_ALPHA, bytes([9, 8, 7, 255, 0, 0, 0, 51])),
        [(9, 8, 7), 204],
    ),
    "palette": (
        png(*TWO, 8, PALETTE, bytes([1, 0]), (b"PLTE", bytes([5, 5, 5, 200, 100, 50]))),
        [(200, 100, 50), 5],
    ),
    "palette with transparency": (
        png(
            *TWO,
            8,
            PALETTE,
            bytes([1, 0]),
            (b"PLTE", bytes([5, 5, 5, 200, 100, 50])),
            (b"tRNS", bytes([0, 255])),
        ),
        [(200, 100, 50), 255],
    ),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.fault(KIND, "a PNG of another kind")
def test_a_picture_is_read_as_it_is_seen(name, tmp_path, happened):
    content, expected = FILES[name]
    (tmp_path / "x.png").write_bytes(content)
    assert seen(tmp_path / "x.png") == expected
    happened(f"{name}: read as {expected}")


def saved(path, image, **options):
    image.save(path, **options)
    return path


@pytest.mark.fault(KIND, "CMYK, as print shops send it, inverted as Adobe writes it")
def test_cmyk_is_not_inverted(tmp_path, happened):
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    (red, green, blue), *_ = seen(saved(tmp_path / "x.jpg", cyan, quality=100))
    assert red < 10 and green > 245 and blue > 245
    happened(f"cyan is {(red, green, blue)}")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.fault(KIND, "a camera says that the picture lies on its side")
def test_the_orientation_of_the_camera_is_followed(orientation, tmp_path, happened):
    """A dark corner that is upper left when the picture is held as the tag says (EXIF 2.3, tag
    274).
    """
    places = {
        1: (0, 0),
        2: (0, -1),
        3: (-1, -1),
        4: (-1, 0),
        5: (0, 0),
        6: (-1, 0),
        7: (-1, -1),
        8: (0, -1),
    }
    stored = np.full((4, 4, 3), 255, np.uint8)
    row, column = places[orientation]
    stored[row, column] = 0
    exif = Image.Exif()
    exif[274] = orientation
    path = saved(tmp_path / "x.png", Image.fromarray(stored), exif=exif)
    with opened(path) as picture:
        turned = np.asarray(picture)
    assert (turned[0, 0] == 0).all() and (turned == 0).all(-1).sum() == 1
    happened("upright")


@pytest.mark.fault(KIND, "a wide picture is turned before its middle is cut out")
def test_a_turned_picture_is_cut_upright(tmp_path, happened):
    stored = np.zeros((4, 8, 3), np.uint8)
    stored[:, 2:6] = 255
    exif = Image.Exif()
    exif[274] = 6
    path = saved(tmp_path / "x.png", Image.fromarray(stored), exif=exif)
    with opened(path) as picture:
        assert picture.size == (4, 8)
    assert (squares([path], 4) == 255).all()
    happened("4 x 8, its middle is white")


@pytest.mark.fault(KIND, "damaged notes of a camera")
def test_damaged_notes_of_a_camera_turn_nothing(tmp_path, happened):
    path = saved(
        tmp_path / "x.png", Image.new("L", (4, 4), 90), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"
    )
    assert seen(path) == [90] * 4
    happened("shown as it lies")


@pytest.mark.parametrize("mode", ["F", "I", "LAB", "HSV"])
@pytest.mark.fault(KIND, "pixels without a known range: floating point, 32 bits, others")
def test_what_has_no_known_range_is_refused(mode, happened):
    with pytest.raises(pictures._Unclear, match=f"mode {mode}.*no known black and white"):
        coloured(Image.new(mode, (2, 2)), 8)
    happened("refused in words")


@pytest.mark.fault(KIND, "one of the 16-bit colours is transparent, which Pillow cannot tell")
def test_a_transparent_colour_of_16_bits_is_refused(tmp_path):
    (tmp_path / "x.png").write_bytes(
        png(1, 1, 16, COLOURS, shorts(1, 2, 3), (b"tRNS", shorts(1, 2, 3)))
    )
    with pytest.raises(Unreadable, match="one colour of 16 bits is transparent"):
        seen(tmp_path / "x.png")


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
@pytest.mark.fault(KIND, "an animation")
def test_an_animation_is_no_picture(suffix, tmp_path, happened):
    frames = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (0, 100, 200)]
    path = tmp_path / f"x.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with pytest.raises(Unreadable, match="an animation of 3 frames"):
        seen(path)
    happened("refused, with the number of its frames")


@pytest.mark.fault(KIND, "a telephone's JPEG carries further pictures")
def test_of_a_telephones_pictures_the_first_counts(tmp_path):
    path = tmp_path / "x.jpg"
    Image.new("RGB", (8, 8), (90, 90, 90)).save(
        path, "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))]
    )
    assert seen(path) == [90] * 8


@pytest.mark.fault(KIND, "a data set of floating-point pictures is trained on")
def test_such_a_data_set_ends_with_exit_3_and_the_name_of_the_file(tmp_path, happened):
    write_pictures(tmp_path / "data")
    bad = tmp_path / "data/train/right/1.png"
    Image.new("F", (8, 8)).save(bad, "TIFF")
    _, error, code = attempted(
        tmp_path / "run", "dataset=image_folder", f"data_dir={tmp_path / 'data'}", "dataset.size=8"
    )
    assert code == 3 and str(bad) in str(error) and not list((tmp_path / "data/.cache").glob("*"))
    happened(f"exit {code}, names the file, no cache")


@pytest.mark.fault(KIND, "several files of a folder cannot be read")
def test_all_that_cannot_be_read_is_named_at_once(tmp_path, happened):
    write_pictures(tmp_path)
    for name in ("train/left/0.png", "train/right/2.png", "test/right/1.png"):
        (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(
        DataError,
        match="left/0.png: unreadable.*2 more cannot be used: .*right/2.png, .*test/right/1.png",
    ):
        build_option("dataset", "image_folder", {"data_dir": str(tmp_path), "size": 8}).load()
    happened("one error names three files")


# Endless


def bomb(side):
    """A black picture of side x side pixels in few bytes."""
    return png(side, side, 1, GREY, bytes(-(-side // 8)))


def peak_of_squares(paths, limit):
    """Decodes in this process, which may have no more than `limit` bytes of memory beside what it
    has.
    """
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + limit, used + limit))
    squares(paths, 8)


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
@pytest.mark.fault(
    ENDLESS, "many pictures of 8192 x 8192 pixels in 8 kB each, decoded by many threads"
)
def test_huge_pictures_are_decoded_one_at_a_time(tmp_path, happened):
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    content = bomb(8192)
    for path in paths:
        path.write_bytes(content)
    child = multiprocessing.get_context("fork").Process(
        target=peak_of_squares, args=(paths, 3 * 2**29)
    )
    child.start()
    child.join()
    assert len(content) < 20_000 and child.exitcode == 0
    happened(f"four files of {len(content)} bytes in less than 1.6 GB of addresses")


@pytest.mark.fault(ENDLESS, "pictures that fill all the room there is, and small ones beside them")
def test_the_room_for_pictures_is_shared(tmp_path, monkeypatch, happened):
    """Of pictures of 100 x 100 and of 20 x 20 pixels, as many are decoded at one time as there is
    room for, and no more.
    """
    now, most, lock, original = [0], [0], threading.Lock(), pictures.coloured

    def watched(image, depth):
        with lock:
            now[0] += image.width * image.height
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= image.width * image.height
        return original(image, depth)

    monkeypatch.setattr(pictures, "decoding_room", pictures.Room(10_000))
    monkeypatch.setattr(pictures, "coloured", watched)
    paths = [
        saved(tmp_path / f"{number}.png", Image.new("L", (side, side)))
        for number, side in enumerate([100, 20, 20, 100, 20, 20] * 2)
    ]
    squares(paths, 4)
    assert 2 * 400 <= most[0] <= 10_000
    happened("never more than the limit at one time")


@pytest.mark.fault(ENDLESS, "a picture of 9000 x 9000 pixels in 10 kB")
def test_a_picture_beyond_the_limit_is_refused_before_it_is_decoded(tmp_path, happened):
    (tmp_path / "x.png").write_bytes(bomb(9000))
    with pytest.raises(Unreadable, match=f"9000 x 9000 pixels, more than the {MOST_PIXELS}"):
        seen(tmp_path / "x.png")
    happened("refused with both numbers")


@pytest.mark.fault(ENDLESS, "a picture of 2 x 30000 pixels, whose middle square would be blown up")
def test_a_line_is_no_picture(tmp_path):
    saved(tmp_path / "x.png", Image.new("L", (2, 30_000)))
    with pytest.raises(Unreadable, match="2 x 30000 pixels has no middle square"):
        squares([tmp_path / "x.png"], 224)


@pytest.mark.fault(
    ENDLESS, "PostScript, which Pillow hands to another program, under the name of a picture"
)
def test_other_forms_are_not_even_tried(tmp_path):
    content = io.BytesIO()
    Image.new("RGB", (4, 4)).save(content, "EPS")
    (tmp_path / "x.png").write_bytes(content.getvalue())
    with pytest.raises(Unreadable, match="no picture in the form of BMP, GIF, JPEG, PNG, WEBP"):
        seen(tmp_path / "x.png")


@pytest.mark.fault(
    ENDLESS, "a named pipe, a device, a folder, a link to itself in place of a picture"
)
def test_only_regular_files_are_opened(tmp_path, happened):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "device.png").symlink_to("/dev/zero")
    (tmp_path / "loop.png").symlink_to("loop.png")
    for name in ("pipe", "folder", "device", "loop"):
        with pytest.raises(Unreadable):
            seen(tmp_path / f"{name}.png")
    happened("all four refused at once")


@pytest.mark.fault(ENDLESS, "memory runs out while a picture is read")
def test_want_of_memory_is_not_said_to_be_damage(tmp_path, monkeypatch):
    def full(image, depth):
        raise MemoryError

    monkeypatch.setattr(pictures, "coloured", full)
    with pytest.raises(MemoryError):
        seen(saved(tmp_path / "x.png", Image.new("L", (2, 2))))
