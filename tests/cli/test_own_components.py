"""Components of the user's own: begun with `snnexp new`, and named alike in every command."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

from snnexp.cli.new import groups
from snnexp.composition import trust
from snnexp.composition.own import OwnOptions, own_components
from snnexp.contracts import PROMISES, Option
from tests.support.command_line import Shell, environment
from tests.support.warm import WarmShell

TINY = ("epochs=1", "timesteps=3", "batch_size=100", "tracker=none", "progress=plain")
QUICK = (*TINY, "device=cpu", "dataset.test_share=0.9", "architecture.width=2")
OWN = ("--config-dir", "adaptive/conf", "trust=adaptive")
NAMES = {group: "adaptive" if group == "neuron" else f"my_{group}" for group in groups()}
CHOSEN = tuple(f"{group}={name}" for group, name in NAMES.items())


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Iterator[WarmShell]:
    """A shell in a folder with a package `adaptive` that has a component of every kind, on Python's
    path.
    """
    folder = tmp_path_factory.mktemp("own")
    shell = WarmShell(folder, folder)
    for group, name in sorted(NAMES.items(), key=lambda each: each[0] != "neuron"):
        more = () if group == "neuron" else ("--package", "adaptive")
        told = shell("new", group, name, *more)
        assert told.code == 0 and f"written  adaptive/{name}.py" in told.out, told.err
    yield shell
    shell.close()


@pytest.fixture(scope="module")
def trained(own) -> Shell:
    """The same, with a run of a network of all these components."""
    told = own("train", *OWN, *QUICK, *CHOSEN, "hydra.run.dir=run")
    assert told.code == 0, told.err
    return own


# What `snnexp new` begins


@pytest.mark.slow
def test_what_was_begun_trains_at_once(trained):
    config = (Path(trained.folder) / "run" / "config.yaml").read_text()
    assert all(f"_target_: adaptive.{name}." in config for name in NAMES.values())


@pytest.mark.slow
@pytest.mark.parametrize("group", NAMES)
def test_what_was_begun_keeps_its_promises(own, monkeypatch, group):
    monkeypatch.syspath_prepend(own.folder)
    conf = Path(own.folder) / "adaptive" / "conf"
    option = Option(group, NAMES[group], "--config-dir", str(conf), "trust=adaptive")
    for promise in PROMISES[group]:
        promise(option.build)


@pytest.fixture(scope="module")
def python(own, tmp_path_factory) -> Path:
    """The Python of an environment in which the folder is installed to be edited."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False)
    paths = sysconfig.get_paths(vars={"base": str(home), "platbase": str(home)})
    borrowed = Path(paths["purelib"]) / "borrowed.pth"
    packages = [path for path in sys.path if path.endswith("-packages")]
    borrowed.write_text("\n".join(packages) + "\n")
    for hook in (hook for path in packages for hook in Path(path).glob("__editable__*snnexp*.pth")):
        shutil.copy(hook, borrowed.parent)  # such files are not followed in what is borrowed
    found = Path(paths["scripts"]) / "python"
    words = ["install", "-v", "--no-deps", "--no-index", "--no-build-isolation", "-e", "adaptive"]
    pip = [sys.executable, "-m", "pip", "--python", found, *words]
    told = subprocess.run(pip, cwd=own.folder, env=environment(), capture_output=True, text=True)
    assert told.returncode == 0 and "would be ignored" not in told.stdout, told.stdout + told.stderr
    return found


@pytest.mark.slow
def test_installed_it_is_known_in_any_folder_and_its_own_tests_pass(own, python, tmp_path):
    def told(*words: object) -> str:
        command = [python, "-m", *map(str, words)]
        done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True)
        assert done.returncode == 0, done.stdout
        return done.stdout.decode()

    shown = told("snnexp", "show", "neuron=adaptive")
    assert "a number > 0" in shown and str(Path(own.folder, "adaptive", "adaptive.py")) in shown
    file = Path(own.folder, "adaptive", "test_adaptive.py")
    assert "5 passed" in told("pytest", "-q", "-p", "no:cacheprovider", file)


@pytest.mark.slow
def test_one_of_ones_own_is_shown_where_options_are_said_to_be(own):
    assert own("show", "neuron=adaptive").code == 2
    told = own("show", "neuron=adaptive", "--config-dir", "adaptive/conf")
    assert told.code == 0 and "a number > 0" in told.out, told.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("neuron", "adaptive"), "adaptive is there already"),
        (("neuron", "lif"), "there is neuron=lif already"),
        (("neuron", "torch"), "Python has a module 'torch' already"),
        (("neuron", "My-own"), "'My-own' is no name for a module"),
        (("loss", "my_loss", "--package", "adaptive"), "adaptive/my_loss.py is there already"),
        (("nuron", "mine"), "invalid choice: 'nuron'"),
    ],
)
def test_nothing_is_overwritten_or_hidden(own, words, said):
    before = sorted(Path(own.folder).rglob("*.py"))
    told = own("new", *words)
    assert told.code == 2 and said in told.err
    assert sorted(Path(own.folder).rglob("*.py")) == before


# Where options are looked for


@pytest.mark.slow
@pytest.mark.parametrize(
    "where",
    [
        ("--config-dir", "adaptive/conf"),
        ("--config-dir=adaptive/conf",),
        ("-cd", "adaptive/conf"),
        ("hydra.searchpath=[file://adaptive/conf]",),
        ("hydra.searchpath=[pkg://adaptive/conf]",),
    ],
    ids=" ".join,
)
def test_lists_and_help_know_them_however_they_are_named(own, where):
    listed = own("list", "neuron", *where)
    assert (
        listed.code == 0
        and re.search(r"^ *adaptive ", listed.out, re.MULTILINE)
        and "lif" in listed.out
    )
    if where[0].endswith("file://adaptive/conf]"):
        shown = own("train", "--help", *where)
        assert shown.code == 0 and re.search(r"neuron +adaptive, alif", shown.out)
    assert not re.search(r"^ *adaptive ", own("list", "neuron").out, re.MULTILINE)


@pytest.mark.slow
def test_evaluations_and_sweeps_know_them(trained, tmp_path):
    where = "hydra.searchpath=[file://adaptive/conf]"
    told = trained("evaluate", "run", where, "trust=adaptive", "encoder=my_encoder")
    assert told.code == 0, told.err
    words = ("neuron=adaptive", "seed=1,2", f"hydra.sweep.dir={tmp_path}", "timesteps=0")
    told = trained("train", "-m", *OWN, *words)
    assert "there is no option" not in told.err and "timesteps" in told.err


@pytest.mark.slow
@pytest.mark.parametrize("command", ["list", "train", "evaluate"])
def test_a_folder_that_is_not_there_is_named(own, command):
    told = own(command, "--config-dir", "nowhere")
    assert told.code == 2
    assert told.err == (
        "snnexp: --config-dir: there is no folder 'nowhere' to look for options in\n"
    )
    told = own(command, "hydra.searchpath=[pkg://nobody.conf]")
    assert told.code == 2 and "no package 'nobody.conf'" in told.err


def test_search_and_trust_end_with_the_block(tmp_path, monkeypatch):
    monkeypatch.setenv(trust.VARIABLE, "other")
    with own_components(["--config-dir", str(tmp_path), "trust=[a, b]", "seed=1"]) as others:
        assert others == ["seed=1"] and OwnOptions.places == (f"file://{tmp_path}",)
        assert trust.trusted() >= {"a", "b", "other"}
    assert OwnOptions.places == () and os.environ[trust.VARIABLE] == "other"


# Who is trusted


@pytest.mark.slow
def test_a_run_cannot_declare_what_it_names_as_trusted(trained):
    told = trained("evaluate", "run")
    assert told.code == 2 and "neuron._target_: 'adaptive.adaptive.Adaptive' is not" in told.err
    assert "trust=[NAME] on the command line or SNNEXP_TRUST=NAME" in told.err
    config = Path(trained.folder) / "run" / "config.yaml"
    before = config.read_text()
    config.write_text(before + "trust: [adaptive]\n")
    told = trained("evaluate", "run")
    config.write_text(before)
    assert told.code == 2 and "trust: no such key" in told.err and "is not allowed" in told.err


@pytest.mark.slow
def test_environment_and_command_line_say_the_same(trained):
    assert trained("evaluate", "run", SNNEXP_TRUST="adaptive").code == 0
    assert trained("evaluate", "run", "trust=[adaptive]").code == 0
    assert "is not allowed" in trained("evaluate", "run", "trust=[other]").err


@pytest.fixture
def installed(own, monkeypatch) -> Iterator[Path]:
    """The folder of the package, as an installation leaves it: with its entry point."""
    facts = Path(own.folder) / "adaptive-0.1.0.dist-info"
    facts.mkdir(exist_ok=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: adaptive\nVersion: 0.1.0\n")
    (facts / "entry_points.txt").write_text("[snnexp.components]\nadaptive = adaptive\n")
    monkeypatch.syspath_prepend(own.folder)
    for each in (trust.installed, trust.option_folders):
        each.cache_clear()
    assert "adaptive" in {each.name for each in distributions()}
    yield Path(own.folder)
    for path in (*facts.iterdir(), facts):
        path.rmdir() if path.is_dir() else path.unlink()
    for each in (trust.installed, trust.option_folders):
        each.cache_clear()


@pytest.mark.slow
def test_an_installed_package_is_found_and_trusted_without_a_word(installed):
    assert "adaptive" in trust.trusted()
    option = Option("neuron", "adaptive")
    assert option.config["neuron"]["_target_"] == "adaptive.adaptive.Adaptive"


@pytest.mark.slow
def test_an_installed_package_is_listed(installed):
    shell = Shell(installed, installed)
    told = shell("list", "neuron")
    shell.close()
    assert told.code == 0 and "adaptive" in told.out and not shell.torch


# Folders that are laid out like this package

NEURON = """
from snnexp.neurons.lif import LIF


class Mine(LIF):
    '''Nothing new.'''
"""


@pytest.mark.slow
def test_a_folder_named_as_this_package_does_not_hide_it_in_any_installation(tmp_path):
    (tmp_path / "mine" / "snnexp" / "neurons").mkdir(parents=True)
    (tmp_path / "mine" / "snnexp" / "neurons" / "mine.py").write_text(NEURON)
    environ = {**environment(), "PYTHONPATH": str(tmp_path / "mine")}  # nothing of the checkout
    words = ("neuron._target_=snnexp.neurons.mine.Mine", *TINY, "epochs=0", "hydra.run.dir=run")
    command = [sys.executable, "-m", "snnexp", "train", *words]
    told = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert "snnexp.neurons.mine.Mine" in (tmp_path / "run" / "config.yaml").read_text()


# Where data are


@pytest.mark.slow
def test_the_environment_says_where_data_are_when_a_run_is_evaluated(trained):
    words = ("evaluate", "run", "trust=adaptive", "dataset=mnist")
    told = trained(*words, SNNEXP_DATA="elsewhere")
    assert told.code == 3 and "elsewhere/MNIST/raw" in told.err
    told = trained(*words, "data_dir=here", SNNEXP_DATA="elsewhere")
    assert told.code == 3 and "here/MNIST/raw" in told.err and "elsewhere" not in told.err
