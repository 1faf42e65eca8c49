"""Which classes are taken for which."""

from collections.abc import Iterator

from snnexp.report.answers import Answers
from snnexp.report.charts.bars import Bars
from snnexp.report.charts.heat import Heat
from snnexp.report.material import Material
from snnexp.report.parts import Block, Figure, Grid, Missing, Part

PLOTS = {"confusion": "which classes are taken for which", "classes": "accuracy by class"}
LARGEST, MOST = 100, 40
"""Classes up to which their pairs are drawn, and of which accuracies are."""
PAIRS = 10
"""Mistakes that are named."""


def block(material: Material) -> Block | None:
    """Pictures of every run whose answers are kept; of the whole test set."""
    if not material.few:
        return None
    known = {name: each.answers for name, each in material.named() if each.answers is not None}
    parts: list[Part] = [part for name, each in known.items() for part in _figures(name, each)]
    parts += [part for name, each in known.items() for part in _mistakes(name, each)]
    parts += [Missing(each.damaged) for each in material.subjects if each.damaged]
    without = [name for name, each in material.named() if each.answers is None and not each.damaged]
    if without:
        parts.append(
            Missing(
                f"{'; '.join(without)}: no answers to the test images beside the result; `snnexp "
                "evaluate RUN_DIR evaluate.predictions=true` keeps them."
            )
        )
    return Block("classes", "Classes", tuple(parts))


def _figures(name: str, answers: Answers) -> Iterator[Part]:
    if len(answers.classes) <= LARGEST:
        yield Figure("confusion", confusion(name, answers))
    yield Figure("classes", by_class(name, answers))


def confusion(name: str, answers: Answers) -> Heat:
    """Pairs of classes and answers."""
    wrong = sum(answers.images) - sum(map(sum, answers.confusion))
    undecided = f" {wrong} images without an answer are in none." if wrong else ""
    return Heat(
        title=f"Confusion, {name}",
        about=f"{sum(answers.images)} test images: those of a class, by row, that were taken for "
        f"another, by column.{undecided}",
        names=answers.classes,
        counts=answers.confusion,
    )


def by_class(name: str, answers: Answers) -> Bars:
    """The accuracy of every class; of many, the lowest."""
    found = [*zip(answers.classes, answers.accuracies(), strict=True)]
    if len(found) > MOST:
        found = sorted((each for each in found if each[1] is not None), key=_accuracy)[:MOST]
    some = f"the {MOST} lowest of {len(answers.classes)}" if len(found) == MOST else "all"
    return Bars(
        title=f"Accuracy by class, {name}",
        about=f"Test accuracy of the classes: {some}.",
        what="class",
        value="test accuracy (%)",
        categories=tuple(each for each, _ in found),
        series={"": tuple(accuracy for _, accuracy in found)},
        most=100.0,
    )


def _accuracy(pair: tuple[str, float | None]) -> float:
    return pair[1] or 0.0


def _mistakes(name: str, answers: Answers) -> Iterator[Part]:
    pairs = sorted(
        (-count, row, column)
        for row, counts in enumerate(answers.confusion)
        for column, count in enumerate(counts)
        if count and row != column
    )
    names = answers.classes
    rows = ((names[row], names[column], str(-count)) for count, row, column in pairs[:PAIRS])
    if pairs:
        yield Grid(("class", "answer", "images"), tuple(rows), f"Most frequent mistakes of {name}")
