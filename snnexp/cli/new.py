"""`snnexp new GROUP NAME`: a folder with a component of one's own, which trains at once."""

import argparse
import keyword
import re
import sys
from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from snnexp.cli.arguments import Parser
from snnexp.cli.codes import BAD_CONFIG
from snnexp.files.atomic import write_text
from snnexp.files.visible import visible

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable  # from Python 3.11 on

EPILOG = """examples:
  snnexp new neuron adaptive                   a package `adaptive` in this folder
  snnexp new loss patient --package adaptive   one more component of it

The folder has a README.md with the command that trains with the component, and a test of what
every component of its kind promises."""


def new(arguments: list[str]) -> int:
    """Writes the folder, or adds to one, and prints what can be done with it."""
    try:
        chosen = _parser().parse_args(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    group, name, package = chosen.group, chosen.name, chosen.package or chosen.name
    said = next(_wrong(group, name, package, chosen.package is not None), None)
    if said:
        print(visible(f"snnexp: {said}"), file=sys.stderr)
        return BAD_CONFIG
    names = {"group": group, "name": name, "Name": _class_name(name), "package": package}
    for path, template in _files(group, name).items():
        _write(Path(package) / path, template, names)
    print(_next_steps(group, name, package), end="")
    return 0


def groups() -> list[str]:
    """The groups of which there is a template."""
    return sorted(each.name for each in _templates().iterdir() if each.is_dir())


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        "snnexp new",
        description="Begins a component of one's own: a Python file, its YAML, a test, a README.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("group", choices=groups(), metavar="GROUP", help=", ".join(groups()))
    parser.add_argument("name", metavar="NAME", help="of the option, such as adaptive")
    parser.add_argument("--package", metavar="NAME", help="the folder, a package (NAME)")
    return parser


def _wrong(group: str, name: str, package: str, chosen: bool) -> Iterator[str]:
    """What keeps the files from being written."""
    for each in (name, package):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", each) or keyword.iskeyword(each):
            yield f"{each!r} is no name for a module: small letters, digits and _, as in my_{group}"
    if (files("snnexp.conf") / group / f"{name}.yaml").is_file():
        yield f"there is {group}={name} already (snnexp list {group}); choose another name"
    folder = Path(package)
    if folder.exists() and not chosen:
        yield f"{folder} is there already; choose another name, or add to it: --package {package}"
    if not folder.exists() and find_spec(package) is not None:
        yield f"Python has a module {package!r} already; choose another name for the package"
    if folder.exists() and not (folder / "__init__.py").is_file():
        yield f"{folder} is no package, since it has no __init__.py; choose another"
    if (folder / f"{name}.py").exists() or (folder / f"conf/{group}/{name}.yaml").exists():
        yield f"{folder / name}.py is there already; choose another name"


def _templates() -> "Traversable":
    return files("snnexp") / "templates"


def _files(group: str, name: str) -> dict[str, str]:
    """The templates by the paths of what is made of them."""
    shared, own = _templates(), _templates() / group
    more = own / "more_tests.py.txt"
    tests = (shared / "test.py.txt").read_text()
    if more.is_file():
        tests = tests.replace("import pytest\n", "import pytest\nimport torch\n", 1)
        tests += more.read_text()
    return {
        "__init__.py": (shared / "__init__.py.txt").read_text(),
        f"{name}.py": (own / "component.py.txt").read_text(),
        f"conf/{group}/{name}.yaml": (own / "option.yaml.txt").read_text(),
        f"test_{name}.py": tests,
        "pyproject.toml": (shared / "pyproject.toml.txt").read_text(),
        "README.md": (shared / "README.md.txt").read_text(),
    }


def _write(path: Path, template: str, names: dict[str, str]) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, Template(template).substitute(names))
        print(visible(f"written  {path}"))


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _next_steps(group: str, name: str, package: str) -> str:
    return f"""
export PYTHONPATH=.
snnexp train --config-dir {package}/conf trust={package} {group}={name}
python -m pytest {package}
"""
