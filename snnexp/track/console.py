"""The terminal, and `train.log` which keeps the same lines."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import rich.console
from rich.text import Text

from snnexp.files.disk import writing
from snnexp.files.visible import visible
from snnexp.progress.display import Display, interactive
from snnexp.progress.forecast import Forecast
from snnexp.report.lines import epoch_line, stage_line
from snnexp.report.summary import summary
from snnexp.results.run import RunResult
from snnexp.results.stage import StageResult


class Console:
    """One line per epoch on stderr, what goes on below them where stderr is an interactive
    terminal, and the table of the result on stdout.

    A terminal that goes away, or does not know a letter, does not stop the run: `train.log` goes
    on.

    Args:
        run_dir: the run folder, for `train.log`.
        progress: "auto" draws on an interactive terminal; "plain" prints lines only.
    """

    def __init__(self, run_dir: Path | str, progress: Literal["auto", "plain"]):
        self.run_dir = Path(run_dir)
        self.log_path = self.run_dir / "train.log"
        self.screen = rich.console.Console(stderr=True, highlight=False)
        drawn = progress == "auto" and interactive(self.screen)
        self.display = Display(self.screen, "starting") if drawn else None
        self.handler = _Handler(self)

    def start(self) -> None:
        """Says where the run is. From here on, what the package logs comes out here, where it
        cannot tear the lines of the display apart.
        """
        logger = logging.getLogger("snnexp")
        logger.addHandler(self.handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        self.say(f"run folder  {self.run_dir}")
        if self.display is not None:
            with self._terminal():
                self.display.open()

    def close(self) -> None:
        """Takes the display down and gives logging back."""
        logger = logging.getLogger("snnexp")
        logger.removeHandler(self.handler)
        logger.setLevel(logging.NOTSET)
        logger.propagate = not logger.handlers
        self._wipe()

    def foresee(self, forecast: Forecast) -> None:
        """What is expected of the run, which the display shows from here on."""
        if self.display is not None:
            self.display.forecast = forecast

    def epoch(self, record: dict[str, Any], epochs: int, seconds: float | None) -> None:
        """An epoch has ended, in so many seconds."""
        self.say(epoch_line(record, epochs, seconds))

    def finished(self, result: StageResult) -> None:
        """A stage has ended, with these results."""
        self.say(stage_line(result))

    def say(self, line: str) -> None:
        """A line on the terminal and in the log."""
        self._keep(visible(line))
        self._show(visible(line))

    def result(self, result: RunResult) -> None:
        """The table of the result, accuracy against time, and where the run is."""
        self._wipe()
        with self._terminal():
            summary(result.last, self.run_dir)
        with writing(self.log_path, 0), self.log_path.open("a", encoding="utf-8") as file:
            summary(
                result.last,
                self.run_dir,
                rich.console.Console(file=file, width=100, color_system=None, force_terminal=False),
            )

    def _keep(self, line: str) -> None:
        with (
            writing(self.log_path, len(line) + 1),
            self.log_path.open("a", encoding="utf-8") as file,
        ):
            file.write(f"{line}\n")

    def _show(self, line: str) -> None:
        with self._terminal():
            if self.display is None:
                print(
                    line, file=sys.stderr, flush=True
                )  # never wrapped, never coloured: a log file or a pipe reads it
            else:
                self.screen.print(Text(line), soft_wrap=True)

    def _wipe(self) -> None:
        if self.display is not None:
            with self._terminal():
                self.display.close()

    @contextmanager
    def _terminal(self) -> Iterator[None]:
        try:
            yield
        except (
            OSError,
            UnicodeError,
        ):  # the letters, too: a process that a launcher has started has a stdout of its own
            self.display = None
        except SystemExit as error:  # rich's answer to a broken pipe; anybody else's exit is meant
            if not isinstance(error.__context__, BrokenPipeError):
                raise


class _Handler(logging.Handler):
    def __init__(self, console: Console):
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        kind = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        self.console.say(kind + record.getMessage())
