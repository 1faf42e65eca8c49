"""Several files that cannot be used, in one message."""

from snnexp.files.foreign import Unreadable

_NAMED = 5


def together(faults: list[Unreadable]) -> Unreadable:
    """The first of them, which names others, too."""
    first, *others = faults
    if not others:
        return first
    named = ", ".join(str(each.path) for each in others[:_NAMED]) + (
        ", ..." if others[_NAMED:] else ""
    )
    return Unreadable(first.path, f"{first.why} (and {len(others)} more cannot be used: {named})")
