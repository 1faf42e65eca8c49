"""Names that W&B would refuse after the start, when the run would go on without it."""

import os
import re
from collections.abc import Iterator, Mapping

from snnexp.configuration.rules.reading import Config, says

LONGEST = 128
REFUSED = "/\\#?%:"
REFUSED_IN_ID = REFUSED + ";,'"


def tracker_takes_the_names(config: Config) -> Iterator[str]:
    """A project, a team and an id of W&B become parts of an address."""
    if not says(config, "tracker", "in_address") or config["tracker"].get("mode") == "disabled":
        return
    for key, (name, refused) in _names(config["tracker"], os.environ).items():
        fault = fault_of(name, refused)
        if fault:
            yield (
                f"{key}: {name!r} {fault}; W&B takes 1 to {LONGEST} characters without any of "
                f"{' '.join(refused)}"
            )


def _names(tracker: Mapping, around: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The names that the run would go by, and what may not be in them."""
    names = {"tracker.project": (tracker["project"], REFUSED)}
    if tracker["entity"] is not None:
        names["tracker.entity"] = (tracker["entity"], REFUSED)
    elif "WANDB_ENTITY" in around:
        names["WANDB_ENTITY"] = (around["WANDB_ENTITY"], REFUSED)
    if "WANDB_RUN_ID" in around:
        names["WANDB_RUN_ID"] = (around["WANDB_RUN_ID"], REFUSED_IN_ID)
    return names


def fault_of(name: str, refused: str) -> str | None:
    """What W&B does not take in a name, in words."""
    found = [character for character in refused if character in name]
    if found:
        return f"contains {' '.join(found)}"
    if len(name) > LONGEST:
        return f"has {len(name)} characters"
    if not name.strip() or name != name.strip() or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", name):
        return "is empty, or has blanks at its ends, or characters that cannot be shown"
    return None


RULES = (tracker_takes_the_names,)
