"""A rule of networks that start from another run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snnexp.composition.since import as_now
from snnexp.configuration.rules.reading import Config
from snnexp.datasets.base import DataError
from snnexp.runs.start import settings


def starts_see_the_same_images(config: Config) -> Iterator[str]:
    """A network goes on with images like those it was trained with; and nothing before it is thrown
    away.
    """
    stages = config["strategy"]["stages"]
    for name in (name for name in stages if stages[name].get("start") is not None):
        path = f"strategy.stages.{name}.start"
        if name != next(iter(stages)):
            yield (
                f"{path}: would throw away what the stages before it have trained; start from a "
                "run in the first"
            )
        try:
            dataset = as_now(dict(settings(Path(stages[name]["start"]))))["dataset"]
        except DataError as error:
            yield f"{path}: {error}"
            continue
        yield from _normalised_otherwise(path, dataset, config["dataset"])


def _normalised_otherwise(path: str, theirs: Config, ours: Config) -> Iterator[str]:
    before, now = _normalisation(theirs), _normalisation(ours)
    if before == now:
        return
    keys = [key for key in ("mean", "std") if key in before]
    settings = " ".join(f"dataset.{key}={before[key]}".replace(" ", "") for key in keys)
    remedy = settings or "dataset.normalisation to what the config.yaml of that run has"
    yield f"{path}: that network was trained with images normalised otherwise; set {remedy}"


def _normalisation(dataset: Config) -> dict[str, Any]:
    """The settings of a normalisation; a data set that is made by one function has them itself."""
    node = dataset.get("normalisation", dataset)
    keys = ("mean", "std") if node is dataset else node or ()
    return {key: node[key] for key in keys if key in node}


RULES = (starts_see_the_same_images,)
