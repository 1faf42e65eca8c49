"""Fits few-spikes neurons to smooth activation functions and writes the coefficients into the
package.

    python scripts/fit_few_spikes.py

A neuron of K steps has a threshold T_k, a reset h_k and a weight d_k per step. They are found by
gradient descent from many random starts, under the order in which the neuron runs: fire above T_k,
send d_k, then take h_k off. The best is polished: what thresholds and resets make a neuron fire for
decides which weights are best (least squares, in float64), so that only those two are tried at
random. Some ten minutes on one core.

Source of the method: Stockl & Maass 2021 (survey [33]): loss, surrogate slope, ranges of the random
starts and of the learning rate.
"""

import textwrap
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

FITS: dict[str, tuple[Callable[[Tensor], Tensor], int, tuple[float, float]]] = {
    "silu": (functional.silu, 16, (-8.0, 12.0)),
    "sigmoid": (torch.sigmoid, 12, (-10.0, 10.0)),
}
"""Function, steps K, and the range of inputs that is fitted."""
STARTS, ITERATIONS, POINTS = 48, 3000, 500
TRIALS, ROUNDS, GRID = 64, 600, 4001
"""Of the polishing: changes tried at once, how often, and inputs on which they are judged."""
TARGET = Path(__file__).parents[1] / "snnexp" / "neurons" / "few_spikes_coefficients.py"


class Spike(torch.autograd.Function):
    """1 where z >= 0, with the slope max(0, 1 - |z|)."""

    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return (z >= 0).to(z.dtype)

    @staticmethod
    def backward(ctx, grad):
        (z,) = ctx.saved_tensors
        return grad * (1 - z.abs()).clamp(min=0)


def sent(x: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor]:
    """What neurons with `coefficients` [S, 3, K] send for inputs `x` [G], as [S, G], and how far
    potentials stray, as [S].
    """
    v, total, stray = x.expand(len(coefficients), -1), 0.0, 0.0
    for threshold, reset, weight in coefficients.permute(2, 1, 0)[..., None]:
        z = (v - threshold) / (v.abs() + 1)
        spike = Spike.apply(z)
        total, v = total + weight * spike, v - reset * spike
        stray = stray + (z.abs() - 1).clamp(min=0).mean(1) ** 2
    return total, stray


def starts(steps: int) -> Tensor:
    """Random thresholds in [-1, 1], resets in [-1, 0], weights in [-0.5, 1]."""
    low, width = torch.tensor([[-1.0], [-1.0], [-0.5]]), torch.tensor([[2.0], [1.0], [1.5]])
    return low + width * torch.rand(STARTS, 3, steps)


def fit(
    function: Callable[[Tensor], Tensor], steps: int, domain: tuple[float, float]
) -> tuple[Tensor, float]:
    """The best coefficients [3, K] of all starts, polished, and their mean squared error on a fine
    grid.
    """
    x = torch.linspace(*domain, POINTS)
    parts = [each.clone().requires_grad_() for each in starts(steps)]
    rates = (0.09 + 0.41 * torch.rand(STARTS)).tolist()
    optimizer = torch.optim.Adam(
        [{"params": [part], "lr": rate} for part, rate in zip(parts, rates, strict=True)]
    )
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, ITERATIONS)
    strictness = 0.08 + 0.04 * torch.rand(STARTS)
    best, errors = torch.zeros(STARTS, 3, steps), torch.full((STARTS,), torch.inf)
    for _ in range(ITERATIONS):
        coefficients = torch.stack(parts)
        y, stray = sent(x, coefficients)
        error = (y - function(x)).square().mean(1)
        better = error.detach() < errors
        best[better], errors[better] = coefficients.detach()[better], error.detach()[better]
        optimizer.zero_grad()
        (error + strictness * stray).sum().backward()
        optimizer.step()
        scheduler.step()
    coefficients = polished(best[errors.argmin()].double(), function, domain)
    rounded = torch.tensor(
        [[float(f"{value:.7g}") for value in row] for row in coefficients.tolist()],
        dtype=torch.float64,
    )
    return rounded, float(
        measured(rounded[None], function, torch.linspace(*domain, 100_000, dtype=torch.float64))
    )


def measured(coefficients: Tensor, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Mean squared errors [S] of neurons with `coefficients` [S, 3, K] on inputs `x`."""
    return (sent(x, coefficients)[0] - function(x)).square().mean(1)


def spikes(x: Tensor, thresholds: Tensor, resets: Tensor) -> Tensor:
    """For which inputs neurons with `thresholds` and `resets` [S, K] fire in which steps, [S, G,
    K].
    """
    v, fired = x.expand(len(thresholds), -1), []
    for threshold, reset in zip(thresholds.T[..., None], resets.T[..., None], strict=True):
        fired.append((v >= threshold).to(x.dtype))
        v = v - reset * fired[-1]
    return torch.stack(fired, -1)


def best_weights(fired: Tensor, y: Tensor) -> Tensor:
    """The weights [S, K] with which spikes [S, G, K] come closest to `y` [G]."""
    squares = fired.mT @ fired + 1e-6 * torch.eye(fired.shape[-1], dtype=fired.dtype)
    return torch.linalg.solve(squares, (fired.mT @ y[:, None]))[..., 0]


def polished(
    coefficients: Tensor, function: Callable[[Tensor], Tensor], domain: tuple[float, float]
) -> Tensor:
    """Better coefficients [3, K], by trying changes of some thresholds and resets and keeping what
    has a smaller error.
    """
    x = torch.linspace(*domain, GRID, dtype=torch.float64)
    y, kept = function(x), coefficients
    least = float(measured(kept[None], function, x))
    for _ in range(ROUNDS):
        size = 10 ** (-4 + 4 * torch.rand(TRIALS, 1, 1, dtype=torch.float64))
        changed = torch.rand(TRIALS, 2, kept.shape[1]) < 0.2
        tried = kept[:2] + size * changed * torch.randn(
            TRIALS, 2, kept.shape[1], dtype=torch.float64
        )
        weights = best_weights(spikes(x, tried[:, 0], tried[:, 1]), y)
        candidates = torch.cat([tried, weights[:, None]], 1)
        errors = measured(candidates, function, x)
        if errors.min() < least:
            least, kept = float(errors.min()), candidates[errors.argmin()]
    return kept


def written(name: str, coefficients: Tensor, error: float, domain: tuple[float, float]) -> str:
    """The coefficients of one function as Python."""
    rows = (f"({', '.join(f'{value:.7g}' for value in row)})," for row in coefficients.tolist())
    lines = (
        textwrap.fill(row, 120, initial_indent=" " * 8, subsequent_indent=" " * 9) for row in rows
    )
    return (
        f"    # on [{domain[0]:g}, {domain[1]:g}]: mean squared error {error:.3g}\n"
        + f'    "{name}": (\n'
        + "\n".join(lines)
        + "\n    ),\n"
    )


def main() -> None:
    """Fits all functions and writes the module."""
    torch.manual_seed(0)
    entries = ""
    for name, (function, steps, domain) in FITS.items():
        coefficients, error = fit(function, steps, domain)
        print(f"{name}: mean squared error {error:.3g}", flush=True)
        entries += written(name, coefficients, error, domain)
    TARGET.write_text(
        '"""Thresholds, resets and weights of few-spikes neurons, one per step; written by '
        'scripts/fit_few_spikes.py."""\n\n'
        f"# fmt: off\nCOEFFICIENTS: dict[str, tuple[tuple[float, ...], ...]] = {{\n{entries}}}\n"
    )


if __name__ == "__main__":
    main()
