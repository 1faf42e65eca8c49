"""The commit a result names is that of this package, not of a repository it happens to lie in."""

import subprocess

import pytest

import snnexp
from snnexp.runs.result import git_commit

AUTHOR = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")


def git(folder, *words: str) -> str:
    return subprocess.run(
        ["git", *AUTHOR, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.slow
def test_only_a_repository_that_tracks_the_package_is_named(tmp_path, monkeypatch):
    package = tmp_path / "lib" / "snnexp" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.touch()
    monkeypatch.setattr(snnexp, "__file__", str(package))
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "theirs")
    assert git_commit() is None
    git(tmp_path, "add", "-f", ".")
    git(tmp_path, "commit", "-q", "-m", "ours")
    assert git_commit() == git(tmp_path, "rev-parse", "HEAD")
    package.write_text("changed = True\n")
    assert git_commit().endswith("+changes")
