"""Times as people read them."""

import math


def clock(seconds: float) -> str:
    """Such as `0:07`, `12:40`, `3:05:00`; days stand before them, as in `2 d 3:05:00`."""
    whole = max(math.ceil(seconds), 0)
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    small = f"{minutes}:{rest:02}" if not (hours or days) else f"{hours}:{minutes:02}:{rest:02}"
    return f"{days} d {small}" if days else small
