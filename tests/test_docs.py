"""What README.md and docs/ show works: every command, every link."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from snnexp.cli.main import COMMANDS
from snnexp.composition.arranged import arranged, forget
from snnexp.jobs.mistakes import not_composable, wrong_in
from snnexp.jobs.plan import planned
from tests.support.command_line import ROOT, TINY, Answer, Shell
from tests.support.documented import PAGES, WITH_COMMANDS, anchors, commands, lines_of_code, links

SHOWN = list(dict.fromkeys(words for page in WITH_COMMANDS for words in commands(page)))
RUN_THROUGH = ("--config-dir", "strategy.stages.pretrain.start=")
"""What makes a training one that has to find something: options of one's own, another run."""
TRAININGS = [
    words
    for words in SHOWN
    if words[0] == "train" and not any(each.startswith(RUN_THROUGH) for each in words)
]
OTHERS = [words for words in SHOWN if words not in TRAININGS]
PLUGINS = {
    "submitit": "hydra_submitit_launcher",
    "joblib": "hydra_joblib_launcher",
    "optuna": "hydra_optuna_sweeper",
    "+search": "hydra_optuna_sweeper",
}
RECORDED = "results/"
ANN = "results/digits_ann/s1"
SWEEP = (*TINY, "timesteps=1,2", "surrogate.width=0.5,1", "seed=1,2", "hydra.sweep.dir=SWEEP")


def named(words: tuple[str, ...]) -> str:
    return " ".join(words)


def needs_plugins(words: tuple[str, ...]) -> None:
    for part, plugin in PLUGINS.items():
        if any(each.startswith(("hydra/", "+search")) and part in each for each in words):
            pytest.importorskip(f"hydra_plugins.{plugin}", reason="pip install '.[sweep]'")


def test_pages_show_commands_of_every_kind():
    assert len(SHOWN) > 60 and {words[0] for words in SHOWN} <= {*COMMANDS}
    assert {*COMMANDS} - {words[0] for words in SHOWN} == set()


@pytest.mark.slow
@pytest.mark.parametrize("words", TRAININGS, ids=named)
def test_trainings_that_are_shown_can_be_composed(words):
    needs_plugins(words)
    given = [each for each in words[1:] if each != "-m"]
    forget()
    if "-m" in words:
        assert not_composable(given) is None
    else:
        arranged([each for each in given if not each.startswith(("hydra.", "hydra/"))])


@pytest.mark.soak  # the check of what they compose stands beside the experiments and the options
@pytest.mark.parametrize("words", TRAININGS, ids=named)
def test_trainings_that_are_shown_can_begin(words):
    """Whole, but for the training itself: composed, and checked as `snnexp train` does before it
    reads any data.
    """
    needs_plugins(words)
    given = [each for each in words[1:] if each != "-m"]
    forget()
    if "-m" in words:
        assert not_composable(given) is None
        one = [each for each in given if not re.search(r"[,(]|^hydra\.", each)]
        given = planned(given, one).jobs[0]
    plain = [each for each in given if not each.startswith(("hydra.", "hydra/"))]
    assert wrong_in(arranged(plain).config) == []


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> Iterator[dict[tuple[str, ...], Answer]]:
    """What the other commands say, one after the other in a folder that has a sweep in it."""
    folder = tmp_path_factory.mktemp("docs")
    shell = Shell(folder, folder)
    assert shell("train", "-m", *SWEEP).code == 0
    ann = ("+experiment=digits_ann", "epochs=1", "tracker=none", f"hydra.run.dir={ANN}")
    assert shell("train", *ann).code == 0
    shutil.copytree(folder / ANN, folder / "outputs" / "digits_ann" / "s1")
    yield {words: shell(*real(words, folder)) for words in OTHERS}
    shell.close()


def real(words: tuple[str, ...], folder: Path) -> list[str]:
    """A command with folders that are there in place of names for them. A queue says how all stands
    instead of working on it, and a training with own options how it is composed; a sweep with them
    is a tiny one.
    """
    run = f"SWEEP/{sorted(path.name for path in (folder / 'SWEEP').glob('*_s1'))[-1]}"
    found: list[str] = []
    for word in words:
        word = re.sub(r"^(RUN_DIR|RUN)(?=$|/)", run, word)
        word = "SWEEP" if word == "SWEEP_DIR" else word
        word = re.sub(r"start=\S+$", f"start={ANN}", word)
        if word.endswith(".json") and (ROOT / RECORDED / word).exists():
            word = str(ROOT / RECORDED / word)
        word = os.path.basename(word) if word.endswith(".png") else word
        found += map(str, sorted(folder.glob(word))) if "*" in word else [word]
    alone = ["--cfg", "job"] if "-m" not in words else [*TINY]
    shown = alone if "--config-dir" in words else ["tracker=none"]
    more = {"reproduce": ["--status", "--runs", "queue"], "train": shown}
    return [*found, *more.get(words[0], [])]


@pytest.mark.soak
@pytest.mark.parametrize("words", OTHERS, ids=named)
def test_other_commands_that_are_shown_run(words, answers):
    needs_plugins(words)
    code, _, err = answers[words]
    assert code == 0 and "Traceback" not in err, err


def test_targets_of_make_that_are_shown_are_there():
    there = {*re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)}
    shown = {
        target
        for page in WITH_COMMANDS
        for line in lines_of_code(page)
        for target in re.findall(r"^make ([a-z-]+)", line)
    }
    said = {
        target
        for page in PAGES
        for target in re.findall(r"`make ([a-z-]+)(?: [a-z-]+)*`", page.read_text())
    }
    assert shown and said and (shown | said) - there == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_a_link_that_leads_nowhere_would_be_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A: title `x`\n[a](gone.md) [b](https://a.b/c) `[c](no.md)` ![d](#a-title-x)")
    assert [*links(page)] == ["gone.md", "#a-title-x"] and anchors(page) == {"a-title-x"}
