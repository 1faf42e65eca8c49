"""Processes that read images: killed, crashed, without room, or left behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from snnexp.datasets.reading import Decoder
from tests.support.command_line import ROOT, environment
from tests.support.photographs import write_class_folders
from tests.support.tiny_run import attempted

KIND = "24: out of memory: loader worker killed"
WORDS = "D: codes and words"
OWN = (
    "dataset=imagenette",
    "dataset.size=16",
    "dataset.workers=2",
    "batch_size=2",
    "epochs=1",
    "timesteps=1",
)

# Python 3.12 says so of every fork of a process with threads; torch's loader forks where the
# platform does.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_class_folders(root / "imagenette2-160", 10, 40, 20)
    return root


def ending(number):
    """A worker that ends itself by a signal at the third image it reads."""
    original, read = Decoder.square, []

    def square(self, place, key):
        read.append(place)
        if multiprocessing.parent_process() is not None and len(read) > 2:
            os.kill(os.getpid(), number)
            time.sleep(100)
        return original(self, place, key)

    return square


@pytest.mark.parametrize(
    "number, code, part",
    [
        (
            signal.SIGKILL,
            4,
            (
                "was ended by SIGKILL, as the system does when memory runs out. Set "
                "dataset.workers lower"
            ),
        ),
        (signal.SIGBUS, 4, "was ended by SIGBUS"),
        (signal.SIGSEGV, 1, "was ended by SIGSEGV. If that comes again, a picture may be"),
    ],
)
@pytest.mark.fault(
    KIND, "a process that reads images is ended by a signal while the network trains"
)
def test_a_lost_reader_is_said_as_what_it_is(
    number, code, part, photographs, tmp_path, monkeypatch, happened
):
    before = set(multiprocessing.active_children())
    monkeypatch.setattr(Decoder, "square", ending(number))
    _, error, ended = attempted(tmp_path, *OWN, f"data_dir={photographs}")
    assert (
        ended == code
        and part in str(error)
        and "a process that reads images has ended" in str(error)
    )
    assert "evaluate." not in str(error) and "training step" not in str(error)
    deadline = time.monotonic() + 60
    while set(multiprocessing.active_children()) - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert set(multiprocessing.active_children()) <= before
    happened(f"exit {code}, the signal and the remedy in words, no process left")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.fault(WORDS, "memory runs out while an image is read")
def test_memory_that_runs_out_while_reading_is_no_evaluation(
    workers, photographs, tmp_path, monkeypatch, happened
):
    def full(image, depth):
        raise MemoryError

    monkeypatch.setattr("snnexp.datasets.pictures.coloured", full)
    _, error, code = attempted(
        tmp_path, *OWN, f"dataset.workers={workers}", f"data_dir={photographs}"
    )
    assert (
        code == 4
        and "out of memory while" in str(error)
        and ".JPEG was read" in str(error)
        and "evaluate." not in str(error)
    )
    happened("exit 4, names the file")


PROGRAM = """
import sys, warnings
from tests.support.options import build_option
from snnexp.datasets.batches import Batches

warnings.simplefilter("ignore")
dataset = build_option("dataset", "imagenette", {"data_dir": sys.argv[1], "size": 128, "workers": 2})
passing = Batches(dataset.load().train, 20, dataset.normalisation, dataset.augmentation, "cpu", 1).epoch(1, shuffle=True)
try:
    for number, batch in enumerate(passing):
        if number == 0 and len(sys.argv) > 2:
            import multiprocessing, time
            print(*(child.pid for child in multiprocessing.active_children()), flush=True)
            time.sleep(100)
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.fault(KIND, "/dev/shm is too small for the pixels, as it is in a container")
def test_a_small_shared_memory_is_said_and_does_not_hang(photographs, happened):
    command = (
        f"mount -t tmpfs -o size=1m tmpfs /dev/shm && exec {sys.executable} -c '{PROGRAM}' "
        f"{photographs}"
    )
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("needs root to mount a small /dev/shm")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", command],
        capture_output=True,
        text=True,
        timeout=590,
        env=environment(),
        cwd=ROOT,
        check=False,
    )
    assert (
        done.stdout.startswith("OutOfMemory")
        and "cannot hand over 983040 bytes" in done.stdout
        and "--shm-size" in done.stdout
    )
    happened("OutOfMemory, exit 4, with the bytes and the remedy")


def there(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.fault(KIND, "kill -9 of the run itself")
def test_readers_do_not_outlive_the_run(photographs, happened):
    command = [sys.executable, "-c", PROGRAM, str(photographs), "wait"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(),
        cwd=ROOT,
    )
    pids = [int(each) for each in process.stdout.readline().split()]
    assert pids and all(map(there, pids))
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 60
    while any(map(there, pids)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(there, pids))
    happened("all of them have ended")
