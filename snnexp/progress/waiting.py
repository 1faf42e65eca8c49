"""A line on the terminal for what comes before a run has a terminal of its own."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def waiting(words: str) -> Iterator[None]:
    """Within the block an interactive terminal says what is waited for, and for how long; work that
    says how far it is stands in its place.

    Elsewhere nothing is shown. What the block prints comes out above the line.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # a tenth of a second

    from snnexp.progress.display import Display, interactive

    screen = Console(stderr=True, highlight=False)
    if not interactive(screen):
        yield
        return
    display = Display(screen, words)
    with suppress(OSError, UnicodeError):
        display.open()
    try:
        yield
    finally:
        with suppress(OSError, UnicodeError):
            display.close()
