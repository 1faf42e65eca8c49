"""What a run has recorded of its epochs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from snnexp.files.documents import LARGEST_RECORDS
from snnexp.files.foreign import Unreadable, read_regular
from snnexp.files.visible import all_visible

FILE = "metrics.jsonl"
MOST = 1000
"""Records of a run that are kept."""
READ = 2**20
"""Records that are read."""
LARGEST_NUMBER = 1e100

Record = Mapping[str, Any]


def records_of(run: Path) -> tuple[Record, ...]:
    """The records beside a result: of a run in its folder, of a recorded one beside its file. What
    is none is left out, and of very many records as many as can be told apart are kept.
    """
    if run.is_dir():
        return _fewer([*_records(run / FILE)])
    own = run.parent / FILE if run.name == "result.json" else run.parent / f"{run.stem}_{FILE}"
    return _fewer([*_records(own)])


def _fewer(records: Sequence[Record]) -> tuple[Record, ...]:
    every = max(-(-len(records) // MOST), 1)
    return (*records[:-1:every], *records[-1:])


def _records(file: Path) -> Iterator[Record]:
    try:
        lines = read_regular(file, LARGEST_RECORDS).decode(errors="replace").splitlines()
    except Unreadable:
        return
    for line in islice(lines, READ):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            record = all_visible({key: value for key, value in found.items() if _is_plain(value)})
            if isinstance(record.get("stage"), str) and isinstance(record.get("epoch"), int):
                yield record


def _is_plain(value: Any) -> bool:
    """Whether it is a word, or a number that can be drawn."""
    return isinstance(value, str) or (
        isinstance(value, int | float) and abs(value) < LARGEST_NUMBER
    )
