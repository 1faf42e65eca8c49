"""The weights of a timed layer, as rows for a sorting solver and as a linear map for solvers that
go through time.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Synapses:
    """A linear layer or a convolution between spikes that may be absent; absent ones are infinite,
    not zero.

    Args:
        weight: `[O, N]` or `[O, C, y, x]`.
        bias: weight of a neuron that spikes at time 0 into every patch, or None.
        stride: of a convolution.
        padding: of a convolution, with spikes that never come.
    """

    weight: Float[Tensor, "O *n"]
    bias: Float[Tensor, "O"] | None
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)

    @staticmethod
    def of(layer: nn.Conv2d | nn.Linear, weight: Tensor | None = None) -> "Synapses":
        """Those of a layer, with other weights if any are given.

        Raises:
            ValueError: groups or dilation, which the timed form does not have.
        """
        weight = layer.weight if weight is None else weight
        if isinstance(layer, nn.Linear):
            return Synapses(weight, layer.bias)
        if layer.groups != 1 or set(layer.dilation) != {1} or layer.padding_mode != "zeros":
            raise ValueError(
                "the timed form has plain convolutions only, without groups, dilation or "
                "another padding than silence"
            )
        return Synapses(weight, layer.bias, layer.stride, layer.padding)

    def replaced(self, weight: Tensor, bias: Tensor | None) -> "Synapses":
        """The same layer with other weights."""
        return Synapses(weight, bias, self.stride, self.padding)

    @property
    def convolution(self) -> bool:
        """Whether this is a convolution."""
        return self.weight.dim() == 4

    def shape(self, x: Float[Tensor, "B *n"]) -> tuple[int, ...]:
        """Shape of the neurons that inputs like `x` reach, without the batch."""
        if not self.convolution:
            return (len(self.weight),)
        sizes = zip(x.shape[2:], self.weight.shape[2:], self.stride, self.padding, strict=True)
        return (
            len(self.weight),
            *(
                (extent + 2 * padding - kernel) // stride + 1
                for extent, kernel, stride, padding in sizes
            ),
        )

    def current(self, x: Float[Tensor, "B *n"]) -> Float[Tensor, "B *m"]:
        """W x without the bias."""
        if self.convolution:
            return functional.conv2d(x, self.weight, None, self.stride, self.padding)
        return functional.linear(x, self.weight)

    def input_gradient(
        self, x: Float[Tensor, "B *n"], grad: Float[Tensor, "B *m"]
    ) -> Float[Tensor, "B *n"]:
        """W^T grad."""
        if self.convolution:
            return nn.grad.conv2d_input(x.shape, self.weight, grad, self.stride, self.padding)
        return grad @ self.weight

    def weight_gradient(
        self, x: Float[Tensor, "B *n"], grad: Float[Tensor, "B *m"]
    ) -> Float[Tensor, "O *k"]:
        """Sum over the batch of grad x^T."""
        if self.convolution:
            return nn.grad.conv2d_weight(x, self.weight.shape, grad, self.stride, self.padding)
        return grad.T @ x

    def over_positions(self, vector: Float[Tensor, "O"]) -> Float[Tensor, "O *one"]:
        """One value per channel, to be broadcast over positions."""
        return vector.view(-1, 1, 1) if self.convolution else vector

    # As rows: every output position sees its patch, the bias neuron last.

    def rows(self, times: Float[Tensor, "B *n"]) -> Float[Tensor, "R N"]:
        """Times of the inputs of each output position, row by row."""
        if self.convolution:
            vertical, horizontal = self.padding
            times = functional.pad(
                times, (horizontal, horizontal, vertical, vertical), value=torch.inf
            )
            rows = (
                functional.unfold(times, self.weight.shape[2:], stride=self.stride)
                .transpose(1, 2)
                .flatten(0, 1)
            )
        else:
            rows = times
        return rows if self.bias is None else torch.cat([rows, rows.new_zeros(len(rows), 1)], 1)

    def columns(self) -> Float[Tensor, "N O"]:
        """Weights to go with rows."""
        columns = self.weight.flatten(1).T
        return columns if self.bias is None else torch.cat([columns, self.bias[None]])

    def from_rows(
        self, rows: Float[Tensor, "R O"], x: Float[Tensor, "B *n"]
    ) -> Float[Tensor, "B *m"]:
        """Values of the neurons, row by row, in their shape."""
        shape = self.shape(x)
        return (
            rows.unflatten(0, (len(x), -1)).transpose(1, 2).reshape(len(x), *shape)
            if self.convolution
            else rows
        )

    def to_rows(self, y: Float[Tensor, "B *m"]) -> Float[Tensor, "R O"]:
        """Values of the neurons, row by row."""
        return y.flatten(2).transpose(1, 2).flatten(0, 1) if self.convolution else y

    def fold(self, rows: Float[Tensor, "R N"], x: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
        """Sums over all rows in which an input stands; the bias neuron's column is dropped."""
        rows = rows if self.bias is None else rows[:, :-1]
        if not self.convolution:
            return rows
        patches = rows.unflatten(0, (len(x), -1)).transpose(1, 2)
        return functional.fold(
            patches, x.shape[2:], self.weight.shape[2:], stride=self.stride, padding=self.padding
        )
