"""A rule of networks that start from another run."""

from collections.abc import Iterator
from pathlib import Path

from snnexp.configuration.rules.reading import Config
from snnexp.datasets.base import DataError
from snnexp.runs.start import settings


def starts_see_the_same_images(config: Config) -> Iterator[str]:
    """A network goes on with images like those it was trained with; and nothing before it is thrown away."""
    stages = config["strategy"]["stages"]
    for name in (name for name in stages if stages[name].get("start") is not None):
        path = f"strategy.stages.{name}.start"
        if name != next(iter(stages)):
            yield f"{path}: would throw away what the stages before it have trained; start from a run in the first"
        try:
            dataset = settings(Path(stages[name]["start"]))["dataset"]
        except DataError as error:
            yield f"{path}: {error}"
            continue
        yield from _normalised_otherwise(path, dataset, config["dataset"])


def _normalised_otherwise(path: str, theirs: Config, ours: Config) -> Iterator[str]:
    if any(theirs.get(key) != ours.get(key) for key in ("mean", "std")):
        settings = " ".join(f"dataset.{key}={theirs.get(key)}".replace(" ", "") for key in ("mean", "std"))
        yield f"{path}: that network was trained with images normalised otherwise; set {settings}"


RULES = (starts_see_the_same_images,)
