"""Connections: the weights that turn spikes into input current, and their norm."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.layers.joint import Joint, side_by_side
from snnexp.layers.lean import Everything, Keeping
from snnexp.layers.per_step import PerStep
from snnexp.layers.signal import Real, Signal, Spikes, together


class Connection(nn.Module):
    """Weights and norm: spikes `[T, B, *n]` to input current `[T, B, *m]`.

        current = norm(W pool(s) + b)

    Weights and norm are kept apart so that the norm can be folded, run per step, or fused with the
    neuron. What lies between the spikes and the weights and is linear (average pooling, flattening)
    belongs to the connection: its input is what neurons or the encoder sent, which is what synaptic
    operations are counted on.

    Args:
        weights: one convolution or linear layer.
        norm: module on `[T, B, *m]`; `nn.Identity()` for none.
        before: linear layers without parameters between the spikes and the weights, on `[B, *n]`.
    """

    def __init__(
        self, weights: nn.Conv2d | nn.Linear, norm: nn.Module, before: tuple[nn.Module, ...] = ()
    ):
        super().__init__()
        self.before = PerStep(*before) if before else nn.Identity()
        self.weights = PerStep(weights)
        self.norm = norm
        self.keeping: Keeping = Everything()

    def forward(self, x: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *m"]:
        return self.norm(self.raw(x))

    def raw(self, x: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *m"]:
        """The current before the norm."""
        return self.keeping.weighted(self.before, self.weights, x)

    def passed(self, signals: list[Signal], values: Tensor) -> Signal:
        """A current, which is another at every timestep, but for what stands still."""
        (signal,) = signals
        return signal if isinstance(signal, Real) else Real(len(values))

    def make_room(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Gives the weights a bias, where a calibration has given them one."""
        shape = shapes.get("weights.0.bias")
        if shape is not None and self.layer.bias is None:
            self.layer.bias = nn.Parameter(self.layer.weight.new_zeros(shape))

    @property
    def preceding(self) -> tuple[nn.Module, ...]:
        """The layers between the spikes and the weights, in order."""
        return tuple(self.before) if isinstance(self.before, PerStep) else ()

    @property
    def layer(self) -> nn.Conv2d | nn.Linear:
        """The convolution or linear layer itself."""
        return self.weights[0]


class Sum(Joint):
    """Adds the currents of several branches that start from the same spikes: the joint of a
    residual block.
    """

    def __init__(self, *branches: nn.Module):
        super().__init__("sum", side_by_side(branches))
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *m"]:
        return sum(branch(x) for branch in self.branches)

    def passed(self, signals: list[Signal], values: Tensor) -> Signal:
        """A current, which is another at every timestep, but for what stands still."""
        if all(isinstance(signal, Real) for signal in signals):
            return together(signals)
        return Real(len(values))

    def added(self, signals: list[Signal]) -> list[Spikes]:
        """The spikes of a shortcut without weights; currents are there already."""
        return [signal for signal in signals if isinstance(signal, Spikes)]


def absorb(connection: Connection) -> None:
    """Folds the norm, if there is one, and gives the weights a bias of 0 if they still have
    none.
    """
    fold(connection)
    if connection.layer.bias is None:
        connection.layer.bias = nn.Parameter(
            connection.layer.weight.new_zeros(len(connection.layer.weight))
        )


def fold(connection: Connection) -> None:
    """Folds an affine norm with fixed statistics into the weights, in place; afterwards the
    connection has no norm.

        W' = W scale,  b' = b scale + shift,  where norm(x) = scale x + shift

    Source: Rueckauer 2017 (survey [10]). The norm states its own `scale, shift = norm.affine()` per
    output channel.

    Raises:
        TypeError: the norm has no fixed affine form (statistics per timestep).
    """
    if isinstance(connection.norm, nn.Identity):
        return
    if not hasattr(connection.norm, "affine"):
        raise TypeError(
            f"a {type(connection.norm).__name__} norm has no single affine form to fold; use "
            "norm=batch, tdbn or none"
        )
    layer = connection.layer
    scale, shift = (each.detach() for each in connection.norm.affine())
    bias = torch.zeros_like(shift) if layer.bias is None else layer.bias.detach()
    layer.weight = nn.Parameter(
        layer.weight.detach() * scale.view(-1, *[1] * (layer.weight.dim() - 1))
    )
    layer.bias = nn.Parameter(bias * scale + shift)
    connection.norm = nn.Identity()
