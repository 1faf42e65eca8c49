"""What a run is called: its experiment and what was set differently, in few letters."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from snnexp.track.base import Labels
from snnexp.track.flat import flat

LONGEST, LONGEST_VALUE = 128, 32
CUT = "…"
SILENT = frozenset(
    (
        *(
            "tracker",
            "energy",
            "progress",
            "device",
            "output_dir",
            "data_dir",
            "checkpoint",
            "on_error",
        ),
        *("experiment", "sweep", "search"),
    )
)
"""Keys that say where and how a run goes, or that its name has in other words."""


def name_of(labels: Labels, config: Mapping[str, Any], folder: str) -> str:
    """Such as `digits_lif leak=0.9 seed=2`. A single run has the end of its folder's name behind
    it, since it may be run again.

    Args:
        labels: of the run.
        config: the resolved configuration, whose keys say how far a key can be shortened.
        folder: name of the run folder.
    """
    words = [] if labels.experiment is None else [labels.experiment]
    words += differing(labels.overrides, {*flat(config), *labels.choices})
    words = words or ["train"]
    return fitting(words + ([] if labels.sweep else [ending(folder)]), labels.overrides)


def differing(overrides: Iterable[str], keys: Iterable[str]) -> list[str]:
    """The overrides that tell a run apart, shortened: `neuron.leak=0.50000` becomes `leak=0.5`."""
    known = frozenset(keys)
    pairs = (each.lstrip("+").partition("=") for each in overrides)
    return [
        f"{short(key, known)}{sign}{short_value(value)}"
        for key, sign, value in pairs
        if re.split(r"[.@/]", key.lstrip("~"))[0] not in SILENT
    ]


def short(key: str, keys: frozenset[str]) -> str:
    """The end of a dotted key that no other key, as deep or less deep, ends with."""
    parts, rivals = key.split("."), [each for each in keys if each.count(".") <= key.count(".")]
    for start in range(len(parts) - 1, 0, -1):
        end = ".".join(parts[start:])
        if not any(each == end or each.endswith(f".{end}") for each in rivals if each != key):
            return end
    return key


def short_value(text: str) -> str:
    """Four digits of a number, the last two parts of a path, the beginning of what is long."""
    text = text.strip("'\"")
    if re.fullmatch(r"[-+]?\d*\.\d+(e[-+]?\d+)?", text, re.IGNORECASE):
        return f"{float(text):.4g}"
    text = "/".join(text.split("/")[-2:])
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}{CUT}"


def fitting(words: list[str], overrides: Iterable[str]) -> str:
    """The words in a row, as long as W&B takes them; where something is cut off, four hex digits of
    all overrides still tell runs apart.
    """
    name = " ".join(words)
    if len(name) <= LONGEST and CUT not in name:
        return name
    digits = hashlib.sha256(" ".join(overrides).encode()).hexdigest()[:4]
    return f"{name[: LONGEST - len(digits) - 1]} {digits}"


def ending(folder: str) -> str:
    """The four hex digits that end a stamp; another folder's whole name."""
    stamp = re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_.*_([0-9a-f]{4})", folder)
    return Path(folder).name if stamp is None else stamp[1]
