"""The experiments of this bench, and the rows of the survey that they stand for."""

import re
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Of the files of this package; the one in C is ten times faster."""


def experiments() -> dict[str, str]:
    """The experiment that stands for each row; of several, the first by name."""
    found: dict[str, str] = {}
    for name, named in rows_by_experiment().items():
        for row in named:
            found.setdefault(row, name)
    return found


def rows_by_experiment() -> dict[str, list[str]]:
    """The rows for which each experiment stands, by name."""
    return {name: reference.get("rows", []) for name, reference in references().items()}


@cache
def references() -> dict[str, dict[str, Any]]:
    """The published result that each experiment stands for, by name."""
    paths = [
        path
        for path in (files("snnexp.conf") / "experiment").iterdir()
        if path.name.endswith(".yaml")
    ]
    return {
        path.name.removesuffix(".yaml"): _reference(path.read_text(encoding="utf-8"))
        for path in sorted(paths, key=lambda path: path.name)
    }


def _reference(text: str) -> dict[str, Any]:
    """That block of a file alone: the whole of all files takes half a second."""
    block = re.search(r"^reference:.*(?:\n .*)*", text, re.MULTILINE)
    return (yaml.load(block[0], Loader=LOADER)["reference"] or {}) if block else {}
