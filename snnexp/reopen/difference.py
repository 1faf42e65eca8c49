"""Whether a change makes any difference to the evaluation of a trained network."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from snnexp.cell import Over, streaming
from snnexp.composition.short import values
from snnexp.datasets.batches import Batch
from snnexp.losses.reading import Reading
from snnexp.measure.evaluator import in_evaluation
from snnexp.network.network import Network
from snnexp.reopen.opened import Reopened
from snnexp.runs.kept import same
from snnexp.training.session import Session

IMAGES, PIXELS, STEPS, SCORES = 32, 2**22, 16, 64
"""Test images that two networks are compared on, as far as so many numbers go, and timesteps; and
made-up scores for losses.
"""


def differ(one: Reopened, other: Reopened) -> bool:
    """Whether anything that an evaluation depends on is not the same in two networks that were
    opened again.
    """
    ours, theirs = _batch(one.session), _batch(other.session)
    if _conditions(one) != _conditions(other):
        return True
    if len(one.session.test.split) != len(other.session.test.split):
        return True
    if not (same(ours.input, theirs.input) and same(ours.labels, theirs.labels)):
        return True
    return not (
        _alike(_tensors(one.network.state_dict()), _tensors(other.network.state_dict()))
        and _alike(_judged(one.session), _judged(other.session))
        and _alike(_seen(one.network, ours), _seen(other.network, theirs))
    )


def _conditions(reopened: Reopened) -> dict[str, Any]:
    """What a network is evaluated on, in and at, in plain values; without what its form does not
    ask for.
    """
    config, form = reopened.config, reopened.network.form
    settings = config["evaluate"]
    shared = {
        "device": config["device"],
        "data_dir": config["data_dir"],
        "data": values(config["dataset"], "data_dir"),
    }
    shared |= {"batch_size": settings["batch_size"], "reference": config["reference"]}
    shared |= {key: settings[key] for key in ("predictions", "neurobench")}
    shared |= {"energy": config["energy"]}
    if form != "timed":
        shared["precision"] = config["precision"]
    if form != "analog":
        shared["timesteps"] = settings["timesteps"]
    if form == "spiking":
        shared |= {"chunk": settings["chunk"], "presimulation": config["presimulation"]}
        shared |= {
            key: settings[key] for key in ("by_timestep", "exit_thresholds", "exit_tolerance")
        }
    return shared


def _batch(session: Session) -> Batch:
    """The first images of the test set as they are evaluated."""
    batch = next(session.test.epoch(0, shuffle=False))
    count = max(min(IMAGES, PIXELS // batch.input[0].numel()), 1)
    return Batch(*(each[:count] for each in batch))


def _alike(ours: Iterator[tuple[str, Tensor]], theirs: Iterator[tuple[str, Tensor]]) -> bool:
    one, other = dict(ours), dict(theirs)
    return one.keys() == other.keys() and all(
        same(value, other[name]) for name, value in one.items()
    )


def _tensors(value: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, dict | list | tuple):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _tensors(each, f"{name}/{key}")


def _judged(session: Session) -> Iterator[tuple[str, Tensor]]:
    """What the loss says of scores of every size, and of such as spike times have, which are below
    zero.
    """
    scores, labels = (
        _currents(torch.Size([1, SCORES, len(session.class_names)])),
        torch.arange(SCORES) % len(session.class_names),
    )
    for name, given in (("scores", scores), ("times", -scores.abs())):
        for place in range(SCORES):
            yield f"{name} {place}", _judge(session, given[:, place, None], labels[place, None])


def _judge(session: Session, scores: Tensor, labels: Tensor) -> Tensor:
    evaluator: Any = session.evaluator
    return evaluator.loss(Reading(scores, scores), labels)


def _seen(network: Network, batch: Batch) -> Iterator[tuple[str, Tensor]]:
    """All that modules give and all states, for images and, where a loop over time gets them, for
    currents of every size.
    """
    steps = range(STEPS)
    given: dict[str, Any] = {}
    shapes: dict[Any, Any] = {}
    hooks = [
        module.register_forward_hook(_keeper(given, shapes, name))
        for name, module in network.named_modules()
    ]
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
        if (
            not arguments or output is not arguments[0]
        ):  # what hands on what it gets, as dropout does, may be there or not
            given[name] = output
        if isinstance(module, Over) and arguments and isinstance(arguments[0], Tensor):
            shapes[name, module] = arguments[0].shape, arguments[0].dtype

    return keep


def _currents(shape: torch.Size) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator) * 10 ** torch.empty(shape).uniform_(
        -3, 6, generator=generator
    )
