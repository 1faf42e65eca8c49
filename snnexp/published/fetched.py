"""A published network of somebody else's, fetched into a folder of this machine."""

import hashlib
import os
import re
from pathlib import Path

from snnexp.files.documents import LARGEST, LARGEST_YAML, read_json
from snnexp.files.foreign import Absent, Unreadable, regular, sha256
from snnexp.files.weights import PUBLISHED
from snnexp.published.address import base_of, is_address
from snnexp.published.described import MODEL_TYPE
from snnexp.published.download import download
from snnexp.results.read import read_result

DOCUMENTS = {"config.json": LARGEST, "config.yaml": LARGEST_YAML, "result.json": LARGEST}
"""The files that are asked for beside the weights, and nothing else; bytes that they may have."""
LARGEST_WEIGHTS = 2**31
"""Bytes of weights; those of the survey's largest network have half a gigabyte."""
REMEDY = "Expected: a folder as `snnexp publish` writes it"
LONGEST = 120
"""Letters of the name of a folder that say what is in it."""


def local(place: str | Path) -> Path:
    """The folder of a run or a published network; one that lies elsewhere is fetched.

    Raises:
        ConfigError: it is no address.
        Unreadable: it cannot be fetched, or is no network of this program.
    """
    return fetched(place) if isinstance(place, str) and is_address(place) else Path(place)


def fetched(address: str) -> Path:
    """The folder into which the files of a published network have been fetched: its documents each
    time, its weights where those that are there are not the ones that its result names.
    """
    base = base_of(address)
    folder = _cache() / _name(base)
    for name, limit in DOCUMENTS.items():
        _fetch(base, name, folder, limit)
        if name == "config.json":
            _refuse_others(address, folder / name)
    wanted = read_result(folder / "result.json").weights_sha256
    if _sum(folder / PUBLISHED) != wanted:
        _fetch(base, PUBLISHED, folder, LARGEST_WEIGHTS)
    if _sum(folder / PUBLISHED) != wanted:
        raise Unreadable(
            f"{base}/{PUBLISHED}", f"not the weights of the result beside it. {REMEDY}"
        )
    return folder


def _fetch(base: str, name: str, folder: Path, limit: int) -> None:
    try:
        download(f"{base}/{name}", folder / name, limit)
    except Absent as error:
        raise Unreadable(error.path, f"{error.why}. {REMEDY}") from None


def _refuse_others(address: str, path: Path) -> None:
    """Before any weights are fetched."""
    found = read_json(path)
    kind = found.get("model_type") if isinstance(found, dict) else None
    if kind != MODEL_TYPE:
        said = f"a model of type {kind!r}" if kind else "no model that says its type"
        raise Unreadable(address, f"{said}. {REMEDY}")


def _sum(path: Path) -> str | None:
    try:
        with regular(path) as file:
            return sha256(file)
    except Unreadable:
        return None


def _cache() -> Path:
    place = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(place).expanduser() / "snnexp" / "networks"


def _name(base: str) -> str:
    """Of a folder: what can be read of the address, and what tells it from all others."""
    words = re.sub(r"[^A-Za-z0-9.]+", "-", base.partition("://")[2]).strip("-.")
    return f"{words[:LONGEST]}-{hashlib.sha256(base.encode()).hexdigest()[:8]}"
