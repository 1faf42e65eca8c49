"""What is recorded under results/: the counts of the README, and networks that still say what they
said.
"""

import json
import os
import runpy
import shutil
from pathlib import Path

import pytest

from snnexp.cli.evaluate import evaluate
from snnexp.composition.placeless import places_in
from snnexp.files.documents import read_yaml
from snnexp.reproduce.checked import FILE
from snnexp.reproduce.recorded import LARGEST
from snnexp.survey.recorded import recorded

ROOT = Path(__file__).parents[2]
NETWORKS = sorted(path.parent for path in (ROOT / "results").glob("*/*/weights.safetensors"))
SOON = ("digits_qcfs/s1", "mnist_tandem_cnn/s1")
"""Those of the everyday tests; the others take a minute together."""
WITHIN = 0.3
"""Points."""


@pytest.mark.slow
def test_the_readme_counts_what_is_recorded():
    counts = runpy.run_path(str(ROOT / "scripts" / "survey_counts.py"))
    _, _, rest = (ROOT / "README.md").read_text().partition(counts["BEGIN"])
    said, _, _ = rest.partition(counts["END"])
    assert said.strip() == counts["table"]() and len(said.strip().splitlines()) == 7


def test_the_table_of_digits_says_what_is_recorded():
    script = runpy.run_path(str(ROOT / "scripts" / "digits_table.py"))
    _, _, rest = (ROOT / "README.md").read_text().partition(script["BEGIN"])
    said, _, _ = rest.partition(script["END"])
    paths = sorted((ROOT / "results" / "digits_table").glob("*/result.json"))
    assert said.strip() == script["table"](paths) and len(paths) == 14


@pytest.mark.slow
def test_the_table_of_recorded_runs_says_what_they_say():
    script = runpy.run_path(str(ROOT / "scripts" / "recorded_runs.py"))
    _, _, rest = (ROOT / "results" / "README.md").read_text().partition(script["BEGIN"])
    said, _, _ = rest.partition(script["END"])
    found = recorded(ROOT / "results")
    assert said.strip() == script["table"]() and len(found) >= 57
    assert all(result.command.startswith("snnexp train ") for result in found.values())
    assert script["remarks"]().keys() <= found.keys()


def named(network):
    return "/".join(network.parts[-2:])


def test_recorded_networks_are_whole_small_and_of_no_machine():
    assert len(NETWORKS) >= 35 and {*SOON} <= {*map(named, NETWORKS)}
    for network in NETWORKS:
        files = {path.name for path in network.iterdir()}
        assert files >= {"result.json", "config.yaml", "metrics.jsonl", FILE}, network
        assert (network / "weights.safetensors").stat().st_size <= LARGEST
        config = read_yaml(network / "config.yaml")
        assert [*places_in(config | {"strategy": None})] == [], network


@pytest.mark.realdata
@pytest.mark.parametrize(
    "network",
    [
        pytest.param(each, marks=[] if named(each) in SOON else pytest.mark.soak, id=named(each))
        for each in NETWORKS
    ],
)
def test_a_recorded_network_says_what_it_said(network, tmp_path):
    if not os.environ.get("SNNEXP_DATA") and not network.parent.name.startswith(
        ("digits", "quickstart")
    ):
        pytest.skip("SNNEXP_DATA does not name the folder of the real data sets")
    shutil.copytree(network, tmp_path / "run")
    result = json.loads((network / "result.json").read_text())
    known = json.loads((network / FILE).read_text())
    assert known["weights_sha256"] == result["weights_sha256"], "check.json is of other weights"
    data = [f"data_dir={os.environ['SNNEXP_DATA']}"] if os.environ.get("SNNEXP_DATA") else []
    assert evaluate([str(tmp_path / "run"), *known["changes"], *data]) == 0
    (found,) = (tmp_path / "run" / "evaluations").iterdir()
    assert json.loads(found.read_text())["accuracy"] == pytest.approx(known["accuracy"], abs=WITHIN)
