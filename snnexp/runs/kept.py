"""What the tensors of a trained network are worth where its configuration has changed since."""

from collections.abc import Mapping, Set

import torch
from torch import Tensor

from snnexp.errors import ConfigError

Tensors = Mapping[str, Tensor]


class Settled(ConfigError):
    """A change asks for numbers that training, or a stage, has put others in place of."""


def carried_over(
    saved: Tensors, before: Tensors, after: Tensors, learned: Set[str]
) -> dict[str, Tensor]:
    """The tensors of the trained network with those renewed that only say what the configuration
    says.

    A tensor on which the change has no bearing stays as it was saved. One that was saved as it had
    been built follows the change.

    Args:
        saved: of the trained network.
        before: with which a network is built under the configuration of the training.
        after: with which it is built now, from the same random numbers.
        learned: names of those now that training would change.

    Raises:
        Settled: one that the change bears on has been learned, or set by a stage.
    """
    kept, settled = {}, []
    for name in {**saved, **after}:
        renewed = name in before and name in saved and same(saved[name], before[name])
        if name not in after:
            if name in before and not renewed:
                settled.append(name)
            elif name not in before:  # added by a calibration
                kept[name] = saved[name]
        elif name not in saved:
            settled += [name] if name in learned else []
            kept[name] = after[name]
        elif name not in before or same(before[name], after[name]):
            kept[name] = saved[name]
        else:
            settled += [] if renewed else [name]
            kept[name] = after[name]
    if settled:
        more = f", and so have {len(settled) - 1} more" if len(settled) > 1 else ""
        raise Settled(
            f"{settled[0]} has been learned, or set by a stage{more}; what the stored weights "
            "say stands. Train with the change"
        )
    return kept


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are equal in every number, NaN included."""
    if one.shape != other.shape:
        return False
    other = other.to(one.device)
    return (
        bool(((one == other) | (one.isnan() & other.isnan())).all())
        if one.is_floating_point()
        else torch.equal(one, other)
    )
