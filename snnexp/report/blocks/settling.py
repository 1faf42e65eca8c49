"""From which timestep on answers stay: what could be saved by stopping early."""

from collections.abc import Iterator

from snnexp.report.blocks.accuracy import LONG
from snnexp.report.charts.lines import Lines, Place, Series
from snnexp.report.material import Material, Subject
from snnexp.report.parts import Block, Figure, Missing, Part, Words

PLOTS = {"settling": "share of the images whose answer stays as it is, by timestep"}


def block(material: Material) -> Block | None:
    """Where there are spiking networks of more than one timestep."""
    spiking = [
        (name, each)
        for name, each in material.named()
        if len(each.run.result.last.accuracy_by_timestep) > 1
    ]
    if not spiking or not material.few:
        return None
    parts: list[Part] = [*_settling(spiking), *_exits(spiking)]
    return Block("settling", "When answers are settled", tuple(parts))


def _settling(subjects: list[tuple[str, Subject]]) -> Iterator[Part]:
    known = [(name, each) for name, each in subjects if each.answers and each.answers.settled]
    if not known:
        yield Missing(
            "No answers by timestep beside these results: `snnexp evaluate RUN_DIR "
            "evaluate.predictions=true` keeps them."
        )
        return
    yield Figure("settling", chart(known))
    for name, each in known:
        if each.answers is not None:
            yield Words(
                f"{name}: answers stay from timestep {each.answers.mean_settled:.2f} on, on "
                f"average, of {len(each.answers.settled)}. That is a bound, and no rule: it knows "
                "what comes later."
            )


def chart(subjects: list[tuple[str, Subject]]) -> Lines:
    """The share of the images whose answer is the last one, and stays so."""
    series = [
        Series(name, tuple(Place(t, y) for t, y in enumerate(each.answers.settled, 1)), number)
        for number, (name, each) in enumerate(subjects)
        if each.answers is not None
    ]
    longest = max(len(each.places) for each in series)
    return Lines(
        title="When answers are settled",
        about="Share of the test images whose answer after t timesteps is the last one, and stays.",
        x="timesteps t",
        y="images with their last answer (%)",
        series=tuple(series),
        logarithmic=longest > LONG,
        whole=True,
    )


def _exits(subjects: list[tuple[str, Subject]]) -> Iterator[Part]:
    for name, each in subjects:
        found = each.run.result.last.early_exit
        if found is not None and found.timestep is not None:
            yield Words(
                f"{name}: scales of its norms below {found.threshold:g} from t = {found.timestep} "
                f"on, where its accuracy is {found.accuracy} %."
            )
