"""The head of a model card, which the Hugging Face Hub reads: what the network is, for which data,
and what was measured.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from snnexp.published.figures import energies_of
from snnexp.published.source import Source
from snnexp.results.run import RunResult

HUB = {
    "mnist": "ylecun/mnist",
    "mnist16": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
    "imagenet": "ILSVRC/imagenet-1k",
    "imagenette": "frgfm/imagenette",
}
"""What data sets are called on the Hub, by the names of the options."""
TASK = {"type": "image-classification", "name": "Image classification"}
TAGS = ("snnexp", "spiking-neural-network", "neuromorphic")
DIGITS = 12
"""Digits behind the point that figures keep; what is beyond them is not measured."""


def front(source: Source, license_name: str | None) -> str:
    """The YAML between the two lines of dashes."""
    head = {key: value for key, value in _head(source, license_name).items() if value}
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=100)


def name_of(result: RunResult) -> str:
    """What the network is called: after its experiment, or after strategy and data set."""
    last = result.last
    parts = (last.strategy, last.architecture, last.dataset)
    return last.experiment or "-".join(filter(None, parts))


def _head(source: Source, license_name: str | None) -> dict[str, Any]:
    last = source.result.last
    data = HUB.get(last.dataset or "")
    return {
        "license": license_name,
        "library_name": "snnexp",
        "pipeline_tag": TASK["type"],
        "tags": [*TAGS, *_tags(source.result)],
        "datasets": [data] if data else [],
        "metrics": ["accuracy"],
        "model-index": [{"name": name_of(source.result), "results": [_results(source.result)]}],
    }


def _tags(result: RunResult) -> Iterator[str]:
    last = result.last
    for group in ("strategy", "neuron", "encoder", "architecture"):
        if option := getattr(last, group):
            yield f"{group}:{option}"


def _results(result: RunResult) -> dict[str, Any]:
    last = result.last
    name = last.dataset or "own data"
    return {
        "task": TASK,
        "dataset": {"type": HUB.get(name, name), "name": name, "split": "test"},
        "metrics": [*_metrics(result)],
    }


def _metrics(result: RunResult) -> Iterator[dict[str, Any]]:
    last = result.last
    at = f"at T = {last.timesteps}"
    yield _metric("accuracy", f"top-1 accuracy {at}, as a share", last.accuracy / 100)
    counted = {
        "spikes_per_neuron": last.spikes_per_neuron,
        "spikes_per_inference": last.spikes_per_inference,
    }
    for name, value in counted.items():
        if value is not None:
            yield _metric(name, f"{name.replace('_', ' ')} {at}", value)
    for name, energy in energies_of(last).items():
        if energy.joule is not None:
            yield _metric("energy_joule", f"energy per image in joule, by {name}", energy.joule)


def _metric(kind: str, name: str, value: float) -> dict[str, Any]:
    return {"type": kind, "name": name, "value": round(value, DIGITS)}
