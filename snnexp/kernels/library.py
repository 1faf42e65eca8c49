"""Libraries of this package that were compiled from C when it was installed."""

import ctypes
from pathlib import Path

FOLDER = Path(__file__).parent
"""Where the installation puts them, whichever folder the code that calls them is in."""


def load(name: str, interface: int) -> ctypes.CDLL | None:
    """The library `_name` if its `name_interface()` is `interface`, else None: then torch does the
    work.

    There is none where no compiler was found at the installation, or for a system it was not
    compiled for. One that is left over from another version of the source has another interface and
    must not be called.
    """
    for path in sorted(FOLDER.glob(f"_{name}*.so")):
        try:
            library = ctypes.CDLL(str(path))
            if getattr(library, f"{name}_interface")() == interface:
                return library
        except (OSError, AttributeError):
            continue
    return None
