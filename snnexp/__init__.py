"""snnexp: a bench on which every way of training deep spiking neural networks can be run, measured
and compared.
"""

from pkgutil import extend_path
from typing import Any

# A user's own components live in a folder laid out like this package (`snnexp/neurons/mine.py`) on
# PYTHONPATH.
__path__ = extend_path(__path__, __name__)
__version__ = "0.1.0"

_NOTEBOOK = (
    *("Cell", "Over", "component", "compose", "evaluate", "load", "spikes", "streaming", "table"),
)


def __getattr__(name: str) -> Any:
    """The names of `snnexp.notebook`, imported when they are asked for: that takes seconds."""
    if name not in _NOTEBOOK:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from snnexp import notebook

    return getattr(notebook, name)
