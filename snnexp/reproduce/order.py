"""In which order jobs are run: what is begun, then what says most per hour."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from snnexp.reproduce.jobs import Job

AGAIN = 0.5
"""What a second and a third run of an experiment say of what the first does; further ones say half
of that.
"""
UNKNOWN = 24.0
"""Hours that are taken for a run that could not be measured."""


def ordered(
    jobs: Sequence[Job], hours: Mapping[str, float | None], begun: Collection[str] = ()
) -> list[Job]:
    """The jobs by value per hour, what is begun before all others; a job that others start from
    counts with them, and comes before them.

    Args:
        jobs: all.
        hours: of each, by name; None where it is not known.
        begun: names of those that have been started.
    """
    rates = {job.name: _rate(_with_followers(job, jobs), hours) for job in jobs}
    found: dict[str, Job] = {}
    for job in sorted(jobs, key=lambda job: (job.name not in begun, -rates[job.name], job.name)):
        found |= (
            {each.name: each for each in [*_before(job, jobs)][::-1]}
            if job.name not in found
            else {}
        )
    return [*found.values()]


def _before(job: Job, jobs: Sequence[Job]) -> Iterator[Job]:
    """The job and those it waits for, last first."""
    yield job
    for other in jobs:
        if other.name == job.first:
            yield from _before(other, jobs)


def _with_followers(job: Job, jobs: Sequence[Job]) -> list[Job]:
    return [
        job,
        *(
            each
            for other in jobs
            if other.first == job.name
            for each in _with_followers(other, jobs)
        ),
    ]


def _rate(group: Sequence[Job], hours: Mapping[str, float | None]) -> float:
    value = sum(
        job.weight * (1.0 if job.seed == 1 else AGAIN if job.seed <= 3 else AGAIN / 2)
        for job in group
    )
    return value / max(
        sum(UNKNOWN if hours.get(job.name) is None else hours[job.name] for job in group), 1e-6
    )
