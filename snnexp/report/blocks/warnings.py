"""What a result should not be read without, above all others."""

from collections.abc import Iterator

from snnexp.report.energy import dearer
from snnexp.report.lines import in_units
from snnexp.report.material import Material
from snnexp.report.parts import Alert, Block, Words
from snnexp.results.run import RunResult
from snnexp.results.share import Share
from snnexp.results.stage import StageResult

SEEN = 0.005
"""Percent from which a figure with two decimals is not zero."""
DEAD = 0.9
"""Share of silent neurons of a layer from which a conversion should be looked at."""
SILENT = {
    "silent": "never fires: what lies behind it gets its biases alone",
    "saturated": "fires at every timestep, if at all: spikes say no more than that",
    "undecided": "no class is ahead of all others; these images count as wrong",
    "trivial": "every image gets the same answer",
}
"""What the flags of a result mean."""


def block(material: Material) -> Block | None:
    """Warnings of all runs; that there are none is said, too."""
    found = [
        Alert(name, words)
        for name, subject in material.named()
        for words in warnings(subject.run.result)
    ]
    none = Words(
        "None: no layer is silent or saturated, no run was given less than its experiment asks "
        "for, and no spiking network costs more than its ANN, as far as the results tell."
    )
    return Block("warnings", "Warnings", tuple(found) or (none,))


def warnings(result: RunResult) -> Iterator[str]:
    """Those of one run, in sentences."""
    last = result.last
    yield from map(_flag, last.flags or [])
    yield from _undecided(last)
    yield from _dearer(last)
    yield from _reduced(result)
    yield from _conversion(result)
    if last.selection == "best_test" and last.epochs:
        yield "the weights were chosen by their accuracy on the test set (selection=best_test)"
    if result.history:
        yield f"today's code does not give this again: {result.history}"


def _flag(flag: str) -> str:
    word, _, about = flag.partition(": ")
    return f"{word}: {about}: {SILENT[word]}" if word in SILENT else flag


def _undecided(last: StageResult) -> Iterator[str]:
    told = any(flag.startswith("undecided") for flag in last.flags or [])
    if not told and last.undecided and last.undecided >= SEEN:
        yield f"undecided: {last.undecided:.2f} % of the images: {SILENT['undecided']}"


def _dearer(last: StageResult) -> Iterator[str]:
    if told := dearer(last):
        models = "; ".join(told)
        yield f"the SNN costs more than its ANN by {len(told)} of the energy models: {models}"
    operations = last.operations
    if told or operations is None or last.form == "analog":
        return
    energy, ann = operations.energy_joule, operations.energy_ann_joule
    if energy and ann and energy > ann:
        yield (
            f"the SNN costs {energy / ann:.2g} times its ANN: {in_units(energy, 'J')} an image "
            f"against {in_units(ann, 'J')} ({operations.energy_model or 'no energy model named'})"
        )


def _reduced(result: RunResult) -> Iterator[str]:
    shares = {share.name: share for share in result.shares()}
    for name in result.reduced or []:
        amounts = _amounts(shares[name]) if name in shares else ""
        yield f"reduced: {name}{amounts}"


def _amounts(share: Share) -> str:
    given, full = ("all" if each is None else each for each in (share.given, share.full))
    return f": {given} where the experiment has {full}"


def _conversion(result: RunResult) -> Iterator[str]:
    for name, stage in result.stages.items():
        for layer, fidelity in (stage.conversion or {}).items():
            if fidelity.dead is not None and fidelity.dead >= DEAD:
                yield (
                    f"stage {name}: {100 * fidelity.dead:.1f} % of the neurons of {layer} fired "
                    "for no image when it was converted"
                )
