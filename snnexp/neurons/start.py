"""The potential at the start of neurons whose threshold conversion sets."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Fraction


def share_of(threshold: float | Float[Tensor, ""], share: Fraction, like: Tensor) -> Tensor:
    """`share` times the threshold, in the dtype of `like`: a potential `[]` in units of the
    current.

    Not from a buffer: where networks are built without memory, torch multiplies in Python, and
    imports its compiler for that.
    """
    own = threshold if isinstance(threshold, Tensor) else torch.tensor(threshold, device="cpu")
    return share * own.to(like.dtype)


def with_room(potential: Tensor, shapes: Mapping[str, tuple[int, ...]]) -> Tensor:
    """The potential `[]`, or zeros of the shape that `initial_potential` has in `shapes`, where
    each neuron was given its own.
    """
    shape = shapes.get("initial_potential", ())
    return potential.new_zeros(shape) if len(shape) > potential.dim() else potential
