"""From a list of layers to a body: the common part of the architectures without branches."""

from collections.abc import Callable

from torch import nn

from snnexp.architectures.tokens import Convolution, Drop, Layer, Linear, Pool
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.connection import Connection
from snnexp.layers.dropout import Dropout
from snnexp.layers.per_step import PerStep


class Chain:
    """A body that grows layer by layer: knows the shape so far, and the pools that wait for the next weights.

    Args:
        unit: connection to the unit it drives.
        norm: called as `norm(features=, dimensions=, branches=)`.
        shape: (C, H, W) of the input.
        bias: whether weights come with a bias.
        initialise: draws the weights of a layer and returns it.
    """

    def __init__(
        self,
        unit: Callable[[nn.Module], nn.Module],
        norm: Callable[..., nn.Module],
        shape: tuple[int, int, int],
        bias: bool,
        initialise: Callable[[nn.Module], nn.Module],
    ):
        self.unit, self.norm, self.bias, self.initialise = unit, norm, bias, initialise
        self.channels, self.size = shape[0], shape[1:]  # size is () once the map is flat
        self.waiting: list[nn.Module] = []
        self.body = nn.Sequential()
        self.counts: dict[str, int] = {}

    def add(self, layer: Layer) -> None:
        """Appends one layer."""
        match layer:
            case Convolution():
                self._convolution(layer)
            case Pool():
                self._pool(layer)
            case Linear():
                norm = self.norm(features=layer.features, dimensions=1, branches=1)
                self._append("linear", self.unit(self._linear(layer.features, norm)))
            case Drop():
                self._drop(layer)

    def finish(self, features: int) -> nn.Sequential:
        """The body, closed by the output layer, whose current has `features` values."""
        self.body.add_module("output", self._linear(features, nn.Identity()))
        return self.body

    def _convolution(self, layer: Convolution) -> None:
        self._resize(layer, (layer.kernel, layer.kernel), layer.stride, layer.padding)
        weights = nn.Conv2d(self.channels, layer.channels, layer.kernel, layer.stride, layer.padding, bias=self.bias)
        self.channels = layer.channels
        self._append("convolution", self.unit(self._connect(weights, self.norm(features=layer.channels, dimensions=2, branches=1))))

    def _linear(self, features: int, norm: nn.Module) -> Connection:
        if self.size:
            self.waiting.append(nn.Flatten())
            self.channels, self.size = self.channels * self.size[0] * self.size[1], ()
        weights = nn.Linear(self.channels, features, bias=self.bias)
        self.channels = features
        return self._connect(weights, norm)

    def _pool(self, layer: Pool) -> None:
        window = (layer.window, layer.window) if layer.window else self.size
        self._resize(layer, window, stride=None, padding=0)
        if layer.kind == "average":
            self.waiting.append(AveragePool(window))
        else:
            self._append("pool", PerStep(*self._take(), nn.MaxPool2d(window)))

    def _drop(self, layer: Drop) -> None:
        if self.waiting:  # the mask is drawn on the pooled map, so the pool cannot wait for the weights behind the mask
            self._append("pool", PerStep(*self._take()))
        self._append("dropout", Dropout(layer.probability))

    def _connect(self, weights: nn.Module, norm: nn.Module) -> Connection:
        return Connection(self.initialise(weights), norm, before=self._take())

    def _take(self) -> tuple[nn.Module, ...]:
        taken, self.waiting = tuple(self.waiting), []
        return taken

    def _append(self, kind: str, module: nn.Module) -> None:
        """Under a name that does not depend on layers of another kind, so that weights keep theirs when dropout comes or goes."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.body.add_module(f"{kind}{self.counts[kind]}", module)

    def _resize(self, layer: Convolution | Pool, window: tuple[int, ...], stride: int | None, padding: int) -> None:
        if not self.size:
            raise ValueError(f"{layer.origin}: needs a map, but a linear layer before it has left none; put it before the first FC")
        size = tuple((extent + 2 * padding - width) // (stride or width) + 1 for extent, width in zip(self.size, window, strict=True))
        if min(size) < 1:
            height, width = self.size
            raise ValueError(f"{layer.origin}: does not fit on a map of {height} x {width}; use larger images or fewer pools and strides")
        self.size = size
