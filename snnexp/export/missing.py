"""Packages that writing a file needs, and that may not be there."""

from importlib.util import find_spec


class MissingPackage(Exception):
    """A package that a file is written with is not installed; the message says how to get it."""


def need(*packages: str) -> None:
    """Raises `MissingPackage` where one of these is not installed."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise MissingPackage(
            f"exporting needs {' and '.join(missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not installed; install with: "
            "pip install 'snnexp[export]'"
        )
