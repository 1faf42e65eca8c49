"""How the C library hands out memory."""

import ctypes
import platform

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> None:
    """Lets glibc keep what tensors free instead of handing it back to the kernel, which would clear
    every page of the next one.

    Fresh tensors then cost no page faults; resident memory stays near its peak.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(
            _M_MMAP_THRESHOLD, 2**30
        )  # smaller blocks come from the heap, not from a mapping of their own
        library.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)  # the end of the heap stays
