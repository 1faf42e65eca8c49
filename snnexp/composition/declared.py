"""What the source of a component declares: its docstring and the types of its arguments. Sources
are read and never imported, so that looking something up takes no second.
"""

import ast
import functools
import inspect
import operator
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import snnexp
from snnexp import limits
from snnexp.files.hints import words

ARGUMENTS = re.compile(r"^\s*Args:\s*$")
PLAIN = {"float": float, "int": int, "bool": bool, "str": str, "None": None, "dict": dict}


@dataclass(frozen=True)
class Declared:
    """A class or function as its source has it.

    Args:
        path: of the file that defines it.
        line: where, from 1.
        about: its docstring without the arguments.
        types: of each argument, in words; empty where they cannot be told.
        meanings: of the arguments that the docstring explains.
        constants: plain values that a class states, such as `form`.
    """

    path: Path
    line: int
    about: str
    types: dict[str, str] = field(default_factory=dict)
    meanings: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)


def declared(target: str) -> Declared | None:
    """What the source of a `_target_` declares; None where it cannot be found."""
    module, _, name = target.rpartition(".")
    found = _definition(module, name)
    return None if found is None else _read(*found)


def _read(module: str, node: ast.ClassDef | ast.FunctionDef) -> Declared:
    text = ast.get_docstring(node) or ""
    about, meanings = _apart(text)
    types = {}
    for argument, annotation in _arguments(module, node):
        types[argument] = _in_words(annotation, module)
    for argument in types:
        meanings[argument] = _followed(meanings.get(argument, ""), argument, module)
    constants = dict(_constants(node)) if isinstance(node, ast.ClassDef) else {}
    path = _file(module)
    assert path is not None
    return Declared(path, node.lineno, about, types, meanings, constants)


def _apart(text: str) -> tuple[str, dict[str, str]]:
    """A docstring without its arguments, and what it says of each of them."""
    lines = inspect.cleandoc(text).splitlines()
    start = next((n for n, line in enumerate(lines) if ARGUMENTS.match(line)), len(lines))
    stop = next((n for n in range(start + 1, len(lines)) if re.match(r"\S", lines[n])), len(lines))
    about = "\n".join([*lines[:start], *lines[stop:]]).strip()
    return about, dict(_meanings(lines[start + 1 : stop]))


def _meanings(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Each argument and what is said of it; several may stand before one colon."""
    block = inspect.cleandoc("\n".join(["", *lines]))
    for entry in re.split(r"\n(?=\S)", block):
        names, _, said = entry.partition(":")
        for name in re.split(r",\s*", names):
            yield name.strip(), " ".join(said.split())


def _followed(said: str, argument: str, module: str) -> str:
    """What another class says of an argument, where this one says that it is as that one has it."""
    other = re.search(r"\bas `(\w+)` has", said)
    found = _definition(module, other[1]) if other else None
    if found is None:
        return said
    return _apart(ast.get_docstring(found[1]) or "")[1].get(argument, said)


def _arguments(module: str, node: ast.AST) -> list[tuple[str, ast.expr | None]]:
    """The arguments of a function, or of the constructor of a class or of what it inherits from."""
    if isinstance(node, ast.FunctionDef):
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        return [(each.arg, each.annotation) for each in every if each.arg != "self"]
    assert isinstance(node, ast.ClassDef)
    if any("dataclass" in ast.unparse(each) for each in node.decorator_list):
        fields = (each for each in node.body if isinstance(each, ast.AnnAssign))
        return [(ast.unparse(each.target), each.annotation) for each in fields]
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            return _arguments(module, each)
    for base in node.bases:
        found = _definition(module, base.id) if isinstance(base, ast.Name) else None
        if found is not None:
            return _arguments(*found)
    return []


def _constants(node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    for each in node.body:
        target = each.targets[0] if isinstance(each, ast.Assign) else getattr(each, "target", None)
        value = getattr(each, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
            yield target.id, value.value


def _in_words(annotation: ast.expr | None, module: str) -> str:
    try:
        return "" if annotation is None else words(_type(annotation, module))
    except LookupError:
        return ""


def _type(node: ast.expr, module: str) -> Any:
    """The type that an annotation means. Raises `LookupError` for one that no YAML can hold."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.BinOp):
        return _either([node.left, node.right], module)
    if isinstance(node, ast.Name):
        return _named(node.id, module)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        return _of_many(node.value.id, node.slice, module)
    raise LookupError(ast.dump(node))


def _either(nodes: list[ast.expr], module: str) -> Any:
    """Those types of several that YAML can hold; a tensor is none."""
    found = []
    for node in nodes:
        with suppress(LookupError):
            found.append(_type(node, module))
    if not found:
        raise LookupError(ast.dump(nodes[0]))
    return functools.reduce(operator.or_, found)


def _named(name: str, module: str) -> Any:
    if name in PLAIN:
        return PLAIN[name]
    found = _assigned(module, name)
    if found is None:
        raise LookupError(name)
    return _type(found[1], found[0])


def _of_many(name: str, inner: ast.expr, module: str) -> Any:
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if name in ("Union", "Optional"):
        none = [ast.Constant(None)] if name == "Optional" else []
        return _either([*parts, *none], module)
    if name == "Literal":
        return Literal[tuple(ast.literal_eval(each) for each in parts)]
    if name == "Annotated":
        return Annotated[_type(parts[0], module), _interval(parts[1])]
    if name in ("list", "Sequence", "tuple"):
        return list[_type(parts[0], module)]  # type: ignore[misc]
    if name in ("dict", "Mapping"):
        return dict
    raise LookupError(name)


def _interval(node: ast.expr) -> limits.Interval:
    """The range that stands in a type. Raises `LookupError` for anything else."""
    if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "Interval"):
        raise LookupError(ast.dump(node))
    ends = [_end(each) for each in node.args]
    return limits.Interval(
        *ends, **{each.arg: _end(each.value) for each in node.keywords if each.arg}
    )


def _end(node: ast.expr) -> Any:
    if ast.unparse(node) == "WHOLE - 1":
        return limits.WHOLE - 1
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise LookupError(ast.dump(node)) from None


def _definition(module: str, name: str) -> tuple[str, ast.ClassDef | ast.FunctionDef] | None:
    """The class or function of a name, and the module that defines it, through imports."""
    for node in _body(module):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return module, node
    origin = _origin(module, name)
    return None if origin is None else _definition(*origin)


def _assigned(module: str, name: str) -> tuple[str, ast.expr] | None:
    """What a name stands for that is set to a type, and the module that does so."""
    for node in _body(module):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return module, node.value
    origin = _origin(module, name)
    return None if origin is None else _assigned(*origin)


def _origin(module: str, name: str) -> tuple[str, str] | None:
    """Where a module has a name from."""
    for node in _body(module):
        if isinstance(node, ast.ImportFrom) and node.module and node.module != module:
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return node.module, alias.name
    return None


@cache
def _body(module: str) -> list[ast.stmt]:
    path = _file(module)
    try:
        return [] if path is None else ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError):
        return []


@cache
def _file(module: str) -> Path | None:
    """The source of a module, in this package or wherever Python looks; the package is one of
    several folders where users have parts of their own.
    """
    inside = Path(*module.split("."))
    roots = [*(Path(folder).parent for folder in snnexp.__path__), *map(Path, sys.path)]
    names = (inside.with_suffix(".py"), inside / "__init__.py")
    found = [root / name for root in roots for name in names]
    found += [place / Path(*name.parts[1:]) for place in _places(inside.parts[0]) for name in names]
    return next((path for path in found if path.is_file()), None)


@cache
def _places(package: str) -> list[Path]:
    """The folders of a package, if an import hook alone knows it, as it does of one that is
    installed to be edited; nothing of it is run.
    """
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        spec = None
    return [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
