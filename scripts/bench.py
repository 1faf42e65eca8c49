"""Measures what spiking costs: a training step and an evaluation of a network against its analog
twin, and the neuron against memory.

    python scripts/bench.py        a convolutional network, T = 4 and 16, float32, bfloat16 and lean
    python scripts/bench.py architecture=vgg9 dataset=cifar10 timesteps=8 batch_size=4
        any network that `snnexp train` can run
    python scripts/bench.py timesteps=100 time_segments=auto --against time_segments=1
        one way of training it against another

The twin is the analog form of the same blueprint: the same weights and batch under ReLU, at T = 1.
Both live in this process and take turns, so that what disturbs the machine disturbs both; a time is
the median of the rounds, with the distance of the quartiles behind it. Images are random, no data
is read. For both forms, and as `x`, spiking / (T analog):

    train  a step: forward, backward, optimizer  saved
        bytes autograd keeps for the backward pass: each storage once,
    evaluate  a pass as evaluation makes it                           without parameters and buffers
    peak  most bytes of tensors alive within a step  kept
        bytes alive after the forward pass, whoever keeps them: lean
              (CUDA: allocated)        memory packs away what autograd, and so `saved`, does not see

The neuron alone runs on currents [T, B, 128, 16, 16]. Its yardstick is the time in which this
machine copies the bytes that a training step of one must move: 24 per value and timestep in float32
(read x, write s, write u; read u, read a gradient, write one), and 8 for an evaluation. Time
repeats best as CPU time of one thread, the default; saved and kept repeat to the byte.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from measure import against_copy, against_other, against_twin
from rich.console import Console
from rich.table import Table

from snnexp.cli.allocator import keep_freed_memory
from snnexp.files.atomic import write_json
from snnexp.runs.result import git_commit, versions

SETTINGS = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "THP_MEM_ALLOC_ENABLE": "1",
    "KINETO_LOG_LEVEL": "99",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
}
"""The first two as the command line sets them, the others to keep the profiler quiet. All are read
once, when torch is imported.
"""

LAYERS = "architecture.layers=[64C3,128C3,AP2,256C3,AP2,256C3,AP2]"
NETWORK = [
    "dataset=cifar10",
    LAYERS,
    "architecture.bias=false",
    "optimizer=sgd",
    "optimizer.lr=0.001",
]
SIZES = (["timesteps=4", "batch_size=8"], ["timesteps=16", "batch_size=4"])
WAYS = ("precision=float32", "precision=bfloat16", "memory=lean")
STANDARD = [[*NETWORK, *size, way] for way in WAYS for size in SIZES]
CURRENTS = ((4, 16, 128, 16, 16), (16, 16, 128, 16, 16), (64, 4, 128, 16, 16))
KINDS = ("train", "evaluate", "saved", "kept", "peak")


def main() -> None:
    """Measures, prints and writes."""
    if not SETTINGS.keys() <= os.environ.keys():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**SETTINGS, **os.environ})
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "overrides", nargs="*", help="of `snnexp train`, in place of the standard networks"
    )
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="OVERRIDE",
        help="what the other network has instead; repeatable",
    )
    parser.add_argument(
        "--clock",
        choices=("cpu", "wall"),
        default="cpu",
        help="CPU time of this process, or time on the wall",
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=9, help="rounds that count, >= 2")
    parser.add_argument(
        "--json", type=Path, default=Path("outputs/bench.json"), help="file to write"
    )
    arguments = parser.parse_args()
    found = measured(arguments)
    show(found)
    write_json(arguments.json, found)


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything, with where and how it was measured."""
    keep_freed_memory()  # as the command line does
    torch.set_num_threads(arguments.threads)
    clock, repeats = clock_of(arguments.clock), arguments.repeats
    networks = [arguments.overrides] if arguments.overrides else STANDARD
    if arguments.against:
        figures = {
            "others": [against_other(arguments.overrides, arguments.against, repeats, clock)]
        }
    else:
        figures = {
            "networks": [against_twin(overrides, repeats, clock) for overrides in networks],
            "neuron": [
                against_copy(arguments.overrides, shape, repeats, clock) for shape in CURRENTS
            ],
        }
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": " ".join(sys.argv),
        "machine": machine(),
        "settings": {key: getattr(arguments, key) for key in ("clock", "threads", "repeats")}
        | {name: os.environ[name] for name in SETTINGS},
        "versions": versions(),
        "git_commit": git_commit(),
        **figures,
    }


def clock_of(name: str) -> Callable[[], float]:
    """A clock in seconds, read when all work handed to a GPU is done."""
    read = {"cpu": time.process_time, "wall": time.perf_counter}[name]
    return (lambda: (torch.cuda.synchronize(), read())[1]) if torch.cuda.is_available() else read


def machine() -> dict[str, Any]:
    """What it was measured on."""
    path = Path("/proc/cpuinfo")
    names = (
        [
            line.partition(":")[2].strip()
            for line in path.read_text().splitlines()
            if "model name" in line
        ]
        if path.exists()
        else []
    )
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "gpu": gpu,
    }


def show(found: dict[str, Any]) -> None:
    """The figures as two tables."""
    console = Console()
    tables = {"networks": networks_table, "neuron": neuron_table, "others": others_table}
    console.print(*(table(found[key]) for key, table in tables.items() if key in found), sep="\n")
    console.print(
        (
            f"{found['machine']['processor']}, {found['settings']['threads']} thread(s), "
            f"{found['settings']['clock']} clock"
        ),
        style="dim",
    )


def networks_table(cases: list[dict[str, Any]]) -> Table:
    """Three rows to a network: its spiking form, its twin, and the ratios."""
    table = Table(
        "network",
        "train ms",
        "evaluate ms",
        "saved MiB",
        "kept MiB",
        "peak MiB",
        title="against the analog twin",
    )
    for case in cases:
        table.add_row(f"T={case['timesteps']} B={case['batch_size']}", *cells(case["spiking"]))
        table.add_row(
            f"{case['precision']}{' lean' if case['memory'] == 'lean' else ''}",
            *cells(case["analog"]),
            style="dim",
        )
        table.add_row(
            "x", *(f"{case['ratios'][kind]:.2f}" for kind in KINDS), style="bold", end_section=True
        )
    return table


def others_table(cases: list[dict[str, Any]]) -> Table:
    """Three rows to a pair: one way, the other, and the ratios."""
    table = Table(
        "network",
        "train ms",
        "evaluate ms",
        "saved MiB",
        "kept MiB",
        "peak MiB",
        title="against another way",
    )
    for case in cases:
        table.add_row(" ".join(case["overrides"]), *cells(case["this"]))
        table.add_row(" ".join(case["against"]), *cells(case["other"]), style="dim")
        table.add_row(
            "x", *(f"{case['ratios'][kind]:.2f}" for kind in KINDS), style="bold", end_section=True
        )
    return table


def cells(form: dict[str, Any]) -> list[str]:
    """Times in milliseconds and bytes in MiB."""
    return [
        milliseconds(form[kind]) if isinstance(form[kind], dict) else f"{form[kind] / 2**20:.1f}"
        for kind in KINDS
    ]


def neuron_table(cases: list[dict[str, Any]]) -> Table:
    """A row per length of time."""
    table = Table(
        "neuron",
        "train ms",
        "x copy",
        "evaluate ms",
        "x copy",
        "saved B/value",
        title="against a copy of memory",
    )
    for case in cases:
        times = [
            cell
            for kind in ("train", "evaluate")
            for cell in (milliseconds(case[kind]), f"[bold]{case['ratios'][kind]:.2f}")
        ]
        table.add_row(
            f"T={case['shape'][0]} B={case['shape'][1]}", *times, f"{case['saved_per_value']:.2f}"
        )
    return table


def milliseconds(taken: dict[str, float]) -> str:
    """A median and the distance of the quartiles."""
    return f"{taken['seconds'] * 1e3:.1f} ± {taken['quartiles'] * 1e3:.1f}"


if __name__ == "__main__":
    main()
