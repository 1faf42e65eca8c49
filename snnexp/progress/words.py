"""What is being done, in words."""

from snnexp.progress.work import Work


def title(labels: tuple[str, ...], work: Work) -> str:
    """Such as `evaluating convert`, `training finetune  epoch 3/20`."""
    return f"{work.verb} {'  '.join(labels)}".strip()


def parts(works: tuple[Work, ...]) -> str:
    """Such as `3/8 batches, T = 2000, t = 640`."""
    return ", ".join(_count(work) for work in works if work.total)


def _count(work: Work) -> str:
    if work.unit != "timesteps":
        return f"{work.done}/{work.total} {work.unit}"
    reached = f", t = {work.done}" if 0 < work.done < (work.total or 0) else ""
    return f"T = {work.total}{reached}"
