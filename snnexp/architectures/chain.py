"""From a list of layers to a body: the common part of the architectures without branches."""

from collections.abc import Callable

from torch import nn

from snnexp.architectures.scale import Scale
from snnexp.architectures.tokens import (
    Convolution,
    Drop,
    FiringPool,
    Layer,
    Linear,
    MaxPool,
    Pool,
    RecurrentLinear,
)
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.connection import Connection
from snnexp.layers.convolution import Conv2d
from snnexp.layers.dropout import Dropout
from snnexp.layers.per_step import PerStep
from snnexp.layers.recurrent import Recurrent


class Chain:
    """A body that grows layer by layer: knows the shape so far, and the pools that wait for the
    next weights.

    Args:
        unit: connection to the unit it drives.
        norm: called as `norm(features=, dimensions=, branches=)`.
        shape: (C, H, W) of the input.
        bias: whether weights come with a bias; the attribute may be changed on the way.
        norm_linear: whether hidden linear layers have a norm, as convolutions do.
        initialise: draws the weights of a layer and returns it.
    """

    def __init__(
        self,
        unit: Callable[[nn.Module], nn.Module],
        norm: Callable[..., nn.Module],
        shape: tuple[int, int, int],
        bias: bool,
        norm_linear: bool,
        initialise: Callable[[nn.Module], nn.Module],
    ):
        self.unit, self.norm, self.initialise = unit, norm, initialise
        self.bias, self.norm_linear = bias, norm_linear
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
            case MaxPool():
                self._max_pool(layer)
            case FiringPool():
                self._firing_pool(layer)
            case Linear():
                self._append(
                    "linear",
                    self.unit(self._linear(layer.features, self._linear_norm(layer.features))),
                )
            case RecurrentLinear():
                self._append("recurrent", self.unit(self._recurrent(layer.features)))
            case Drop():
                self._drop(layer)

    def grow(self, name: str, block: nn.Module, channels: int, stride: int) -> None:
        """Appends a block with branches, which turns the map into one of `channels` and ceil(extent
        / stride).
        """
        self._settle()  # branches share what a pool gives, so it belongs to none of their weights
        self.body.add_module(name, block)
        self.channels, self.size = channels, tuple(-(-extent // stride) for extent in self.size)

    def finish(self, features: int) -> nn.Sequential:
        """The body, closed by the output layer, whose current has `features` values."""
        self.body.add_module("output", self._linear(features, nn.Identity()))
        return self.body

    def _convolution(self, layer: Convolution) -> None:
        self._resize(layer, (layer.kernel, layer.kernel), layer.stride, layer.padding)
        weights = Conv2d(
            self.channels, layer.channels, layer.kernel, layer.stride, layer.padding, bias=self.bias
        )
        self.channels = layer.channels
        self._append(
            "convolution",
            self.unit(
                self._connect(weights, self.norm(features=layer.channels, dimensions=2, branches=1))
            ),
        )

    def _linear(self, features: int, norm: nn.Module) -> Connection:
        if self.size:
            self.waiting.append(nn.Flatten())
            self.channels, self.size = self.channels * self.size[0] * self.size[1], ()
        weights = nn.Linear(self.channels, features, bias=self.bias)
        self.channels = features
        return self._connect(weights, norm)

    def _recurrent(self, features: int) -> Recurrent:
        feedforward = self._linear(features, self._linear_norm(features))
        feedback = self.initialise(nn.Linear(features, features, bias=False))
        return Recurrent(feedforward, feedback)

    def _linear_norm(self, features: int) -> nn.Module:
        return (
            self.norm(features=features, dimensions=1, branches=1)
            if self.norm_linear
            else nn.Identity()
        )

    def _pool(self, layer: Pool) -> None:
        window = (layer.window, layer.window) if layer.window else self.size
        self._resize(layer, window, stride=None, padding=0)
        self.waiting.append(AveragePool(window, layer.gain))

    def _max_pool(self, layer: MaxPool) -> None:
        if 2 * layer.padding > layer.window:
            raise ValueError(
                f"{layer.origin}: a padding of {layer.padding} is more than half the window "
                f"of {layer.window}"
            )
        self._resize(layer, (layer.window, layer.window), layer.stride, layer.padding)
        self._append(
            "pool", PerStep(*self._take(), nn.MaxPool2d(layer.window, layer.stride, layer.padding))
        )

    def _firing_pool(self, layer: FiringPool) -> None:
        self._pool(Pool(layer.window, 1.0, layer.origin))
        self._append("pool", self.unit(PerStep(*self._take(), Scale(1 / layer.threshold))))

    def _drop(self, layer: Drop) -> None:
        # the mask is drawn on the pooled map, so the pool cannot wait for the weights behind the
        # mask
        self._settle()
        self._append("dropout", Dropout(layer.probability, layer.per_step))

    def _settle(self) -> None:
        if self.waiting:
            self._append("pool", PerStep(*self._take()))

    def _connect(self, weights: nn.Module, norm: nn.Module) -> Connection:
        return Connection(self.initialise(weights), norm, before=self._take())

    def _take(self) -> tuple[nn.Module, ...]:
        taken, self.waiting = tuple(self.waiting), []
        return taken

    def _append(self, kind: str, module: nn.Module) -> None:
        """Under a name that does not depend on layers of another kind, so that weights keep theirs
        when dropout comes or goes.
        """
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.body.add_module(f"{kind}{self.counts[kind]}", module)

    def _resize(
        self,
        layer: Convolution | Pool | MaxPool,
        window: tuple[int, ...],
        stride: int | None,
        padding: int,
    ) -> None:
        if not self.size:
            raise ValueError(
                f"{layer.origin}: needs a map, but a linear layer before it has left none; "
                "put it before the first FC"
            )
        size = tuple(
            (extent + 2 * padding - width) // (stride or width) + 1
            for extent, width in zip(self.size, window, strict=True)
        )
        if min(size) < 1:
            height, width = self.size
            raise ValueError(
                f"{layer.origin}: does not fit on a map of {height} x {width}; use larger "
                "images or fewer pools and strides"
            )
        self.size = size
