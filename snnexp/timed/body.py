"""From the body of an architecture to its timed form: what counts spikes or scales values gives way
to what knows times.
"""

from collections import OrderedDict
from typing import Literal

from torch import nn

from snnexp.layers.concatenation import Concatenation
from snnexp.layers.connection import Connection
from snnexp.layers.dropout import Dropout
from snnexp.layers.per_step import PerStep
from snnexp.network import parts
from snnexp.network.wiring import wiring
from snnexp.timed.output import TimedOutput
from snnexp.timed.pools import Silencing, TimePool
from snnexp.timed.unit import Timed, TimedUnit


class TimedBody(nn.Sequential):
    """A chain of timed units and of branches of such, closed by the output layer: spike times `[1,
    B, *n]` to spike times `[1, B, K]`.

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
        links = OrderedDict(body.named_children())
        for name, link in links.items():
            if isinstance(link, Connection):  # without a unit around it: the output layer
                links[name] = TimedOutput(link, output)
        super().__init__(links)
        for connection in connections(self):
            _refuse_norm(connection)


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
    windows = [layer for layer in module if isinstance(layer, nn.MaxPool2d)]
    if len(windows) == len(module) == 1:
        return TimePool(windows[0], pool)
    raise ValueError(
        "the timed form takes averages right before weights only; set architecture=mlp, or "
        "in architecture.layers write MP instead of AP "
        "and no dropout behind AP, for googlenet architecture.dropout=0"
    )


def _refuse_norm(connection: Connection) -> None:
    if not isinstance(connection.norm, nn.Identity):
        raise ValueError("the timed form has no norms; set norm=none")
