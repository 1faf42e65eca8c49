"""The command with which a run that has not come to its end goes on."""

import re
import shlex
from pathlib import Path


def going_on(arguments: list[str], folder: Path, key: str = "hydra.run.dir") -> str:
    """Such as `snnexp train epochs=3 hydra.run.dir=outputs/...`, to be copied into a shell."""
    kept = [each for each in arguments if not re.match(r"\+*hydra\.(run|sweep)\.dir=", each)]
    return shlex.join(["snnexp", "train", *kept, f"{key}={_in_grammar(str(folder))}"])


def _in_grammar(path: str) -> str:
    """The path as Hydra's grammar reads it: in quotes where it has more than plain letters."""
    if re.fullmatch(r"[A-Za-z0-9_./\-+%@]+", path):
        return path
    escaped = path.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
