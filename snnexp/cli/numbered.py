"""What jobs say that run side by side, each line with the number of its job."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO


class Numbered:
    """A stream whose lines begin with a number; it is no terminal, so that nobody draws bars into
    the lines of others.
    """

    def __init__(self, stream: TextIO, number: int):
        self.stream, self.prefix, self.rest = stream, f"[{number}] ", ""

    def write(self, text: str) -> int:
        """Writes the lines that are complete."""
        *lines, self.rest = (self.rest + text).split("\n")
        if lines:
            self.stream.write("".join(f"{self.prefix}{line}\n" for line in lines))
        return len(text)

    def flush(self) -> None:
        """Flushes the lines that are complete."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Whether this is a terminal."""
        return False

    def close(self) -> None:
        """Writes what has no end of a line."""
        if self.rest:
            self.write("\n")
        self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def numbered(number: int) -> Iterator[None]:
    """Within the block, what is said begins with the number of the job."""
    out, err = Numbered(sys.stdout, number), Numbered(sys.stderr, number)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield
        finally:
            out.close()
            err.close()
