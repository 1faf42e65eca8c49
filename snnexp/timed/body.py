"""From the body of an architecture to its timed form: what counts spikes or scales values gives way to what knows times."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from snnexp.cell import Cell, State
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.connection import Connection
from snnexp.layers.dropout import Dropout
from snnexp.layers.per_step import PerStep
from snnexp.timed.layer import Timed, TimedUnit


class TimedBody(nn.Sequential):
    """A chain of timed units, closed by a connection whose neurons are `output`; names of weights are those of the other forms.

    Args:
        body: what the architecture built, a chain.
        output: the neurons of the last layer.
        pool: the spike of a window that a max pool takes: the first or the last.

    Raises:
        ValueError: branches, norms, or average pools, which spike times do not have.
    """

    def __init__(self, body: nn.Module, output: Timed, pool: Literal["first", "last"]):
        if not isinstance(body, nn.Sequential):
            raise ValueError("the timed form has no branches; set architecture=mlp, or choose cnn or a vgg with max pools")
        super().__init__(OrderedDict((name, _timed(module, pool)) for name, module in body.named_children()))
        for connection in connections(self):
            _check(connection)
        self.last = [output]  # in a list: it has no weights, and is no link of the chain

    def forward(self, x: Float[Tensor, "1 B *n"]) -> Float[Tensor, "1 B K"]:
        for module in self:
            x = self.last[0](module, x) if isinstance(module, Connection) else module(x)
        return x


def connections(module: nn.Module) -> list[Connection]:
    """All connections in the order of the forward pass."""
    return [each for each in module.modules() if isinstance(each, Connection)]


def _timed(module: nn.Module, pool: str) -> nn.Module:
    if isinstance(module, PerStep):
        windows = [each.kernel_size for each in module if isinstance(each, nn.MaxPool2d)]
        if len(windows) == len(module) == 1:
            return TimePool(windows[0], pool)
        raise ValueError(_AVERAGES)
    return Silencing(module.p) if isinstance(module, Dropout) else module


_AVERAGES = "the timed form pools by the first or last spike; write MP instead of AP in architecture.layers, or set architecture=mlp"


def _check(connection: Connection) -> None:
    if not isinstance(connection.norm, nn.Identity):
        raise ValueError("the timed form has no norms; set norm=none")
    if any(isinstance(each, AveragePool) for each in connection.before.modules()):
        raise ValueError(_AVERAGES)


class TimePool(nn.Module):
    """The first or the last spike of every window; the last is never if one of them is.

    Args:
        window: height and width of the window.
        spike: which.
    """

    def __init__(self, window: int | tuple[int, int], spike: Literal["first", "last"]):
        super().__init__()
        self.window = window
        self.spike = spike

    def forward(self, x: Float[Tensor, "1 B C H W"]) -> Float[Tensor, "1 B C h w"]:
        return (-functional.max_pool2d(-x[0], self.window) if self.spike == "first" else functional.max_pool2d(x[0], self.window))[None]


class Silencing(nn.Module):
    """Dropout of spikes: a neuron is kept from firing with probability `p`, nothing is scaled.

    Args:
        p: probability, in [0, 1).
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Float[Tensor, "1 B *n"]) -> Float[Tensor, "1 B *n"]:
        return x.masked_fill(torch.rand_like(x) < self.p, torch.inf) if self.training else x


class Earliest(Cell):
    """Scores of a timed network: minus the time of the spike, minus the horizon for none.

    Args:
        horizon: see the neuron.
    """

    memoryless = True
    spiking = True

    def __init__(self, horizon: float):
        super().__init__()
        self.horizon = horizon

    def features(self, classes: int) -> int:
        """Width of the output layer."""
        return classes

    def initial(self, x: Float[Tensor, "B K"]) -> State:
        return ()

    def step(self, x: Float[Tensor, "B K"], state: State) -> tuple[Float[Tensor, "B K"], State]:
        return -x.masked_fill(x.isinf(), self.horizon), state  # a neuron forced to fire then keeps its gradient


def timed_layers(network: nn.Module) -> Iterator[tuple[str, Connection, Timed, nn.Module | None]]:
    """Name, connection, neurons and pulses of every timed layer in the order of the forward pass; none in another form."""
    for prefix, body in network.named_modules():
        if isinstance(body, TimedBody):
            for name, module in body.named_children():
                if isinstance(module, TimedUnit):
                    yield f"{prefix}.{name}", module.connection, module.timed, module.pulses
                elif isinstance(module, Connection):
                    yield f"{prefix}.{name}", module, body.last[0], None


def is_timed(network: nn.Module) -> bool:
    """Whether the values of a network are spike times."""
    return any(isinstance(module, TimedBody) for module in network.modules())
