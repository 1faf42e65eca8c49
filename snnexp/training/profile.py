"""Which operations a run spends its time on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from snnexp.files.atomic import write_text
from snnexp.progress.work import doing

ROWS = 40
TABLE, TRACE = "profile.txt", "profile.json"


@contextmanager
def profiled(folder: Path, device: torch.device) -> Iterator[None]:
    """Looks at what happens in the block, and writes the dearest operations into `folder`: a table,
    and a trace that viewers of Chrome's format show.
    """
    on_cuda = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_cuda else [])]
    with profile(activities=activities, record_shapes=True) as seen:
        yield
    with doing("writing the profile"):
        order = f"self_{'cuda' if on_cuda else 'cpu'}_time_total"
        write_text(folder / TABLE, seen.key_averages().table(sort_by=order, row_limit=ROWS))
        seen.export_chrome_trace(str(folder / TRACE))
