"""How long a run will take: guessed, then measured as it goes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from snnexp.progress.work import Work, inner_share, now

NEWEST = 0.5
"""Weight of the newest pace among all that were measured."""


@dataclass
class Part:
    """Work of one kind that a stage has to do.

    Args:
        stage: its name.
        kind: `training`, `evaluating`, or `making` for all else, such as a conversion.
        size: images times timesteps.
        rate: seconds per image and timestep, as far as it is known.
    """

    stage: str
    kind: str
    size: float
    rate: float | None = None
    done: float = 0.0
    measured: bool = False

    def take(self, work: Work, share: float, pace: float | None) -> None:
        """Takes in work that was done, of which the `share` is done."""
        self.done += work.size * share
        if pace is not None and work.total and work.size:
            self.measure(pace * work.total / work.size)

    def measure(self, rate: float) -> None:
        """Takes in seconds per image and timestep."""
        known = self.rate if self.measured and self.rate is not None else rate
        self.rate = NEWEST * rate + (1 - NEWEST) * known
        self.measured = True

    def seconds(self, size: float) -> float | None:
        """That so much of it takes; None where it is not known."""
        return 0.0 if size <= 0 else None if self.rate is None else size * self.rate


@dataclass
class Forecast:
    """What a run has to do, in order.

    Args:
        parts: of all stages.
        begun: when the run began.
    """

    parts: Sequence[Part]
    begun: float = field(default_factory=time.perf_counter)

    def take(self, labels: tuple[str, ...], work: Work) -> None:
        """Takes in work that has ended."""
        part = self._part(labels, work)
        if part is not None and work.total:
            share = (work.done - work.first) / work.total
            part.take(work, share, work.pace() if work.done > work.first else None)

    def finish(self, stage: str) -> None:
        """A stage is over, with all that it had to do."""
        for part in self.parts:
            if part.stage == stage:
                part.done = part.size

    def seconds_of(self, stage: str) -> float | None:
        """That a stage takes in all; None where it is not known."""
        times = [self._rated(part).seconds(part.size) for part in self._of(stage)]
        return None if None in times else sum(time for time in times if time is not None)

    def left(self) -> float | None:
        """Seconds until the end; None where they are not known."""
        labels, works = now()
        current = self._part(labels, works[0]) if works else None
        times = [self._left(part, works if part is current else ()) for part in self.parts]
        return None if None in times else sum(time for time in times if time is not None)

    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self.begun

    def _left(self, part: Part, works: tuple[Work, ...]) -> float | None:
        under_way = self._rated(part, works)
        if not works:
            return under_way.seconds(part.size - part.done)
        work, share = works[0], inner_share(works)
        gone = (work.share(share) or 0.0) - (work.first / work.total if work.total else 0.0)
        return under_way.seconds(part.size - part.done - work.size * gone)

    def _rated(self, part: Part, works: tuple[Work, ...] = ()) -> Part:
        """The part with what the work at hand says of its rate; without any, that of the same kind
        of work before it.
        """
        rate, work = part.rate, works[0] if works else None
        pace = work.pace(inner_share(works)) if work is not None else None
        if pace is not None and work is not None and work.total and work.size and work.done:
            rate = pace * work.total / work.size
        return Part(part.stage, part.kind, part.size, rate)

    def _of(self, stage: str) -> list[Part]:
        return [part for part in self.parts if part.stage == stage]

    def _part(self, labels: tuple[str, ...], work: Work) -> Part | None:
        kind = work.verb if work.verb in ("training", "evaluating") else "making"
        mine = (part for part in self._of(labels[0] if labels else "") if part.kind == kind)
        return next(mine, None)
