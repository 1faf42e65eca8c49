"""A run that is asked to stop: whoever asks sets a flag, and the run looks at it where nothing is
half done.
"""

import signal

_asked: list[int] = []


class Stopped(BaseException):
    """A signal asked the run to stop."""

    def __init__(self, number: int):
        super().__init__(f"stopped by signal {number} ({signal.Signals(number).name})")
        self.number = number


def ask(number: int) -> None:
    """Asks the run to stop, as signal `number` does; the first to ask is the one that counts."""
    if not _asked:
        _asked.append(number)


def asked() -> int | None:
    """The number of the signal that has asked, None while none has."""
    return _asked[0] if _asked else None


def forget() -> None:
    """Another run begins, which nobody has asked to stop."""
    _asked.clear()


def look() -> None:
    """Raises `Stopped` if the run is asked to stop. For work that every process does at its own
    pace, such as reading data.
    """
    if _asked:
        raise Stopped(_asked[0])


def look_if_alone() -> None:
    """The same for work in which several processes must stop at one place; where there are several,
    it lets them go on.
    """
    from snnexp.distributed import processes

    if processes() == 1:
        look()


def look_together() -> None:
    """Raises `Stopped` in every process if any of them is asked to stop; each has to come here
    equally often.
    """
    from snnexp.distributed import anywhere

    if anywhere(bool(_asked)):
        raise Stopped(told())


def told() -> int:
    """The signal by which this process stops: its own, or that by which a launcher ends those of
    the others.
    """
    return _asked[0] if _asked else signal.SIGTERM
