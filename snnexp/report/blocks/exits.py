"""Early exit by rules: accuracy against the mean timestep at which images stop."""

from snnexp.report.charts.lines import Lines, Place, Series
from snnexp.report.lines import in_units
from snnexp.report.material import Material, Subject
from snnexp.report.parts import Block, Figure, Grid, Part
from snnexp.results.parts import Exit

PLOTS = {"exits": "accuracy against the mean timestep at which a rule lets images stop"}
HEAD = ("run", "rule", "threshold", "accuracy", "mean t", "stop early", "spikes", "energy")


def block(material: Material) -> Block | None:
    """A picture of all rules, and the ones that were learned on the validation split."""
    known = [(name, each) for name, each in material.named() if each.run.result.last.exits]
    if not known or not material.few:
        return None
    parts: list[Part] = [Figure("exits", chart(known))]
    rows = tuple(_row(name, row) for name, each in known for row in exits(each) if row.learned)
    if rows:
        parts.append(Grid(HEAD, rows))
    every = tuple(_row(name, row) for name, each in known for row in exits(each))
    parts.append(Grid(HEAD, every, "All rules and thresholds"))
    return Block("exits", "Early exit", tuple(parts))


def exits(subject: Subject) -> list[Exit]:
    """Those of a run."""
    return subject.run.result.last.exits or []


def chart(known: list[tuple[str, Subject]]) -> Lines:
    """A line for each rule through its thresholds, beside the accuracy without exit."""
    series: list[Series] = []
    for name, each in known:
        rules = dict.fromkeys(str(row.rule) for row in exits(each))
        series += (_of_rule(name, each, rule, len(series) + n) for n, rule in enumerate(rules))
    return Lines(
        title="Early exit",
        about="Test accuracy against the mean timestep at which images stop, a point for each "
        "threshold of a rule; the last of a line is that without exit.",
        x="mean timestep of the exit",
        y="test accuracy (%)",
        series=tuple(each for each in series if each.places),
    )


def _of_rule(name: str, subject: Subject, rule: str, number: int) -> Series:
    last = subject.run.result.last
    pairs = {
        (row.timesteps, row.accuracy)
        for row in exits(subject)
        if row.rule == rule and row.timesteps is not None and row.accuracy is not None
    }
    end = {(float(last.timesteps), last.accuracy)} if last.timesteps is not None else set()
    places = tuple(Place(x, y) for x, y in sorted(pairs | end))
    return Series(f"{name}: {rule}", places, number)


def _row(name: str, row: Exit) -> tuple[str, ...]:
    model, joule = next(iter(row.joule.items()), ("", None))
    spikes = row.spikes_per_inference
    return (
        name,
        f"{row.rule}{', learned' if row.learned else ''}",
        "" if row.threshold is None else f"{row.threshold:.3g}",
        "" if row.accuracy is None else f"{row.accuracy:.2f} %",
        "" if row.timesteps is None else f"{row.timesteps:.2f}",
        "" if row.early is None else f"{row.early:.1f} %",
        "" if spikes is None else in_units(spikes, "").strip(),
        "" if joule is None else f"{in_units(joule, 'J')} ({model})",
    )
