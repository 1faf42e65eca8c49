"""The folder of a published network, written."""

import hashlib
from dataclasses import replace
from pathlib import Path

from omegaconf import OmegaConf

from snnexp.files.atomic import replacing, write_json, write_text
from snnexp.files.disk import writing
from snnexp.files.foreign import PART, Unreadable, regular
from snnexp.files.weights import PUBLISHED
from snnexp.published.card import card
from snnexp.published.described import described
from snnexp.published.source import Source

CARD = "README.md"


def write(source: Source, folder: Path, license_name: str | None) -> None:
    """Writes the files of a published network, each whole or not at all; the card, without which
    there is none, comes last.

    Raises:
        Unreadable: the weights are not those of the result.
        NoRoom: the disk is full.
    """
    page = card(source, license_name)
    _copy(source, folder / PUBLISHED)
    # Whether it is history is said by the collection of results that it lies in.
    write_json(folder / "result.json", replace(source.result, history=None).to_json())
    write_text(folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(dict(source.config))))
    write_json(folder / "config.json", described(source))
    write_text(folder / CARD, page)


def _copy(source: Source, path: Path) -> None:
    """Copies the weights, compared with the sum that the result has of them."""
    digest = hashlib.sha256()
    with regular(source.weights) as file, writing(path, source.weights.stat().st_size):
        with replacing(path) as draft, draft.open("xb") as copy:
            while piece := file.read(PART):
                digest.update(piece)
                copy.write(piece)
            if digest.hexdigest() != source.result.weights_sha256:
                raise Unreadable(source.weights, "is damaged, or not that of the result beside it")
