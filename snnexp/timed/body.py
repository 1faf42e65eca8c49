"""From the body of an architecture to its timed form: what counts spikes or scales values gives way
to what knows times.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import Cell, State
from snnexp.layers.concatenation import Concatenation
from snnexp.layers.connection import Connection
from snnexp.layers.dropout import Dropout
from snnexp.layers.per_step import PerStep
from snnexp.network import parts
from snnexp.network.wiring import wiring
from snnexp.timed.layer import Timed, TimedUnit


class TimedBody(nn.Sequential):
    """A chain of timed units and of branches of such, closed by a connection whose neurons are
    `output`.

    Names of weights are those of the other forms.

    Args:
        body: what the architecture built, a chain, whose links may be concatenated branches.
        output: the neurons of the last layer.
        pool: the spike of a window that a max pool takes: the first or the last.

    Raises:
        ValueError: sums of branches, norms, or average pools without weights behind them, which
            spike times do not have.
    """

    def __init__(self, body: nn.Module, output: Timed, pool: Literal["first", "last"]):
        if not isinstance(body, nn.Sequential):
            raise ValueError(NO_SUMS)
        _put_in_time(body, pool)
        super().__init__(OrderedDict(body.named_children()))
        for connection in connections(self):
            _check(connection)
        self.last = [output]  # in a list: it has no weights, and is no link of the chain

    def forward(self, x: Float[Tensor, "1 B *n"]) -> Float[Tensor, "1 B K"]:
        for module in self:
            x = self.last[0](module, x) if isinstance(module, Connection) else module(x)
        return x


def connections(module: nn.Module) -> list[Connection]:
    """All connections in the order of the forward pass."""
    return list(parts.connections(module).values())


NO_SUMS = (
    "the timed form adds no branches up; set architecture=mlp, or choose cnn, a vgg or googlenet"
)


def _put_in_time(body: nn.Module, pool: str) -> None:
    """Replaces what is between the units of a body, in place."""
    for node in wiring(body).nodes:
        body.set_submodule(node.name, _timed(node.module, pool))


def _timed(module: nn.Module, pool: str) -> nn.Module:
    match module:
        case TimedUnit() | Connection() | Concatenation():
            return module
        case PerStep():
            return _pooling(module, pool)
        case Dropout():
            return Silencing(module.p)
    raise ValueError(NO_SUMS)


def _pooling(module: PerStep, pool: str) -> nn.Module:
    windows = [each for each in module if isinstance(each, nn.MaxPool2d)]
    if len(windows) == len(module) == 1:
        return TimePool(windows[0], pool)
    raise ValueError(
        "the timed form takes averages right before weights only; set architecture=mlp, or "
        "in architecture.layers write MP instead of AP "
        "and no dropout behind AP, for googlenet architecture.dropout=0"
    )


def _check(connection: Connection) -> None:
    if not isinstance(connection.norm, nn.Identity):
        raise ValueError("the timed form has no norms; set norm=none")


class TimePool(nn.Module):
    """The first or the last spike of every window; the last is never if one of them is. What lies
    beyond the edge does not count.

    Args:
        pool: the windows: their size, stride and padding.
        spike: which.
    """

    kind: ClassVar[str] = "pool"

    def __init__(self, pool: nn.MaxPool2d, spike: Literal["first", "last"]):
        super().__init__()
        self.pool = pool
        self.spike = spike

    def forward(self, x: Float[Tensor, "1 B C H W"]) -> Float[Tensor, "1 B C h w"]:
        return (-self.pool(-x[0]) if self.spike == "first" else self.pool(x[0]))[None]


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
        return -x.masked_fill(
            x.isinf(), self.horizon
        ), state  # a neuron forced to fire then keeps its gradient


def timed_layers(network: nn.Module) -> Iterator[tuple[str, Connection, Timed, nn.Module | None]]:
    """Name, connection, neurons and pulses of every timed layer in the order of the forward pass;
    none in another form.
    """
    body = getattr(network, "body", network)
    if not isinstance(body, TimedBody):
        return
    for node in wiring(network).of("unit", "connection"):
        if isinstance(node.module, TimedUnit):
            yield node.name, node.module.connection, node.module.timed, node.module.pulses
        elif node.module is body[-1]:
            yield node.name, node.module, body.last[0], None
