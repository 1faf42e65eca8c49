"""`snnexp doctor`: what this installation has to work with; never a secret."""

import os
import platform
import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from snnexp.cli.settings import read_settings, settings_file
from snnexp.composition.compose import composed
from snnexp.files.visible import one_line, visible


def doctor(arguments: list[str]) -> int:
    """Prints versions, device, threads, kernels, tracker mode and data."""
    if arguments:
        print(
            visible(
                "usage: snnexp doctor (it takes no arguments, got " + " ".join(arguments) + ")"
            ),
            file=sys.stderr,
        )
        return 2
    table = Table(show_header=False, title="snnexp doctor", title_justify="left")
    for name, value in [*software(), *_hardware(), *_tracker(), *_settings()]:
        table.add_row(Text(name), Text(one_line(value)))
    Console().print(table)
    from snnexp.cli.data import data

    return data(["list"])


def _settings() -> list[tuple[str, str]]:
    words = ", ".join(f"{key}: {value}" for key, value in read_settings().items())
    return [("settings", f"{settings_file() or 'none'}: {words or 'nothing settled'}")]


def software() -> list[tuple[str, str]]:
    """Names and versions of what results depend on."""
    from snnexp.runs.result import git_commit, versions

    return [*versions().items(), ("checkout", git_commit() or "not a git checkout")]


def _hardware() -> list[tuple[str, str]]:
    import torch

    from snnexp.kernels.scan.c import library

    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "none found"
    return [
        ("system", f"{platform.system()} {platform.release()} ({platform.machine()})"),
        ("processors", f"{os.cpu_count()}, {torch.get_num_threads()} threads in use"),
        ("CUDA device", cuda),
        (
            "bfloat16 on the CPU",
            "in hardware (AMX)"
            if torch.cpu._is_amx_tile_supported()
            else "emulated: float32 is as fast or faster",
        ),
        (
            "compiled CPU kernel",
            "present" if library() else "not built: time loops run in torch operations",
        ),
    ]


def _tracker() -> list[tuple[str, str]]:
    from snnexp.track.wandb_environment import mode_of

    mode = mode_of(composed([]).tracker.mode)
    key = "set" if os.environ.get("WANDB_API_KEY") else "not set"
    return [
        ("tracker", f"W&B, mode {mode}"),
        ("WANDB_API_KEY", key),
        ("SNNEXP_DATA", os.environ.get("SNNEXP_DATA", "not set")),
    ]
