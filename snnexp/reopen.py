"""A trained network under a changed configuration, and whether a change makes any difference to its evaluation."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from snnexp.cell import Over, streaming
from snnexp.composition.short import values
from snnexp.configuration import build
from snnexp.datasets.batches import Batch
from snnexp.datasets.names import refuse_others
from snnexp.losses.reading import Reading
from snnexp.measure.evaluator import in_evaluation
from snnexp.network.network import Network
from snnexp.run import prepare
from snnexp.runs.kept import same
from snnexp.runs.weights import classes, load
from snnexp.training.session import Session

Config = dict[str, Any]
IMAGES, PIXELS, STEPS, SCORES = 32, 2**22, 16, 64
"""Test images that two networks are compared on, as far as so many numbers go, and timesteps; and made-up scores for losses."""


class Reopened:
    """A network and all that its evaluation depends on.

    Args:
        config: the configuration, checked.
        trained: that of the training.
        path: of the weights.

    Raises:
        Settled: a change asks for numbers that training has put others in place of.
        DataError: data or weights are missing, damaged, or of another network.
    """

    def __init__(self, config: Config, trained: Config, path: Path):
        self.config = config
        self.session: Session = prepare(config, trackers=None)
        refuse_others(classes(path), self.session.class_names, path.parent)
        blueprint = self.session.blueprint
        before = None if config == trained else build.blueprint(trained, blueprint.shape, blueprint.classes)
        first = None if before is None else partial(build.untrained, trained, before)
        encoder = "saved" if config["encoder"] == trained["encoder"] else "own"
        self.network: Network = load(partial(build.untrained, config, blueprint), path, self.session.device, encoder, first)

    def conditions(self) -> dict[str, Any]:
        """What it is evaluated on, in and at, in plain values; without what its form does not ask for."""
        config, settings, form = self.config, self.config["evaluate"], self.network.form
        shared = {"device": config["device"], "data_dir": config["data_dir"], "data": values(config["dataset"], "data_dir")}
        shared |= {"batch_size": settings["batch_size"], "reference": config["reference"]}
        if form != "timed":
            shared["precision"] = config["precision"]
        if form != "analog":
            shared["timesteps"] = settings["timesteps"]
        if form == "spiking":
            shared |= {"chunk": settings["chunk"], "presimulation": config["presimulation"]}
        return shared

    def batch(self) -> Batch:
        """The first images of the test set as they are evaluated."""
        batch = next(self.session.test.epoch(0, shuffle=False))
        count = max(min(IMAGES, PIXELS // batch.input[0].numel()), 1)
        return Batch(*(each[:count] for each in batch))

    def differs(self, other: "Reopened") -> bool:
        """Whether anything that an evaluation depends on is not the same."""
        ours, theirs = self.batch(), other.batch()
        if self.conditions() != other.conditions() or len(self.session.test.split) != len(other.session.test.split):
            return True
        if not (same(ours.input, theirs.input) and same(ours.labels, theirs.labels)):
            return True
        return not (
            _alike(_tensors(self.network.state_dict()), _tensors(other.network.state_dict()))
            and _alike(_judged(self.session), _judged(other.session))
            and _alike(_seen(self.network, ours), _seen(other.network, theirs))
        )


def _alike(ours: Iterator[tuple[str, Tensor]], theirs: Iterator[tuple[str, Tensor]]) -> bool:
    one, other = dict(ours), dict(theirs)
    return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())


def _tensors(value: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, dict | list | tuple):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _tensors(each, f"{name}/{key}")


def _judged(session: Session) -> Iterator[tuple[str, Tensor]]:
    """What the loss says of scores of every size, and of such as spike times have, which are below zero."""
    scores, labels = _currents(torch.Size([1, SCORES, len(session.class_names)])), torch.arange(SCORES) % len(session.class_names)
    for name, given in (("scores", scores), ("times", -scores.abs())):
        for place in range(SCORES):
            yield f"{name} {place}", _judge(session, given[:, place, None], labels[place, None])


def _judge(session: Session, scores: Tensor, labels: Tensor) -> Tensor:
    return session.evaluator.loss(Reading(scores, scores), labels)


def _seen(network: Network, batch: Batch) -> Iterator[tuple[str, Tensor]]:
    """All that modules give and all states, for images and, where a loop over time gets them, for currents of every size."""
    steps, given, shapes = range(STEPS), {}, {}
    hooks = [module.register_forward_hook(_keeper(given, shapes, name)) for name, module in network.named_modules()]
    try:
        with in_evaluation(network), streaming(network):
            given["encoded"] = network.encoder(batch.input, steps, batch.keys)
            few = Batch(*(each[:2] for each in batch))
            network(few.input, steps if network.form == "spiking" else range(1), few.keys)
            given["states"] = {name: loop.states for name, loop in shapes}
    finally:
        for hook in hooks:
            hook.remove()
    yield from _tensors(given)
    for (name, loop), (shape, dtype) in shapes.items():
        with in_evaluation(network), streaming(loop):
            yield f"{name} excited", loop(_currents(shape).to(batch.input.device, dtype))
            yield from _tensors(loop.states, f"{name} excited state")


def _keeper(given: dict[str, Any], shapes: dict, name: str) -> Any:
    def keep(module: nn.Module, arguments: tuple, output: Any) -> None:
        if not arguments or output is not arguments[0]:  # what hands on what it gets, as dropout does, may be there or not
            given[name] = output
        if isinstance(module, Over) and arguments and isinstance(arguments[0], Tensor):
            shapes[name, module] = arguments[0].shape, arguments[0].dtype

    return keep


def _currents(shape: torch.Size) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator) * 10 ** torch.empty(shape).uniform_(-3, 6, generator=generator)
