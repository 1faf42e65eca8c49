"""Bringing tensors to one dense layout, time outermost, so that kernels may work on raw storage in
whatever order it has.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def rows(x: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *n"]:
    """`x` itself where each timestep is dense and the timesteps follow one another or are all the
    same (stride 0), else a copy.
    """
    if not dense(x.shape[1:], x.stride()[1:]):
        return x.contiguous()
    if x.shape[0] == 1 or x.stride(0) in (0, x[0].numel()):
        return x
    return x.contiguous(memory_format=torch.contiguous_format)


def strides(x: Float[Tensor, "T B *n"]) -> tuple[int, ...]:
    """Strides of a tensor that has as many timesteps as `x` in memory, each laid out like those of
    `x`.
    """
    return x[0].numel(), *x.stride()[1:]


def empty(x: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *n"]:
    """Fresh memory for such a tensor."""
    return x.new_empty_strided(x.shape, strides(x))


def arranged(tensor: Float[Tensor, "*n"], by: tuple[int, ...]) -> Float[Tensor, "*n"]:
    """`tensor` with the strides `by`, copied only where it has others."""
    if all(
        size == 1 or a == b for size, a, b in zip(tensor.shape, tensor.stride(), by, strict=True)
    ):
        return tensor
    return tensor.new_empty_strided(tensor.shape, by).copy_(tensor)


def dense(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether a tensor of this shape and these strides fills its storage, in any order."""
    expected = 1
    for stride, size in sorted(
        (stride, size) for size, stride in zip(shape, strides, strict=True) if size != 1
    ):
        if stride != expected:
            return False
        expected *= size
    return True


def once(x: Float[Tensor, "T B *n"]) -> Float[Tensor, "B *n"]:
    """The timestep that an input with stride 0 repeats: what was expanded, where it is at hand,
    else a view of the input.

    Gradients then meet no expansion, which would write and add up T equal shares.
    """
    origin = x._base
    return (
        x[0]
        if origin is None or (origin.shape, origin.stride()) != (x.shape[1:], x.stride()[1:])
        else origin
    )
