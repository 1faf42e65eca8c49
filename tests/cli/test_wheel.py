"""The wheel: installed beside nothing else of this project, it trains from an empty folder."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.command_line import ROOT, environment
from tests.support.options import CONF

pytestmark = pytest.mark.soak  # kernels are compiled; that all packages are listed is told at once

BLOCK = """experiment stage strategy dataset encoder neuron synapse norm architecture readout seed timesteps epochs
accuracy selection accuracy_last accuracy_best_test accuracy_by_timestep spikes_per_inference spikes_per_neuron spikes_by_layer
operations parameters test_images train_seconds evaluate_seconds reference gap""".split()
RESULT = [
    *BLOCK,
    *"peak_memory_bytes device threads precision versions git_commit config_hash stages".split(),
]
OPERATIONS = {"mac", "ac", "mac_ann", "energy_joule", "energy_ann_joule", "energy_model"}


def done(*command: object, cwd: Path) -> str:
    """All output of a command that must succeed, run without this checkout on Python's path."""
    clean = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.run([*map(str, command)], cwd=cwd, env=clean, timeout=3600, **pipes)
    assert process.returncode == 0, process.stdout
    return process.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, str]:
    """The wheel, and what was said while it was made.

    From a copy, so that nothing is left in the checkout and nothing that an earlier build left
    there gets in.
    """
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("snnexp", "conf", "results"):
        shutil.copytree(
            ROOT / name,
            source / name,
            ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.pyd"),
        )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    said = done(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-v",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        out,
        source,
        cwd=out,
    )
    (found,) = out.glob("*.whl")
    return found, said


@pytest.fixture(scope="module")
def wheel(built) -> Path:
    return built[0]


@pytest.fixture(scope="module")
def binaries(wheel, tmp_path_factory) -> Path:
    """The folder of commands of a new environment with the wheel; it borrows the heavy packages of
    this one.

    They are borrowed by a line in a .pth file: what stands there is on the path, but .pth files in
    it, as of an editable installation of this very package, are not followed.
    """
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    paths = sysconfig.get_paths(vars={"base": str(home), "platbase": str(home)})
    heavy = str(
        Path(find_spec("torch").origin).parents[1]
    )  # elsewhere, where this environment borrows itself
    borrowed = dict.fromkeys(
        [*(sysconfig.get_paths()[kind] for kind in ("purelib", "platlib")), heavy]
    )
    (Path(paths["purelib"]) / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    python = Path(paths["scripts"]) / "python"
    done(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-index",
        "--ignore-installed",
        wheel,
        cwd=home,
    )
    return python.parent


def test_the_wheel_is_what_is_imported(binaries, tmp_path):
    program = (
        "import snnexp, snnexp.conf, torch; print(snnexp.__file__); print(snnexp.conf.__file__)"
    )
    for line in done(binaries / "python", "-c", program, cwd=tmp_path).splitlines():
        assert Path(line).is_relative_to(binaries.parent)


def test_the_wheel_holds_every_option_module_and_table(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    options = {f"snnexp/conf/{path.relative_to(CONF).as_posix()}" for path in CONF.rglob("*.yaml")}
    kinds = (".py", ".c", ".csv", ".txt")
    modules = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "snnexp").rglob("*")
        if path.suffix in kinds
    }
    assert len(options) >= 76 and options - names == set()
    assert len(modules) >= 130 and modules - names == set()


def test_no_page_of_warnings_hides_what_the_build_says(built):
    assert (
        "running build_py" in built[1]
        and "absent from" not in built[1]
        and "would be ignored" not in built[1]
    )


@pytest.mark.slow
def test_recorded_results_come_with_the_wheel(wheel, binaries, tmp_path):
    names = {Path(name) for name in zipfile.ZipFile(wheel).namelist()}
    inside = {name for name in names if Path("snnexp/recorded") in name.parents}
    recorded = {
        Path("snnexp/recorded") / path.relative_to(ROOT / "results")
        for path in (ROOT / "results").rglob("*")
        if path.suffix in (".json", ".csv")
    }
    assert inside == recorded and len(recorded) > 50
    out = done(binaries / "snnexp", "table", "3", "--format", "csv", cwd=tmp_path)
    assert out.count(",partial,") >= 5 and out.count(",not run,") >= 10


@pytest.mark.slow
def test_a_published_network_is_evaluated_where_nothing_but_the_wheel_is(binaries, tmp_path):
    recorded = ROOT / "results" / "digits_qcfs" / "s1"
    done(sys.executable, "-m", "snnexp", "publish", recorded, "--to", tmp_path / "n", cwd=ROOT)
    done(binaries / "snnexp", "evaluate", "n", cwd=tmp_path)
    (path,) = tmp_path.glob("n/evaluations/*.json")
    known = json.loads((recorded / "check.json").read_text())
    assert known["changes"] == [] and json.loads(path.read_text())["accuracy"] == known["accuracy"]


@pytest.mark.slow
def test_the_wheel_trains_from_an_empty_folder(binaries, tmp_path):
    out = done(binaries / "snnexp", "train", "epochs=1", "tracker=none", cwd=tmp_path)
    (path,) = tmp_path.glob("outputs/train/*/result.json")
    assert f"run folder  {path.parent}" in out
    result = json.loads(path.read_text())
    assert set(RESULT) - result.keys() == set()
    assert (
        result["operations"].keys() == OPERATIONS
        and {"python", "torch", "snnexp"} <= result["versions"].keys()
    )
    assert (
        len(result["accuracy_by_timestep"]) == result["timesteps"] == 4 and result["accuracy"] > 15
    )
    (block,) = result["stages"].values()
    assert set(BLOCK) - block.keys() == set()
    assert [each.name for each in tmp_path.iterdir()] == ["outputs"]
