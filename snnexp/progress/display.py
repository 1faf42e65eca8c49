"""What goes on, on an interactive terminal: a line for the work at hand, one for the whole run."""

import os
import sys
import time

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from snnexp.progress.durations import clock
from snnexp.progress.forecast import Forecast
from snnexp.progress.words import parts, title
from snnexp.progress.work import Work, inner_share, now

PER_SECOND = 4
FRAMES = "-\\|/"


class Display:
    """Two lines that are gone without a trace when closed.

    They are drawn by a thread of their own a few times per second: work is not kept waiting, and
    what does not say how far it is moves on the screen all the same.

    Args:
        screen: the terminal.
        words: what is shown while nobody says what is done.
    """

    def __init__(self, screen: Console, words: str = ""):
        self.words = words
        self.idle_since = time.perf_counter()
        self.forecast: Forecast | None = None
        self.live = Live(
            console=screen,
            transient=True,
            refresh_per_second=PER_SECOND,
            get_renderable=self.lines,
        )

    def open(self) -> None:
        """Draws the lines from here on."""
        self.live.start(refresh=True)

    def close(self) -> None:
        """Wipes them off the terminal."""
        self.live.stop()

    def lines(self) -> RenderableType:
        """What stands on the terminal now."""
        labels, works = now()
        grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
        grid.add_column(no_wrap=True, overflow="ellipsis")
        grid.add_column(ratio=1, min_width=4)
        grid.add_column(no_wrap=True, overflow="ellipsis", justify="right")
        grid.add_column(no_wrap=True, justify="right")
        grid.add_row(*self._work(labels, works))
        if (row := self._run()) is not None:
            grid.add_row(*row)
        return grid

    def _work(self, labels: tuple[str, ...], works: tuple[Work, ...]) -> list[RenderableType]:
        if not works:
            since = time.perf_counter() - self.idle_since
            return [Text("  ".join(labels) or self.words), _moving(since), "", clock(since)]
        self.idle_since = time.perf_counter()
        share, within = works[0].share(inner_share(works)), inner_share(works)
        since = time.perf_counter() - works[0].begun
        bar = _moving(since) if share is None else ProgressBar(total=1.0, completed=share)
        return [Text(title(labels, works[0])), bar, parts(works), _left(works[0], within, since)]

    def _run(self) -> list[RenderableType] | None:
        left = None if self.forecast is None else self.forecast.left()
        if left is None or self.forecast is None:
            return None
        share = self.forecast.elapsed() / max(self.forecast.elapsed() + left, 1e-9)
        bar = ProgressBar(total=1.0, completed=share)
        return [Text("whole run"), bar, f"{100 * share:.0f} %", f"{clock(left)} left"]


def _left(work: Work, within: float, since: float) -> str:
    """The time until the work ends; as long as it is not known, the time that it has taken."""
    pace, share = work.pace(within), work.share(within)
    if pace is None or share is None or work.total is None:
        return clock(since)
    ahead = pace * work.total * (1 - share)
    waited = time.perf_counter() - work.last if within == 0 and work.done > work.first else 0.0
    return f"{clock(max(ahead - min(waited, pace), 0.0))} left"


def _moving(since: float) -> Text:
    return Text(FRAMES[int(since * PER_SECOND) % len(FRAMES)])


def interactive(screen: Console) -> bool:
    """Whether lines may be drawn and drawn over."""
    # FORCE_COLOR makes rich take a pipe for a terminal, and a bar would fill its log with cursor
    # codes: ask the stream as well.
    return screen.is_interactive and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
