"""N-MNIST as it was published."""

from pathlib import Path

from snnexp.datasets.archives import Archive, Fault
from snnexp.datasets.base import TEST_OFFSET
from snnexp.datasets.event_layout import Layout, Listed
from snnexp.datasets.listing import Unused
from snnexp.datasets.numbered_recordings import numbered_recordings
from snnexp.datasets.recordings import Part, Recording
from snnexp.events.nmnist_binary import read_nmnist_binary

_DIGITS = tuple("0123456789")
_SUFFIX = ".bin"


def _listed(root: Path, fault: Fault) -> Listed:
    """By number, which is that of the image in MNIST, from 1."""
    unused = Unused()
    parts = [
        _part(root / "Train", 0, unused, fault),
        _part(root / "Test", TEST_OFFSET, unused, fault),
    ]
    unused.say(root, (_SUFFIX,), "recordings")
    return parts[0], parts[1]


def _part(folder: Path, first: int, unused: Unused, fault: Fault) -> list[Recording]:
    found = numbered_recordings(folder, _DIGITS, _SUFFIX, r"0*([1-9]\d{0,4})", unused, fault)
    for (number, _, path), (following, _, other) in zip(found, found[1:], strict=False):
        if number == following:
            raise fault(other, f"number {number} is that of {path}, too")
    return [
        Recording(path, read_nmnist_binary, (Part(label, first + number - 1),))
        for number, label, path in found
    ]


def _archive(part: str, md5: str) -> Archive:
    return Archive(f"{part}.zip", md5, rf"(?:{part}/)?([0-9]/\d{{5}}\.bin)")


LAYOUT = Layout(
    option="nmnist",
    title="N-MNIST",
    class_names=_DIGITS,
    sensor=(34, 34),
    published=(60_000, 10_000),
    archives={
        "Train": _archive("Train", "20959b8e626244a1b502305a9e6e2031"),
        "Test": _archive("Test", "69ca8762b2fe404d9b9bad1103e97832"),
    },
    needed=("Train", "Test"),
    files="{Train,Test}/<digit>/<number>.bin",
    packed="Train.zip and Test.zip",
    origin="by Orchard et al. 2015 (garrickorchard.com/datasets/n-mnist)",
    listed=_listed,
)
