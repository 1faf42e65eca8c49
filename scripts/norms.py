"""Measures batch normalisation against PyTorch's own: how far off it is, and how long it takes.

    python scripts/norms.py

Currents are spikes that meet three weights, beside a constant bias, channels last, as networks here
have them. Errors are those of the whole tensor against float64: of y in deviations, of the
gradients relative to their norm. Times are CPU time, the median of the rounds in turn. Written as
JSON.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from bench import machine
from torch import Tensor
from torch.nn import functional

from snnexp.cli.allocator import keep_freed_memory
from snnexp.files.atomic import write_json
from snnexp.layers.batch_norm import batch_norm
from snnexp.runs.result import git_commit, versions

SHAPES = ((1024, 15, 28, 28), (1024, 64, 14, 14), (32, 256, 8, 8))
EPSILON = 1e-5
Norm = Callable[..., Tensor]


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=9, help="rounds that count")
    parser.add_argument(
        "--json", type=Path, default=Path("outputs/norms.json"), help="file to write"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()  # as the command line does
    cases = [
        case(shape, dtype, arguments.repeats)
        for shape in SHAPES
        for dtype in (torch.float32, torch.bfloat16)
    ]
    around = {
        "machine": machine(),
        "threads": arguments.threads,
        "versions": versions(),
        "git_commit": git_commit(),
    }
    write_json(arguments.json, {**around, "cases": cases})
    for each in cases:
        print(
            each["shape"],
            each["dtype"],
            *(f"{name}: {each[name]}" for name in ("pytorch", "snnexp")),
            sep="\n  ",
        )


def case(shape: tuple[int, ...], dtype: torch.dtype, repeats: int) -> dict[str, Any]:
    """Both norms on one shape, in turn."""
    arguments = tensors(shape, dtype)
    exact = passes(functional.batch_norm, *(each.double().contiguous() for each in arguments))
    norms = {"pytorch": functional.batch_norm, "snnexp": batch_norm}
    figures = {name: errors(passes(norm, *arguments), exact) for name, norm in norms.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in norms}
    for _ in range(repeats):
        for name, norm in norms.items():
            times[name].append(timed(norm, *arguments))
    for name, rounds in times.items():
        forward, backward = (statistics.median(each) for each in zip(*rounds, strict=True))
        figures[name] |= {
            "forward_ms": round(1e3 * forward, 2),
            "backward_ms": round(1e3 * backward, 2),
        }
    return {"shape": list(shape), "dtype": str(dtype).removeprefix("torch."), **figures}


def tensors(shape: tuple[int, ...], dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Currents, gamma, beta, and gradients that arrive."""
    torch.manual_seed(0)
    spikes = torch.rand(3, *shape) < 0.03
    x = 0.3 + 0.1 * spikes[0] + 0.7 * spikes[1] - 0.2 * spikes[2]
    x, g = (
        each.to(dtype).contiguous(memory_format=torch.channels_last)
        for each in (x, torch.randn(shape) + 0.5)
    )
    return x, torch.rand(shape[1]) + 0.5, torch.randn(shape[1]), g


def passes(norm: Norm, x: Tensor, gamma: Tensor, beta: Tensor, g: Tensor) -> dict[str, Tensor]:
    """Output and gradients."""
    x, gamma, beta = (each.detach().requires_grad_() for each in (x, gamma, beta))
    y = norm(x, None, None, gamma, beta, True, 0.0, EPSILON)
    y.backward(g)
    return {"y": y.detach(), "dx": x.grad, "dgamma": gamma.grad, "dbeta": beta.grad}


def errors(found: dict[str, Tensor], exact: dict[str, Tensor]) -> dict[str, float]:
    """Largest error of y in deviations, and of each gradient relative to its norm."""
    off = {
        key: float((found[key].double() - value).norm() / value.norm())
        for key, value in exact.items()
    }
    off["y"] = float(
        ((found["y"].double() - exact["y"]).abs().amax((0, 2, 3)) / exact["y"].std((0, 2, 3))).max()
    )
    return {key: float(f"{value:.1e}") for key, value in off.items()}


def timed(norm: Norm, x: Tensor, gamma: Tensor, beta: Tensor, g: Tensor) -> tuple[float, float]:
    """Seconds of the forward and of the backward pass."""
    x, gamma, beta = (each.detach().requires_grad_() for each in (x, gamma, beta))
    begun = time.process_time()
    y = norm(x, None, None, gamma, beta, True, 0.0, EPSILON)
    between = time.process_time()
    y.backward(g)
    return between - begun, time.process_time() - between


if __name__ == "__main__":
    main()
