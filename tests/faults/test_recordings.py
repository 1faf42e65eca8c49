"""Recordings of event cameras that are damaged, in every form and every way: refused in words, or
read as is documented.
"""

import io
import os
import struct
import zipfile

import numpy as np
import pytest

from snnexp.cli.data import data as data_command
from snnexp.datasets.base import DataError
from snnexp.datasets.recordings import LARGEST
from tests.support.options import build_option
from tests.support.recordings import (
    AEDAT2_HEADER,
    AEDAT31_HEADER,
    FORMS,
    aedat2_bytes,
    aedat31_bytes,
    events,
    nmnist_bytes,
    npz_bytes,
    packet,
    polarity_events,
    write,
    write_nmnist,
)

GOOD = events(40, 16, 1)
TURNED = GOOD.at(slice(None, None, -1))
READ, SORTED, LEFT = "read", "sorted, and said", "left out, and said"
"""What is documented of what is not refused."""


def outside(x=16, y=3):
    return GOOD._replace(
        x=np.where(np.arange(40) == 7, x, GOOD.x), y=np.where(np.arange(40) == 7, y, GOOD.y)
    )


def polarity(recorded, **header):
    """AEDAT 3.1 of one packet, with another header."""
    values = {"kind": 1, "source": 1, "size": 8, "offset": 4, "overflow": 0}
    values |= {"capacity": 40, "number": 40, "valid": 40, **header}
    return AEDAT31_HEADER + struct.pack("<hhiiiiii", *values.values()) + polarity_events(recorded)


def zipped(compression=zipfile.ZIP_STORED, **members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, member in members.items():
            archive.writestr(f"{name}.npy", member)
    return content.getvalue()


def array(values):
    content = io.BytesIO()
    np.save(content, values, allow_pickle=True)
    return content.getvalue()


def announcing(shape, kind="<i8", length=40):
    """An array whose header announces another shape."""
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content, {"descr": kind, "fortran_order": False, "shape": shape}
    )
    return content.getvalue() + bytes(8 * length)


def with_t(t):
    return zipped(t=t, **{name: array(getattr(GOOD, name)) for name in "xyp"})


class Harmful:
    def __reduce__(self):
        return print, ("harm",)


def sparse(path):
    with open(path, "wb") as file:
        file.truncate(LARGEST + 1)


NOT_FILES = {
    "a directory": (lambda path: path.mkdir(), LEFT),
    "a named pipe": (os.mkfifo, "neither a file nor a folder"),
    "a link to a device": (
        lambda path: path.symlink_to("/dev/zero"),
        "neither a file nor a folder",
    ),
    "a link to nothing": (
        lambda path: path.symlink_to("nowhere"),
        "a link to nowhere, where nothing is",
    ),
    "a file that cannot be read": (
        lambda path: path.symlink_to("/proc/self/mem"),
        "cannot be read",
    ),
    "more bytes than such a file has": (sparse, f"more than the {LARGEST}"),
}
"""What may stand at the place of a recording, whatever its form."""
WORDS = {
    "n.bin": {
        "nothing": (b"", "it holds no event"),
        "one byte less": (nmnist_bytes(GOOD)[:-1], "the last is cut off"),
        "one byte more": (nmnist_bytes(GOOD) + b"\0", "the last is cut off"),
        "one byte before": (b"\xff" + nmnist_bytes(GOOD), "the last is cut off"),
        "one event before": (b"\xff" * 5 + nmnist_bytes(GOOD), "event 0 is at row 255, column 255"),
        "cut between two events": (nmnist_bytes(GOOD)[:100], READ),
        "zeros": (bytes(50), READ),
        "ones": (b"\xff" * 50, "event 0 is at row 255, column 255"),
        "shifted by a byte": (nmnist_bytes(GOOD)[1:] + b"\0", "outside of the 16 x 16 pixels"),
        "text": (b"0.1 3 5 1\n" * 4, "outside of the 16 x 16 pixels"),
        "a column beyond": (nmnist_bytes(outside()), "event 7 is at row 3, column 16"),
        "a row beyond": (nmnist_bytes(outside(3, 16)), "event 7 is at row 16, column 3"),
        "events of another sensor": (nmnist_bytes(events(40, 34)), "of 40 events are"),
        "time backwards": (nmnist_bytes(TURNED), SORTED),
        "another form": (aedat2_bytes(GOOD), "cut off|outside"),
        "one event": (nmnist_bytes(GOOD.at(slice(1))), READ),
        "overflows alone": (bytes([0, 240, 0, 0, 0]) * 9, "it holds no event"),
    },
    "two.aedat": {
        "nothing": (b"", "its first line is neither"),
        "another version": (
            b"#!AER-DAT1.0\r\n" + bytes(80),
            "neither #!AER-DAT2.0 nor #!AER-DAT3.1",
        ),
        "a letter less in the first line": (aedat2_bytes(GOOD)[1:], "its first line is neither"),
        "a header without an end": (b"#!AER-DAT2.0 and no more", "its header does not end"),
        "half a header": (AEDAT2_HEADER[:-9], "its header does not end"),
        "a header alone": (AEDAT2_HEADER, "it holds no event"),
        "one byte less": (aedat2_bytes(GOOD)[:-1], "the last is cut off"),
        "one byte more": (aedat2_bytes(GOOD) + b"\0", "the last is cut off"),
        "cut between two events": (aedat2_bytes(GOOD)[:-80], READ),
        "zeros": (bytes(80), "its first line is neither"),
        "zeros behind the header": (AEDAT2_HEADER + bytes(80), "row 0, column 127"),
        "ones behind the header": (AEDAT2_HEADER + b"\xff" * 80, "address 0xffffffff"),
        "little-endian": (AEDAT2_HEADER + struct.pack("<II", 5 << 8, 7) * 9, "a DVS128 has not"),
        "signals alone": (AEDAT2_HEADER + struct.pack(">II", 1 << 15, 7) * 9, "it holds no event"),
        "a pixel beyond the sensor": (aedat2_bytes(outside(100, 3)), "row 3, column 100"),
        "time backwards": (aedat2_bytes(TURNED), SORTED),
        "another form": (nmnist_bytes(GOOD), "its first line is neither"),
    },
    "three.aedat": {
        "nothing": (b"", "its first line is neither"),
        "a header without an end": (
            AEDAT31_HEADER[:-14] + polarity(GOOD)[99:],
            "does not end with",
        ),
        "half a header": (AEDAT31_HEADER[:20], "does not end with #!END-HEADER"),
        "a header alone": (AEDAT31_HEADER, "no packet of polarity events"),
        "half the header of a packet": (
            aedat31_bytes(GOOD) + bytes(27),
            "its last packet.*is cut off",
        ),
        "one byte less": (
            aedat31_bytes(GOOD)[:-1],
            "announces 20 of 20 events of 8 bytes, and 159",
        ),
        "one byte more": (aedat31_bytes(GOOD) + b"\0", "is cut off"),
        "2^31 events": (
            polarity(GOOD, capacity=2**31 - 1, number=2**31 - 1),
            "and 320 bytes follow",
        ),
        "fewer than no events": (polarity(GOOD, number=-1), "impossible header: -1 of 40"),
        "more events than there is room": (
            polarity(GOOD, number=41),
            "impossible header: 41 of 40",
        ),
        "room for fewer than none": (polarity(GOOD, capacity=-1, number=-1), "impossible header"),
        "events of no bytes": (polarity(GOOD, size=0), "events of 0 bytes"),
        "events of -8 bytes": (polarity(GOOD, size=-8), "events of -8 bytes"),
        "events of 16 bytes": (polarity(GOOD, size=16, capacity=20, number=20), "events have 8"),
        "a clock below 0": (polarity(GOOD, overflow=-1), "impossible header"),
        "packets of other kinds alone": (polarity(GOOD, kind=2), "no packet of polarity events"),
        "endless empty packets": (AEDAT31_HEADER + bytes(280), "impossible header"),
        "no event that is valid": (
            AEDAT31_HEADER + packet(1, polarity_events(GOOD, 0)),
            "no event",
        ),
        "a pixel beyond the sensor": (aedat31_bytes(outside(2**15 - 1, 3)), "row 3, column 32767"),
        "time backwards": (aedat31_bytes(TURNED), SORTED),
    },
    "arrays.npz": {
        "nothing": (b"", "no .npz of arrays"),
        "half a file": (npz_bytes(GOOD)[:500], "no .npz of arrays"),
        "a flipped byte": (
            npz_bytes(GOOD).replace(b"\x93NUMPY", b"\x93NAMPY", 1),
            "no .npz of arrays",
        ),
        "another number": (npz_bytes(GOOD)[:200] + b"\xff" + npz_bytes(GOOD)[201:], "Bad CRC-32"),
        "an array that is missing": (npz_bytes(GOOD, p=None), "no array p in it"),
        "another length": (npz_bytes(GOOD, x=GOOD.x[:-1]), "t 40, x 39, y 40, p 40"),
        "two axes": (
            npz_bytes(GOOD, t=GOOD.t[None]),
            r"t is no list of whole numbers, but int64 \[1, 40",
        ),
        "seconds": (npz_bytes(GOOD, t=GOOD.t / 1e6), "t is no list of whole numbers, but float64"),
        "objects": (npz_bytes(GOOD, x=np.array([Harmful()] * 40)), "x is no list of whole numbers"),
        "a third polarity": (npz_bytes(GOOD, p=np.arange(40) % 3), "neither 0 and 1 nor -1 and 1"),
        "2^40 announced": (with_t(announcing((2**40,))), "t announces 8796093022208 bytes"),
        "fewer announced": (with_t(announcing((39,))), "t announces 312 bytes"),
        "less than none announced": (with_t(announcing((-40,))), "announces|no .npz"),
        "a bomb": (
            zipped(
                zipfile.ZIP_DEFLATED, **dict.fromkeys("txyp", announcing((2**26,), length=2**20))
            ),
            "announces 536870912 bytes",
        ),
        "numbers beyond 64 bits": (npz_bytes(GOOD, t=GOOD.t.astype(np.uint64) + 2**63), "2\\^63"),
        "times beyond": (npz_bytes(GOOD, t=GOOD.t + 2**62), "beyond 2\\^62"),
        "a column below 0": (npz_bytes(outside(-1)), "event 7 is at row 3, column -1"),
        "no events": (npz_bytes(GOOD.at(slice(0))), "it holds no event"),
        "time backwards": (npz_bytes(TURNED), SORTED),
        "another form": (nmnist_bytes(GOOD), "no .npz of arrays"),
    },
}
CASES = [
    *((name, damage) for name, damages in WORDS.items() for damage in damages),
    *((name, damage) for name in FORMS for damage in NOT_FILES),
]


def test_there_are_twenty_ways_for_every_form():
    assert all(len(damages) + len(NOT_FILES) >= 20 for damages in WORDS.values())


def own(root):
    return build_option(
        "dataset", "event_folder", {"data_dir": str(root), "height": 16, "width": 16}
    )


@pytest.fixture
def folder(tmp_path):
    """Two classes of good recordings, in every form."""
    for part in ("train", "test"):
        for label in ("a", "b"):
            for name, form in FORMS.items():
                write(tmp_path / part / label / name, form(GOOD))
    return tmp_path


@pytest.mark.parametrize("name, damage", CASES, ids=lambda each: each.replace(" ", "_"))
@pytest.mark.fault("damaged recordings", "a recording in each form, damaged in 20 ways and more")
def test_a_damaged_recording_is_refused_or_read_as_documented(
    name, damage, folder, caplog, happened
):
    path = folder / "train" / "b" / f"damaged_{name}"
    if damage in NOT_FILES:
        make, words = NOT_FILES[damage]
        make(path)
    else:
        content, words = WORDS[name][damage]
        path.write_bytes(content)
    if words not in (READ, SORTED, LEFT):
        with pytest.raises(DataError, match=words) as error:
            own(folder).load()
        assert str(path) in str(error.value) and "Remedy: " in str(error.value)
        assert not list((folder / ".cache").glob("*.frames"))
    else:
        assert len(own(folder).load().train) == 9 - (words == LEFT)
        assert ("time goes backwards in 1 of 17" in caplog.text) == (words == SORTED)
        assert ("not used" in caplog.text) == (words == LEFT)
    happened("DataError, exit 3" if words not in (READ, SORTED, LEFT) else words)


@pytest.mark.slow
@pytest.mark.fault(
    "damaged recordings", "three damaged recordings among good ones, all named; exit 3"
)
def test_all_that_are_damaged_are_named_at_once(folder, capsys, happened):
    for label, name in (("a", "n.bin"), ("b", "two.aedat"), ("b", "arrays.npz")):
        (folder / "train" / label / name).write_bytes(b"x")
    words = [f"data_dir={folder}", "dataset.height=16", "dataset.width=16"]
    assert data_command(["verify", "event_folder", *words]) == 3
    said = capsys.readouterr().err
    assert "a/n.bin: its 1 bytes are no whole number of events of 5" in said
    assert "and 2 more cannot be used" in said
    assert f"{folder}/train/b/arrays.npz, {folder}/train/b/two.aedat" in said
    happened("exit 3, all named")


@pytest.mark.fault("damaged recordings", "a recording that its owner alone may read")
def test_a_recording_that_may_not_be_read_is_named(folder, monkeypatch, happened):
    path, opened = str(folder / "train" / "a" / "n.bin"), os.open

    def refusing(name, *rest, **more):
        if str(name) == path:
            raise PermissionError(13, "Permission denied", path)
        return opened(name, *rest, **more)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(DataError, match=r"a/n\.bin: cannot be read \(Permission denied\)"):
        own(folder).load()
    happened("DataError, exit 3")


@pytest.mark.fault("damaged recordings", "a recording that goes while the folder is read")
def test_a_recording_that_goes_is_named(folder, monkeypatch, happened):
    source = own(folder).source
    recordings = source._recordings()
    (folder / "train" / "a" / "n.bin").unlink()
    with pytest.raises(DataError, match=r"a/n\.bin: gone since the folder was listed"):
        recordings.samples()
    with pytest.raises(DataError, match=r"a/n\.bin: not there"):
        recordings.check()
    happened("DataError, exit 3")


@pytest.mark.slow
@pytest.mark.fault("damaged recordings", "bytes of a recording are flipped at random")
def test_flipped_bytes_are_refused_or_read(folder, happened):
    random, refused = np.random.default_rng(0), 0
    for name, form in FORMS.items():
        path = folder / "train" / "b" / name
        for _ in range(6):
            content = bytearray(form(GOOD))
            content[random.integers(len(content))] ^= 1 << int(random.integers(8))
            path.write_bytes(content)
            try:
                own(folder).source.verify()
            except DataError as error:
                refused += str(path) in str(error)
        path.write_bytes(form(GOOD))
    assert 5 < refused < 24
    happened(f"{refused} of 24 refused, the others are other events of the sensor")


@pytest.mark.fault(
    "damaged recordings", "a recording of a published set is cut, or is another thing"
)
def test_a_damaged_recording_of_a_published_set_is_named_with_its_archive(tmp_path, happened):
    root = write_nmnist(tmp_path / "NMNIST", 4, 2)
    path = root / "Train" / "3" / "00003.bin"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(DataError, match=r"00003\.bin.*Train\.zip and Test\.zip.*prepare nmnist"):
        build_option("dataset", "nmnist", {"data_dir": str(tmp_path)}).load()
    happened("DataError, exit 3")
