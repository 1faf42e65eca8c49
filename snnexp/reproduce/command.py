"""`snnexp train` in a process that takes only time that nobody else wants."""

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
LAUNCHER = "launch.py"
"""In the folder of a copy: a program that stands there is the first on Python's path, whatever
folder one is in.
"""


def started(words: list[str], copy: Path, threads: int, log: IO[bytes]) -> subprocess.Popen:
    """A process of the copied program.

    It is asked to stop, as by SIGTERM, when this process ends however that ends, and then keeps how
    far it is.

    Args:
        words: behind `snnexp`.
        copy: the folder of the program.
        threads: it computes with.
        log: where its words go.
    """
    variables = {
        **os.environ,
        "PYTHONPATH": str(copy),
        "OMP_NUM_THREADS": str(threads),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, copy / LAUNCHER, *words]
    return subprocess.Popen(
        command,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        preexec_fn=prepare_process,
    )


def prepare_process() -> None:
    """In a new process, before its command: it ends with its parent and yields to all others."""
    os.setsid()  # signals of a terminal reach the queue, which passes them on
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    yield_to_others()


def yield_to_others() -> None:
    """This process gets the processor time that no other wants."""
    os.nice(19)
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with suppress(OSError):  # where processes are shared out by session, niceness counts within one
        Path("/proc/self/autogroup").write_text("19")
