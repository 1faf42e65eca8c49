"""Times and bytes of a training step: of a network beside its analog twin, and of a neuron beside a
copy of memory.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from snnexp.cell import Over, streaming
from snnexp.cli.job import resolved
from snnexp.composition.compose import composed
from snnexp.configuration import build
from snnexp.measure.evaluator import autocast
from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.spiking import spiking_network
from snnexp.stages.count import SpikeCounts
from snnexp.stages.rate import RateBased
from snnexp.training.execution import Execution, TrainingPass

COPIED = 2**26
"""Values that the yardstick copies: far more than any cache holds."""

Clock = Callable[[], float]
Figures = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """Something to be measured; `forward` gives what the backward pass starts from."""

    module: nn.Module
    forward: Callable[[], Tensor]
    train: Callable[[], Any]
    evaluate: Callable[[], Any]


def forms(config: Figures) -> dict[str, Subject]:
    """The spiking form of the configured network and its analog twin, on random images."""
    torch.manual_seed(config["seed"])
    data, place = build.component(config["dataset"]), device(config)
    blueprint, batch = build.blueprint(config, data.shape, data.classes), config["batch_size"]
    images = torch.randn(batch, *data.shape).to(place)
    labels = (torch.arange(batch) % data.classes).to(place)
    steps, compiled = range(config["timesteps"]), config["compile"]
    execution = Execution(config["memory"], config["time_segments"], compiled)
    spiking, analog = spiking_network(blueprint).to(place), analog_network(blueprint).to(place)
    passes = (
        execution.forward(spiking, steps, _pass(config, blueprint)),
        Execution("default", 1, compiled).forward(analog, range(1)),
    )
    return {
        "spiking": _network(spiking, steps, passes[0], images, labels, config),
        "analog": _network(analog, range(1), passes[1], images, labels, config),
    }


def _pass(config: Figures, blueprint: Blueprint) -> TrainingPass | None:
    """The training pass of a strategy that trains on spike counts or rates; None for the one
    through time.
    """
    stage = list(build.stages(config).values())[-1]
    counts = isinstance(stage, SpikeCounts | RateBased)
    return stage.training_pass(blueprint) if counts else None


def device(config: Figures) -> torch.device:
    """The configured device."""
    found = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(found if config["device"] == "auto" else config["device"])


def _network(
    form: Network,
    steps: range,
    training: nn.Module,
    images: Tensor,
    labels: Tensor,
    config: Figures,
) -> Subject:
    optimizer, loss = (
        build.factory(config["optimizer"])(form.parameters()),
        build.component(config["loss"]),
    )
    keys, precision = (
        torch.arange(len(images), device=images.device),
        getattr(torch, config["precision"]),
    )

    def forward() -> Tensor:
        form.train()
        with autocast(images.device, precision):
            reading = training(images, keys)
        return loss(reading, labels)

    def train() -> None:
        optimizer.zero_grad(set_to_none=True)
        forward().backward()
        optimizer.step()

    def evaluate() -> None:
        form.eval()
        with streaming(form), autocast(images.device, precision):
            form(images, steps, keys)

    return Subject(form, forward, train, evaluate)


def alone(config: Figures, shape: tuple[int, ...]) -> Subject:
    """The configured neuron on a current of `shape`."""
    neuron = Over(
        build.factory(config["neuron"])(surrogate=build.component(config["surrogate"]))
    ).to(device(config))
    current = (torch.randn(shape) * 0.8 + 0.4).to(device(config)).requires_grad_()
    gradient = torch.randn(shape).to(current)

    def train() -> None:
        current.grad = None
        neuron(current).backward(gradient)

    def evaluate() -> None:
        with streaming(neuron):
            neuron(current)

    return Subject(neuron, lambda: neuron(current), train, evaluate)


def saved(subject: Subject) -> int:
    """Bytes that autograd keeps for the backward pass."""
    owned = {
        tensor.untyped_storage().data_ptr()
        for tensor in (*subject.module.parameters(), *subject.module.buffers())
    }
    storages: dict[int, Any] = {}

    def seen(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(seen, lambda tensor: tensor):
        subject.forward()
    return sum(storage.nbytes() for place, storage in storages.items() if place not in owned)


def allocated(work: Callable[[], Any], place: torch.device) -> tuple[int, int]:
    """Bytes that `work` leaves alive, its result among them, and the most that it had alive."""
    if place.type == "cuda":
        torch.cuda.reset_peak_memory_stats(place)
        before, result = torch.cuda.memory_allocated(place), work()
        return torch.cuda.memory_allocated(place) - before, torch.cuda.max_memory_allocated(place)
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profile:
        result = work()
    alive = peak = 0
    for event in profile.profiler.kineto_results.events():
        alive += event.nbytes() if event.name() == "[memory]" else 0
        peak = max(peak, alive)
    del result
    return alive, peak


def memory(subject: Subject, place: torch.device) -> dict[str, int]:
    """All byte counts of a training step."""
    subject.train()  # what is made once, gradients and momenta, is there from here on
    kept, _ = allocated(subject.forward, place)
    return {"saved": saved(subject), "kept": kept, "peak": allocated(subject.train, place)[1]}


def times(
    works: dict[str, Callable[[], Any]], repeats: int, clock: Clock
) -> dict[str, dict[str, float]]:
    """Seconds that each piece of work takes, taking turns; the first round warms up and does not
    count.
    """
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats + 1):
        for name, work in works.items():
            started = clock()
            work()
            taken[name].append(clock() - started)
    return {name: _spread(values[1:]) for name, values in taken.items()}


def _spread(values: list[float]) -> dict[str, float]:
    low, middle, high = statistics.quantiles(
        values * 2 if len(values) == 1 else values, n=4, method="inclusive"
    )
    return {"seconds": middle, "quartiles": high - low}


def against_twin(overrides: list[str], repeats: int, clock: Clock) -> Figures:
    """All figures of the network that `snnexp train` would run with these overrides."""
    config = resolved(composed(overrides))
    subjects, timesteps = forms(config), config["timesteps"]
    figures: Figures = {name: memory(subject, device(config)) for name, subject in subjects.items()}
    works = {
        (name, kind): getattr(subject, kind)
        for name, subject in subjects.items()
        for kind in ("train", "evaluate")
    }
    for (name, kind), taken in times(works, repeats, clock).items():
        figures[name][kind] = taken
    ratios = {
        key: _value(spiking) / (timesteps * _value(figures["analog"][key]))
        for key, spiking in figures["spiking"].items()
    }
    head = {
        key: config[key]
        for key in ("timesteps", "batch_size", "precision", "memory", "time_segments", "compile")
    }
    return {**head, "overrides": overrides, **figures, "ratios": ratios}


def against_other(overrides: list[str], other: list[str], repeats: int, clock: Clock) -> Figures:
    """All figures of the spiking network of `overrides`, of that with `other` on top, and the
    former over the latter.
    """
    configs = {
        "this": resolved(composed(overrides)),
        "other": resolved(composed([*overrides, *other])),
    }
    subjects = {name: forms(config)["spiking"] for name, config in configs.items()}
    figures: Figures = {
        name: memory(subject, device(configs[name])) for name, subject in subjects.items()
    }
    works = {
        (name, kind): getattr(subject, kind)
        for name, subject in subjects.items()
        for kind in ("train", "evaluate")
    }
    for (name, kind), taken in times(works, repeats, clock).items():
        figures[name][kind] = taken
    ratios = {
        key: _value(this) / _value(figures["other"][key]) for key, this in figures["this"].items()
    }
    return {"overrides": overrides, "against": other, **figures, "ratios": ratios}


def against_copy(
    overrides: list[str], shape: tuple[int, ...], repeats: int, clock: Clock
) -> Figures:
    """Times of the neuron alone as multiples of the time in which the bytes it must move are
    copied.
    """
    config = resolved(composed(overrides))
    subject, here = alone(config, shape), torch.zeros(COPIED, device=device(config))
    there = torch.ones_like(here)
    taken = times(
        {"train": subject.train, "evaluate": subject.evaluate, "copy": lambda: there.copy_(here)},
        repeats,
        clock,
    )
    byte = taken["copy"]["seconds"] / (8 * COPIED)
    values = torch.Size(shape).numel()
    ratios = {
        kind: taken[kind]["seconds"] / (moved * values * byte)
        for kind, moved in (("train", 24), ("evaluate", 8))
    }
    return {"shape": shape, **taken, "saved_per_value": saved(subject) / values, "ratios": ratios}


def _value(figure: Any) -> float:
    return figure["seconds"] if isinstance(figure, dict) else figure
