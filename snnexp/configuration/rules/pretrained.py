"""Rules of published weights: a network and images like those they were trained with."""

from collections.abc import Iterator

import torch

from snnexp.configuration.build import blueprint, component
from snnexp.configuration.rules.reading import UNBUILDABLE, Config, data
from snnexp.configuration.slots import ability
from snnexp.datasets.pixels import Pixels
from snnexp.network.analog import analog_network
from snnexp.runs.torchvision_weights import EXPECTED, Expected, layers, misfits, skeleton, versions

IMAGENET_CLASSES = 1000


def published_weights_fit(config: Config) -> Iterator[str]:
    """Published weights mean something only in the network, and on the images, that they were
    trained with.
    """
    stages = config["strategy"]["stages"]
    for name in (name for name in stages if stages[name].get("source") == "torchvision"):
        stage, path = stages[name], f"strategy.stages.{name}"
        model, expected = stage["model"], EXPECTED[stage["model"]]
        if stage["weights"] not in versions(model):
            yield (
                f"{path}.weights: {stage['weights']!r} of {model} is not published; set "
                f"{path}.weights={versions(model)[0]}"
            )
        misfit = _misfit(config, model)
        if misfit:
            yield (
                f"{path}: weights of {model} do not fit this network, {misfit}; set "
                f"{expected.options}"
            )
            return
        yield from _settings(config, stage, model, expected)


def _misfit(config: Config, model: str) -> str | None:
    try:
        with torch.device("meta"):
            analog = analog_network(
                blueprint(config, component(config["dataset"]).shape, IMAGENET_CLASSES)
            )
    except UNBUILDABLE:
        return None
    return next(misfits(layers(model, skeleton(model)), analog), None)


def _normalised(config: Config, expected: Expected) -> bool:
    """Whether the network sees images as it did in its training; of data that do not build,
    `everything_builds` says so.
    """
    if (found := data(config)) is None:
        return True
    pixels = found.normalisation
    return isinstance(pixels, Pixels) and (tuple(pixels.mean), tuple(pixels.std)) == (
        expected.mean,
        expected.std,
    )


def _settings(config: Config, stage: Config, model: str, expected: Expected) -> Iterator[str]:
    if not _normalised(config, expected):
        mean, std = (
            "[" + ",".join(map(str, values)) + "]" for values in (expected.mean, expected.std)
        )
        yield (
            f"dataset: {model} was trained on images normalised otherwise; set "
            f"dataset.mean={mean} dataset.std={std}, "
            f"in a data set whose normalisation is {Pixels.__module__}.{Pixels.__name__}"
        )
    if expected.epsilon is not None and config["norm"].get("epsilon") != expected.epsilon:
        yield (
            f"norm.epsilon: {model} was trained with {expected.epsilon:g}; set "
            f"norm.epsilon={expected.epsilon:g}"
        )
    function = ability(stage["activation"]["_target_"], "activation", "function")
    if (
        function or "relu"
    ) != expected.activation.lower():  # bounded and quantised rectifiers start from a rectifier
        yield (
            f"activation: {model} was trained with {expected.activation}; set "
            f"activation={expected.activation.lower()}"
        )


RULES = (published_weights_fit,)
