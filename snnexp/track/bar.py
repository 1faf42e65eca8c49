"""The progress bar of an interactive terminal."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """How far the current epoch is; gone without a trace when closed."""

    def __init__(self, screen: Console):
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, console=screen, transient=True)
        self.task = self.progress.add_task("", start=False)

    def show(self, title: str, done: int, total: int) -> None:
        """Draws the bar; a new title starts it, and its clock, anew."""
        self.progress.start()
        if title != self.progress.tasks[0].description or done < self.progress.tasks[0].completed:
            self.progress.reset(self.task, description=title)
        self.progress.update(self.task, completed=done, total=total)

    def close(self) -> None:
        """Wipes the bar off the terminal."""
        self.progress.stop()
