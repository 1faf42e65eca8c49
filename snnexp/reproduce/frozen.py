"""A copy of this program that stays as it is, so that a run ends with the code that began it."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import snnexp
from snnexp.errors import ConfigError
from snnexp.reproduce.command import LAUNCHER
from snnexp.runs.result import COMMIT

PACKAGE = Path(snnexp.__file__).parent


def frozen(runs: Path) -> Path:
    """The folder of a copy of the committed program below `runs`, made unless it is there; it is
    put first on Python's path.

    From a checkout it is the program of the commit, whatever else has been changed there; an
    installed package is copied as it is.

    Raises:
        ConfigError: the copy cannot be made.
    """
    commit = _commit()
    copy = runs / "code" / (commit or f"{snnexp.__version__}-installed")
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=copy.parent, prefix=".draft.") as draft:
            made = Path(draft) / "copy"
            _installed(Path(draft), made, commit) if commit else shutil.copytree(
                PACKAGE, made / "snnexp"
            )
            (made / LAUNCHER).write_text("from snnexp.cli.main import main\n\nmain()\n")
            os.rename(made, copy)
    return copy


def _commit() -> str | None:
    try:
        _git("ls-files", "--error-unmatch", "__init__.py")
        return _git("rev-parse", "HEAD").decode().strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _installed(draft: Path, made: Path, commit: str) -> None:
    """Installs the program of a commit into a folder, kernels compiled, as it would be into an
    environment.
    """
    source = draft / "source"
    source.mkdir()
    root = _git("rev-parse", "--show-toplevel").decode().strip()
    archive = subprocess.run(
        ["git", "archive", commit], cwd=root, capture_output=True, check=True
    ).stdout
    subprocess.run(["tar", "-x", "-C", source], input=archive, check=True)
    words = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        made,
        source,
    ]
    done = subprocess.run([*map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise ConfigError(
            f"a copy of the program at {commit[:10]} cannot be installed: "
            f"{done.stderr.strip()[-500:]}"
        )
    (made / "snnexp" / COMMIT).write_text(f"{commit}\n")


def _git(*words: str) -> bytes:
    return subprocess.run(
        ["git", *words], cwd=PACKAGE, capture_output=True, check=True, start_new_session=True
    ).stdout
