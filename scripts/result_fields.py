"""Writes docs/result.md: every field of a result, from what stands beside it in `snnexp/results/`.

python scripts/result_fields.py
"""

import ast
import dataclasses
import inspect
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from snnexp.files.atomic import write_text
from snnexp.files.hints import words
from snnexp.results import parts
from snnexp.results.record import EXTRA, hints, required
from snnexp.results.run import RunResult
from snnexp.results.stage import StageResult

PAGE = Path(__file__).parents[1] / "docs" / "result.md"
HEAD = """# The result of a run

Made by `scripts/result_fields.py` from `snnexp/results/`, where each field is documented; a test holds the two together.

`result.json` in the folder of a run is one JSON object. On its first level stand the fields of the run and those of the stage that
ended the strategy; `stages` has the fields of every stage, by name. A number that is not finite ends a run, so none stands here.
What `snnexp evaluate` writes under `evaluations/` has the same fields, without `stages`.

```python
import json
from pathlib import Path

from snnexp.results.run import RunResult

result = RunResult.from_json(json.loads(Path("result.json").read_text()))
print(result.last.accuracy, result.last.operations.energy_joule, list(result.stages))
```

Files of every age can be read so: a field that has come since is None. To open the network itself again, see `snnexp/reopen/`.

"there": *always* means that it is written by every run of today, as null where there is nothing; *where known* that it is left out
then.
"""
TITLES = {
    RunResult: "The run",
    StageResult: "A stage",
    parts.Reference: "Reference",
    parts.Operations: "Operations",
    parts.Energy: "Energy",
    parts.NeuroBenchMetrics: "NeuroBench",
    parts.Exit: "Exit",
    parts.EarlyExit: "Early exit",
    parts.LayerSpikes: "Spikes of a layer",
    parts.LayerFidelity: "Fidelity of a layer",
    parts.GradientSpread: "Spread of gradients",
    parts.Resolution: "Resolution",
}

NAMES = {kind: title.replace("`", "").lower() for kind, title in TITLES.items()}
"""What a title is called in a link to it."""


def main() -> None:
    """Rewrites the page."""
    write_text(PAGE, page())


def page() -> str:
    """The page as text."""
    tables = ("\n".join(_section(kind, title)) for kind, title in TITLES.items())
    return "\n".join([HEAD, *tables])


def _section(kind: type, title: str) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"{inspect.cleandoc(kind.__doc__).partition(chr(10))[0]}\n"
    yield "| field | type | there | meaning |"
    yield "|---|---|---|---|"
    documents = documented(kind)
    for field in dataclasses.fields(kind):
        if field.name != "last":
            yield (
                f"| `{field.name}` | {_type(kind, field.name)} | {_there(kind, field)} | "
                f"{documents[field.name]} |"
            )
    yield ""


def documented(kind: type) -> dict[str, str]:
    """What stands under each field of a dataclass in its source, in one line."""
    (definition,) = ast.parse(inspect.getsource(kind)).body
    pairs = zip(definition.body, definition.body[1:], strict=False)
    return {
        field.target.id: " ".join(text.value.value.split()).replace("|", "\\|")
        for field, text in pairs
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr)
    }


def _there(kind: type, field: dataclasses.Field) -> str:
    if field.name == EXTRA:
        return "under names of its own"
    return "always" if field.name in required(kind) or field.default is not None else "where known"


def _type(kind: type, name: str) -> str:
    told = {**hints(kind), EXTRA: dict[str, Any], "stages": dict[str, StageResult]}
    default = kind.__dataclass_fields__[name].default
    return _words(_without_null(told[name]) if default is None else told[name])


def _without_null(hint: Any) -> Any:
    """Of a field that is left out where there is nothing."""
    rest = [option for option in get_args(hint) if option is not type(None)]
    return Union[tuple(rest)]  # noqa: UP007 - of a list


def _words(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(map(_words, arguments))
    if origin is list:
        return f"a list of ({_words(arguments[0])})"
    if origin is dict and arguments[1] is not Any:
        return f"a mapping to ({_words(arguments[1])})"
    return f"[{NAMES[hint]}](#{NAMES[hint].replace(' ', '-')})" if hint in NAMES else words(hint)


if __name__ == "__main__":
    main()
