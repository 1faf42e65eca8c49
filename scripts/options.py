"""Writes docs/options.md: every option of every group with its keys, from conf/ and the sources.

    python scripts/options.py

It says what `snnexp list GROUP` and `snnexp show GROUP=OPTION` say.
"""

import re
from collections.abc import Iterator
from itertools import dropwhile, groupby
from pathlib import Path
from typing import Any

import yaml

from snnexp.composition.catalogue import comment, groups, headline, is_added, text_of
from snnexp.composition.keys import TARGET, Key, keys, remarks, settings
from snnexp.files.atomic import write_text
from snnexp.survey.experiments import LOADER

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "options.md"
LEFT_OUT = {
    "experiment": "what they reproduce: `snnexp list`",
    "needs": "brought by strategies and data sets themselves",
}
HEAD = """# Options

Made by `python scripts/options.py` from `conf/` and the sources; a test holds the two together.
`snnexp show GROUP=OPTION` says the same of one option, with its equations and source. Options whose
group has a plus are added (`+debug=limit`); all others replace the one that is there. A key is set
behind its group: `neuron.leak=0.9`; of a stage, behind its name in the strategy:
`strategy.stages.train.epochs=3`.
"""
MOST_ABSENT = 3
"""Keys that an option may lack of a like one, to be told by the difference."""
Options = dict[str, Path]
Content = dict[str, Any]


def main() -> None:
    """Rewrites the page."""
    write_text(PAGE, page())


def page() -> str:
    """The page as text."""
    shown = {name: found for name, found in groups().items() if name not in LEFT_OUT}
    links = ", ".join(f"[{name}](#{name})" for name in shown)
    absent = "; ".join(f"`{name}` ({why})" for name, why in LEFT_OUT.items())
    parts = [HEAD, f"Groups: {links}. Not here: {absent}.\n", *_whole()]
    for name, found in shown.items():
        parts += _group(name, found)
    return "\n".join(parts)


def _whole() -> Iterator[str]:
    """The keys of the configuration that belong to no group."""
    text = (ROOT / "conf" / "config.yaml").read_text()
    own = text[text.index("\ntimesteps:") : text.index("\nhydra:")]
    yield "## Keys of no group\n"
    yield f"```yaml\n{own.strip()}\n```\n"


def _group(name: str, found: Options) -> Iterator[str]:
    plus = "+" if all(map(is_added, found.values())) else ""
    yield f"## {name}\n"
    yield f"| `{plus}{name}=` | what it is |\n|---|---|"
    for option, path in found.items():
        yield f"| `{option}` | {_cell(headline(path))} |"
    yield ""
    first: dict[str, str] = {}
    for option, path in found.items():
        content = yaml.load(text_of(path), Loader=LOADER) or {}
        before = first.setdefault(content.get(TARGET, option), option)
        parts = [*_option(path, content, None if before == option else (before, found[before]))]
        if parts:
            yield from [f"### `{plus}{name}={option}`\n", *_remarks(path), *parts]


def _option(path: Path, content: Content, before: tuple[str, Path] | None) -> Iterator[str]:
    """The keys of an option; of one that is no component by itself, what it sets; of one of a
    component that was shown before, in what it differs from that.
    """
    if TARGET not in content:
        yield f"```yaml\n{settings(path).strip()}\n```\n"
        return
    rows = [*keys(content, remarks(path))]
    if before is not None:
        name, known = before[0], dict(map(_default, _known(before[1])))
        absent = known.keys() - dict(map(_default, rows)).keys()
        if len(absent) <= MOST_ABSENT:
            changed = [key for key in rows if known.get(key.name, key.default) != key.default]
            yield _likeness(name, changed, absent)
            rows = [key for key in rows if key.name not in known]
    if rows:
        yield "| key | default | may be | meaning |\n|---|---|---|---|"
        yield from map(_row, rows)
        yield ""


def _known(path: Path) -> list[Key]:
    return [*keys(yaml.load(text_of(path), Loader=LOADER), remarks(path))]


def _default(key: Key) -> tuple[str, str]:
    return key.name, key.default


def _likeness(name: str, changed: list[Key], absent: set[str]) -> str:
    other = [f"`{key.name}={key.default}`" for key in changed]
    other += [f"no `{each}`" for each in sorted(absent)]
    return f"As `{name}`{' but ' if other else ''}{', '.join(other)}.\n"


def _remarks(path: Path) -> Iterator[str]:
    """What the head of a file says behind its title, in paragraphs; commands as code."""
    behind = dropwhile(lambda line: line.startswith("  "), comment(path)[1:])
    for empty, lines in groupby(behind, lambda line: line == "#"):
        text = "\n".join(lines)
        if not empty and text.startswith("  "):
            commands = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
            yield ", ".join(f"`{command.strip()}`" for command in commands) + "\n"
        elif not empty:
            yield " ".join(text.split()) + "\n"


def _row(key: Key) -> str:
    default = f"`{key.default}`" if key.default else ""
    cells = f"`{key.name}`", default, _cell(key.range), _cell(key.meaning)
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    main()
