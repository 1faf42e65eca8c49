"""How a run stands, in a word, by what its `status.json` says."""

from collections.abc import Mapping
from typing import Any

CTRL_C = 130
"""Exit code of a run that Ctrl+C has ended."""


def word_for(facts: Mapping[str, Any]) -> str:
    """Such as finished or failed; `interrupted` by Ctrl+C, `preempted` by another signal."""
    told = str(facts.get("status", "unknown"))
    return "interrupted" if told == "preempted" and facts.get("exit_code") == CTRL_C else told
