"""How the results were come by, and how to come by them again."""

from collections.abc import Iterator

from snnexp.report.material import Material, Subject
from snnexp.report.parts import Block, Code, Grid, Part
from snnexp.results.run import RunResult

FIELDS = (
    *("git_commit", "config_hash", "weights_sha256", "device", "threads", "precision"),
    *("train_seconds", "evaluate_seconds", "parameters", "test_images"),
)


def block(material: Material) -> Block | None:
    """The command of every run, and what it ran on."""
    if not material.few:
        return None
    parts = [part for name, subject in material.named() for part in _parts(name, subject)]
    return Block("origin", "Commands", tuple(parts))


def _parts(name: str, subject: Subject) -> Iterator[Part]:
    result = subject.run.result
    if result.command:
        yield Code(name, result.command)
    yield Grid(("what", "value"), tuple(_rows(result)), f"Where {name} comes from")


def _rows(result: RunResult) -> Iterator[tuple[str, str]]:
    for field in FIELDS:
        value = result.value(field)
        if value is not None:
            yield field, f"{value:.6g}" if isinstance(value, float) else str(value)
    for name, version in (result.versions or {}).items():
        yield f"version of {name}", str(version)
