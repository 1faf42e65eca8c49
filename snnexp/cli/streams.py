"""Terminals, pipes and files that take no more of what a command says."""

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any, TextIO

from snnexp.cli.codes import NO_ROOM, NOBODY_READS, STOPPED
from snnexp.files.disk import FULL

CLEARED = "\r\x1b[K"
"""What takes a terminal to the beginning of its line, and wipes that."""
GONE = (errno.EPIPE, errno.EIO)
"""What is said of a pipe whose reader, such as `head`, has had enough, and of a terminal that was
closed.
"""
TAKES_NO_MORE = (*FULL, errno.EAGAIN)
"""What is said of a file that has no room, and of a pipe that is full and does not wait."""


def shown(command: Callable[[list[str]], int], arguments: list[str]) -> int:
    """The code of a command. Where nobody reads on it is that of SIGPIPE; where the output has no
    room, that of a full disk.
    """
    try:
        try:
            code = command(arguments)
        finally:
            sys.stdout.flush()  # also where a command leaves by SystemExit, as Hydra's help does
    except KeyboardInterrupt:
        print("snnexp: stopped by signal 2 (SIGINT)", file=sys.stderr)
        return STOPPED
    except (SystemExit, OSError) as error:
        cause = _cause(error)
        if cause is None:
            raise
        _drop()
        if cause.errno in GONE:
            return NOBODY_READS
        print(
            (
                f"snnexp: what was to be shown has no room: {cause.strerror}, where stdout leads "
                "to; lead it elsewhere"
            ),
            file=sys.stderr,
        )
        return NO_ROOM
    return code


def _cause(error: BaseException | None) -> OSError | None:
    """The error of a stream that is behind what was raised: rich makes a broken pipe the end of the
    program.
    """
    while error is not None and not (
        isinstance(error, OSError)
        and error.filename is None
        and error.errno in (*GONE, *TAKES_NO_MORE)
    ):
        error = error.__context__
    return error


def _drop() -> None:
    os.dup2(
        os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
    )  # Python flushes once more when it ends


class Patient:
    """A stream of words that may get lost: the work they are about goes on, and its exit code
    stands.
    """

    def __init__(self, stream: TextIO):
        self.stream = stream
        self.standing = False

    def stand(self, words: str) -> None:
        """Shows `words` on a terminal until anything else is written."""
        if self.stream.isatty() and os.environ.get("TERM") != "dumb":
            self.write(words)
            self.flush()
            self.standing = True

    def clear(self) -> None:
        """Wipes off what stands there."""
        if self.standing:
            self.standing = False
            self.write(CLEARED)
            self.flush()

    def write(self, text: str) -> int:
        """Writes what can be written."""
        self.clear()
        try:
            return self.stream.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """Flushes what can be flushed."""
        try:
            self.stream.flush()
        except OSError:
            pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def patient_streams() -> Iterator[None]:
    """Within the block there are all three streams, and stderr may take nothing.

    Streams that were closed before the start lead to nowhere: the first file to be opened would
    take their place, and what is said land in it. Behind the block Ctrl+C ends the process without
    a word.
    """
    _open_closed()
    listens = signal.getsignal(signal.SIGINT) in (signal.SIG_DFL, signal.default_int_handler)
    if listens:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with redirect_stderr(Patient(sys.stderr)) as stream:
            try:
                yield
            finally:
                stream.clear()
    finally:
        if listens:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _open_closed() -> None:
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            place = os.open(os.devnull, os.O_RDWR)
            if place != number:
                os.dup2(place, number)
                os.close(place)
            setattr(sys, name, open(number, mode, closefd=False))
