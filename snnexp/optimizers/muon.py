"""Steps whose matrices are orthogonal."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.limits import Count, Fraction, Positive, Probability
from snnexp.optimizers.base import Optimizer

_COEFFICIENTS = 3.4445, -4.7750, 2.0315
_TINY = 1e-7


class Muon(Optimizer):
    """Momentum, orthogonalised, for the weights of hidden layers; gradient descent with Nesterov
    momentum for everything else.

        hidden weights  m <- momentum m + g,  W <- sqrt(rows) W / |W|,
            W <- W - lr O(g + momentum m)
        all others  W <- (1 - weight_decay lr / lr0) W,  m <- momentum_others m + g,
            W <- W - lr_.. (g + momentum_others m)

    O(G) is about U V' where G = U S V': Newton-Schulz iterations X <- a X + (b X X' + c (X X')^2) X
    from G / |G| bring all singular values near 1. A convolution's weights are the matrix of its
    filters. `|W|` is the Frobenius norm: hidden weights keep their size, so they need a norm behind
    them that takes it out again (norm=batch, tdbn). lr / lr0 is what the schedule makes of the
    learning rate.

    Worth choosing for short trainings: it wants few steps, of large batches. `torch.optim.Muon` is
    the same step for matrices alone, whose iterations are in bfloat16; here they are in float32
    where there is no GPU, since many processors have no fast bfloat16.

    Source: Jordan 2024; Nesterov momentum of Sutskever 2013.

    Args:
        params: parameters, of which those of two dimensions and more are hidden weights; or groups
            with a `role`: matrices, output, others. A `rate` of a group stays with its parameters.
        lr: of hidden weights, > 0.
        lr_output: of the output layer, > 0.
        lr_vectors: of biases and what else is a number per channel, > 0.
        lr_scalars: of thresholds, bounds, leaks and what else is one number per layer, > 0.
        momentum: of hidden weights, in [0, 1).
        momentum_others: of all others, in [0, 1).
        iterations: of Newton and Schulz, >= 1.
        weight_decay: share that a step takes of output weights and vectors, in [0, 1].
    """

    by_role: ClassVar[bool] = True
    keeps_sizes: ClassVar[bool] = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: Positive,
        lr_output: Positive,
        lr_vectors: Positive,
        lr_scalars: Positive,
        momentum: Probability,
        momentum_others: Probability,
        iterations: Count,
        weight_decay: Fraction,
    ):
        others = {"momentum": momentum_others, "iterations": 0}
        kinds = {
            "matrices": {
                "lr": lr,
                "momentum": momentum,
                "iterations": iterations,
                "weight_decay": 0.0,
            },
            "output": {"lr": lr_output, **others, "weight_decay": weight_decay},
            "vectors": {"lr": lr_vectors, **others, "weight_decay": weight_decay},
            "scalars": {"lr": lr_scalars, **others, "weight_decay": 0.0},
        }
        sorted_out = _sorted(params)
        groups = [
            {"params": weights, "role": kind, **kinds[kind], **({"rate": rate} if rate else {})}
            for kind in kinds
            for rate, weights in sorted_out[kind].items()
        ]
        super().__init__(groups, {"role": "scalars", **kinds["scalars"]})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step of every parameter that has a gradient; what `closure`, which is called first,
        gives.
        """
        with torch.enable_grad():
            loss = None if closure is None else closure()
        for group in self.param_groups:
            move = _orthogonal if group["iterations"] else _descend
            for weight in (each for each in group["params"] if each.grad is not None):
                move(weight, self._direction(weight, group["momentum"]), group)
        return loss

    def _direction(self, weight: nn.Parameter, momentum: float) -> Tensor:
        """The gradient, and what those before have left: Nesterov's step."""
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        return weight.grad.add(state["momentum"].mul_(momentum).add_(weight.grad), alpha=momentum)


def _sorted(params: Iterable[Any]) -> dict[str, dict[float | None, list[nn.Parameter]]]:
    """Parameters by what is done with them, and by the `rate` of the group they were given in."""
    kinds: dict[str, dict[float | None, list[nn.Parameter]]] = {
        "matrices": {},
        "output": {},
        "vectors": {},
        "scalars": {},
    }
    for each in params:
        group = each if isinstance(each, dict) else {"params": [each]}
        for weight in group["params"]:
            kind = kinds[_kind(weight, group.get("role"))]
            kind.setdefault(group.get("rate"), []).append(weight)
    return kinds


def _kind(weight: Tensor, role: str | None) -> str:
    if role in ("matrices", "output"):
        return role
    by_dimension = ("scalars", "vectors", "matrices" if role is None else "vectors")
    return by_dimension[min(weight.dim(), 2)]


def _orthogonal(weight: Tensor, direction: Tensor, group: dict[str, Any]) -> None:
    weight.mul_(len(weight) ** 0.5 / weight.norm().clamp(min=_TINY))
    step = orthogonalised(direction.flatten(1), group["iterations"])
    weight.add_(step.view_as(direction), alpha=-group["lr"])


def _descend(weight: Tensor, direction: Tensor, group: dict[str, Any]) -> None:
    share = group["lr"] / group.get("initial_lr", group["lr"])
    weight.mul_(1 - group["weight_decay"] * share).add_(direction, alpha=-group["lr"])


def orthogonalised(matrix: Float[Tensor, "m n"], iterations: int) -> Float[Tensor, "m n"]:
    """U V' of the singular value decomposition U S V', roughly: after five iterations singular
    values lie between 0.7 and 1.2.
    """
    a, b, c = _COEFFICIENTS
    x = matrix.to(torch.bfloat16 if matrix.is_cuda else torch.float32)
    x = x / x.norm().clamp(min=_TINY)
    x = x.T if len(x) > x.shape[1] else x
    for _ in range(iterations):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x.T if x.shape != matrix.shape else x).to(matrix.dtype)
