"""The commands that README.md and docs/*.md show, and the links on all pages."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.support.command_line import ROOT

WITH_COMMANDS = (
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "strategies").glob("*.md")),
)
PAGES = tuple(
    path
    for name in ("*.md", "docs/**/*.md", "results/**/*.md", "snnexp/**/*.md")
    for path in sorted(ROOT.glob(name))
)
FENCE = "```"
SHELL = ("bash", "sh", "console")


def lines_of_code(page: Path) -> Iterator[str]:
    """The lines of blocks of shell commands, fenced or indented; those that go on in the next one
    are joined. What stands behind a command in an indented block, two spaces apart, says what it
    does.
    """
    language, kept = None, ""
    for line in page.read_text().splitlines():
        if line.strip().startswith(FENCE):
            language = line.strip().removeprefix(FENCE) if language is None else None
        elif language in SHELL or (language is None and line.startswith("    ")):
            kept += line.strip() if language else re.split(r" {2,}| \(", line.strip())[0]
            if not kept.endswith("\\"):
                yield kept
                kept = ""
            kept = kept.removesuffix("\\")


def commands(page: Path) -> Iterator[tuple[str, ...]]:
    """The words of each `snnexp ...` of a page, without what the shell does with it."""
    for line in lines_of_code(page):
        for part in re.split(r"\s(?:&&|\|)\s|;", line.partition(" # ")[0]):
            found = re.search(r"(?:^|[\s/=(])snnexp (.*)", part)
            words = [] if found is None else shlex.split(found[1], comments=True)
            if words and not part.startswith("#"):
                yield tuple(words[: words.index(">")] if ">" in words else words)


def links(page: Path) -> Iterator[str]:
    """Where the links and pictures of a page lead to, but for addresses of other sites."""
    text = re.sub(rf"{FENCE}.*?{FENCE}", "", page.read_text(), flags=re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)
    for target in re.findall(r"(?:\]\(|\bsrc(?:set)?=\")([^)\s\"]+)[)\"]", text):
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(page: Path) -> set[str]:
    """The names that headings of a page can be linked by."""
    found = re.findall(r"^#+ +(.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in found}
