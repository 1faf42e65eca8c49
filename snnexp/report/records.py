"""What a run has recorded of its epochs."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from snnexp.files.documents import LARGEST_RECORDS
from snnexp.files.foreign import Unreadable, read_regular
from snnexp.files.visible import all_visible

FILE = "metrics.jsonl"


def records_of(run: Path) -> tuple[Mapping[str, Any], ...]:
    """The records beside a result: of a run in its folder, of a recorded one beside its file; those
    that are none are left out.
    """
    if run.is_dir():
        return tuple(_records(run / FILE))
    own = run.parent / FILE if run.name == "result.json" else run.parent / f"{run.stem}_{FILE}"
    return tuple(_records(own))


def _records(file: Path) -> Iterator[Mapping[str, Any]]:
    try:
        lines = read_regular(file, LARGEST_RECORDS).decode(errors="replace").splitlines()
    except Unreadable:
        return
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if _is_record(record):
            yield all_visible(record)


def _is_record(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and isinstance(record.get("stage"), str)
        and isinstance(record.get("epoch"), int)
        and not any(isinstance(value, dict | list) for value in record.values())
    )
