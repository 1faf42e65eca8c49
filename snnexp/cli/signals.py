"""What signals do to a run: the first asks it to stop where nothing is half done, a second one ends
it at once.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from snnexp import stopping
from snnexp.stopping import Stopped

NUMBERS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGINT)
PASSED_ON = (signal.SIGUSR2,)
"""Signals that are a run's business only where somebody listens to them already, as submitit does,
who puts the job back in the queue.
"""

Handler = Callable[[int, FrameType | None], None]


class LastWords:
    """What is done when a second signal ends a run at once."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.act: Callable[[int], None] = lambda code: None

    def hear(self, number: int, frame: FrameType | None = None) -> None:
        """The handler of all signals: it sets a flag, and nothing is raised in whatever code is
        running.
        """
        if (
            os.getpid() != self.owner
        ):  # a child that reads images: whoever made it tells it when to end
            return
        first = stopping.asked()
        stopping.ask(number)
        if first is not None and _hastens(number, first):
            self.leave(number)

    def leave(self, number: int) -> None:
        """Ends this process and those it has made."""
        with suppress(BaseException):
            self.act(128 + number)
        for child in multiprocessing.active_children():
            child.kill()
        os._exit(128 + number)


def _hastens(number: int, first: int) -> bool:
    """Whether a second signal is meant as one: a terminal that closes sends its own twice, and
    launchers send another after theirs.
    """
    return number == signal.SIGINT or (number == first and number != signal.SIGHUP)


@contextmanager
def stopping_on_signals() -> Iterator[LastWords]:
    """Within the block signals set the flag of `snnexp.stopping`; who listened before is told at
    its end if the run has stopped for it.

    What the parent has this process ignore, as nohup does, stays ignored.
    """
    words = LastWords()
    if threading.current_thread() is not threading.main_thread():
        yield words
        return
    before = {number: signal.getsignal(number) for number in (*NUMBERS, *PASSED_ON)}
    heard = [number for number, handler in before.items() if _is_ours(number, handler)]
    if not any(getattr(handler, "between_jobs", False) for handler in before.values()):
        stopping.forget()
    try:
        for number in heard:
            signal.signal(number, words.hear)
        yield words
    finally:
        for number in heard:
            signal.signal(number, before[number])
        _pass_on(before)


def _is_ours(number: int, handler: Handler | int | None) -> bool:
    if number in PASSED_ON:
        return callable(handler)
    return handler is not signal.SIG_IGN


def _pass_on(before: dict[int, Handler | int | None]) -> None:
    stopped, number = isinstance(sys.exc_info()[1], Stopped), stopping.asked()
    listener = before.get(number)
    own = listener is signal.default_int_handler or getattr(listener, "between_jobs", False)
    if stopped and callable(listener) and not own:
        listener(number, None)


@contextmanager
def stopping_between_jobs() -> Iterator[None]:
    """Within the block, a sweep, a signal that reaches no job raises `Stopped`: nothing is half
    done there, but the rest is not begun.
    """
    before = {number: signal.getsignal(number) for number in NUMBERS}

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.ask(number)
        raise Stopped(number)

    stop.between_jobs = True
    stopping.forget()
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    try:
        for number in heard:
            signal.signal(number, stop)
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])
