"""What a run was given of something that its experiment asks for more of."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAMES = {
    "validation": "dataset.validation",
    "images": "evaluate.images",
    "threshold": "threshold.timesteps",
}
"""What the file calls a share that is of the whole run, where that is not its kind."""
KINDS = {name: kind for kind, name in NAMES.items()}
OF_STAGES = ("epochs", "timesteps", "samples")
"""Kinds that a stage may have of its own."""


@dataclass(frozen=True)
class Share:
    """What a run was given of something, and what its experiment asks for.

    Args:
        kind: of what: `epochs`, `timesteps`, `samples` that a conversion measures, images held out
            for `validation`, test `images`, timesteps from which a `threshold` is found; `debug` of
            a run that looks for mistakes only.
        stage: which stage it was for; None for the run as a whole.
        given: how much; None for all there is.
        full: how much the experiment asks for; None for all there is.
    """

    kind: str
    stage: str | None
    given: int | None
    full: int | None

    @property
    def name(self) -> str:
        """What the file calls it: `epochs`, `finetune.epochs`, `evaluate.images`."""
        return (
            f"{self.stage}.{self.kind}"
            if self.stage is not None
            else NAMES.get(self.kind, self.kind)
        )


def as_fields(shares: Sequence[Share]) -> dict[str, Any]:
    """What the result of a run says of the shares, by its fields."""
    return {
        "reduced": [share.name for share in shares],
        "given_budget": {share.name: share.given for share in shares},
        "full_budget": {share.name: share.full for share in shares},
    }


Amounts = Mapping[str, int | None]


def by_names(given: Amounts, full: Amounts, stages: Collection[str]) -> list[Share]:
    """The shares that a file names in `full`, in its order; of a run with these stages."""
    return [_share(name, given.get(name), asked, stages) for name, asked in full.items()]


def _share(name: str, given: int | None, full: int | None, stages: Collection[str]) -> Share:
    stage, _, kind = name.rpartition(".")
    if name in KINDS and not (stage in stages and kind in OF_STAGES):
        return Share(KINDS[name], None, given, full)
    if stage and kind in OF_STAGES:
        return Share(kind, stage, given, full)
    return Share(name, None, given, full)  # `epochs`, `timesteps`, and whatever a later version has
