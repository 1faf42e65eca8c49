"""Every ImageNet experiment, made small: it goes through all its stages on photographs in the
official folders.
"""

import math
import re

import pytest
import torch
from omegaconf import OmegaConf

from snnexp.cli.job import attempt
from snnexp.composition.compose import composed
from snnexp.configuration.build import blueprint
from snnexp.configuration.check import check
from snnexp.network.parts import depth
from snnexp.network.spiking import spiking_network
from snnexp.run import run
from snnexp.survey.rows import rows
from snnexp.track.muted import Muted
from tests.support.composed import configuration
from tests.support.options import CONF, options
from tests.support.photographs import write_class_folders

EXPERIMENTS = [name for name in options("experiment") if name.startswith("imagenet_")]
CHOICES = re.compile(r"override /(strategy|neuron): (\w+)")
SMALLER = 16
"""What the widths of a network are divided by."""
BPTT_ROWS = {"53", "58"}
"""Systems of the survey's Table III, trained through time from the start, that have none."""


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Four training and two test images in 1000 class folders."""
    root = tmp_path_factory.mktemp("data") / "imagenet"
    write_class_folders(root, 1000, 4, 2)
    return root


def narrowed(architecture):
    """The network with few channels, and one block, or one convolution of several alike, in each
    stage.
    """

    def number(match):
        return str(math.ceil(int(match[1]) / SMALLER)) + match[2]

    small = dict(architecture)
    for key in {"stem", "last"} & {
        key for key, value in architecture.items() if isinstance(value, int)
    }:
        small[key] = math.ceil(architecture[key] / SMALLER)
    for key in {"layers", "stem", "head"} & {
        key for key, value in architecture.items() if isinstance(value, list)
    }:
        tokens = [re.sub(r"^(\d+)(C.*)", number, str(token)) for token in architecture[key]]
        tokens = [re.sub(r"(?<=^FC)(\d+)()", number, token) for token in tokens]
        alike = [
            one == other and "C" in one for one, other in zip(tokens, ["", *tokens], strict=False)
        ]
        small[key] = [
            "GAP" if token == "AP7" else token
            for token, again in zip(tokens, alike, strict=True)
            if not again
        ]
    if "widths" in architecture:
        small["widths"] = [math.ceil(width / SMALLER) for width in architecture["widths"]]
        small["blocks"] = [1] * len(architecture["widths"])
    for key in (
        {"widths", "blocks", "strides", "kernels", "expansions"}
        if "kernels" in architecture
        else ()
    ):
        small[key] = small[key][:3]  # later stages are of the same kind
    return small


def shrunk(name, root):
    """The configuration of an experiment with everything that takes long made small."""
    full = configuration(f"+experiment={name}")
    window = (
        ["neuron.window=4"]
        if "window" in full["neuron"] and "function" not in full["neuron"]
        else []
    )
    timesteps = (
        in_windows(full, window) if "window" in full["neuron"] else min(full["timesteps"], 20)
    )
    size = 64 if "alexnet" in name else 32
    small = [
        f"dataset.size={size}",
        "dataset.workers=0",
        "epochs=1",
        "batch_size=2",
        "evaluate.batch_size=2",
        "evaluate.chunk=64",
    ]
    small += [
        f"timesteps={timesteps}",
        *window,
        "tracker=none",
        "device=cpu",
        "progress=plain",
        f"dataset.data_dir={root.parent}",
    ]
    if (
        full["strategy"]["stages"].get("pretrain", {}).get("source") == "torchvision"
    ):  # whose weights fit no narrowed network
        small += ["stage@strategy.stages.pretrain=ann", "~strategy.stages.pretrain.model"]
    if "timesteps" in full.get("threshold", {}):
        small.append("threshold.timesteps=20")
    if "convert" in full["strategy"]["stages"]:
        small += [f"strategy.stages.convert.{key}=2" for key in ("samples", "timesteps")]
    if "finetune" in full["strategy"]["stages"]:
        small.append("strategy.stages.finetune.epochs=1")
    config = configuration(f"+experiment={name}", *small)
    config["architecture"] = narrowed(config["architecture"])
    return config


def in_windows(full, window):
    """A window for each layer of the network made small, and one more."""
    small = {**full, "architecture": narrowed(full["architecture"])}
    with torch.device("meta"):
        layers = depth(spiking_network(blueprint(small, (3, 32, 32), classes=10)))
    return (layers + 1) * (4 if window else full["neuron"]["window"])


LARGE = {
    *("imagenet_few_spikes_efficientnet_b7", "imagenet_sew_resnet152"),
    *("imagenet_ann_resnet34", "imagenet_hybrid_resnet34_wide", "imagenet_tsc_resnet34"),
}
"""Go through the stages and take the forms of others here, and longer or on nothing new."""


def one_of_each_system():
    """Every experiment; those that train a neuron as one before them does, and large ones of a form
    that another has, are for `make soak`.
    """
    systems = set()
    for name in EXPERIMENTS:
        system = tuple(CHOICES.findall((CONF / "experiment" / f"{name}.yaml").read_text()))
        yield pytest.param(name, marks=[pytest.mark.soak] * (system in systems or name in LARGE))
        systems.add(system)


@pytest.mark.slow
@pytest.mark.parametrize("name", one_of_each_system())
def test_an_experiment_runs_through_all_its_stages(name, photographs):
    config = shrunk(name, photographs)
    check(config)
    result = run(config, {}, None, Muted()).to_json()
    assert list(result["stages"]) == list(config["strategy"]["stages"])
    assert all(
        block["test_images"] == 2 and math.isfinite(block["test_loss"])
        for block in result["stages"].values()
    )
    if "convert" in result["stages"]:
        assert result["stages"]["convert"]["spikes_per_inference"] > 0


@pytest.mark.slow
def test_every_row_of_the_third_table_has_an_experiment_but_those_named():
    wanted = {row.id for row in rows("3") if row.reference not in BPTT_ROWS}
    files = (OmegaConf.load(path) for path in (CONF / "experiment").glob("*.yaml"))
    served = {row for file in files for row in (file.get("reference") or {"rows": []})["rows"]}
    assert len(wanted) >= 24 and wanted - served == set()


@pytest.mark.slow
def test_experiments_with_fewer_levels_differ_in_that_alone():
    for short in (name for name in EXPERIMENTS if "_short_" in name):
        one, other = (
            configuration(f"+experiment={short}"),
            configuration(f"+experiment={short.replace('short_', '')}"),
        )
        different = {key for key in one if one[key] != other[key]}
        assert different == {
            "timesteps",
            "evaluate",
            "encoder",
            "neuron",
            "readout",
            "strategy",
            "reference",
        }
        names = (short, short.replace("short_", ""))
        texts = [
            OmegaConf.to_container(
                OmegaConf.load(CONF / "experiment" / f"{name}.yaml"), resolve=False
            )
            for name in names
        ]
        assert {key for key in texts[0] if texts[0][key] != texts[1].get(key)} == {
            "neuron",
            "reference",
        }
        assert texts[0].keys() == texts[1].keys()


@pytest.mark.slow
def test_missing_weights_end_the_run_with_the_code_of_missing_data(
    photographs, tmp_path, monkeypatch
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    words = [
        "+experiment=imagenet_ann_resnet34",
        "stage@strategy.stages.train=pretrained",
        f"data_dir={photographs.parent}",
    ]
    small = ["dataset.size=32", "dataset.workers=0", "tracker=none", "progress=plain", "device=cpu"]
    _, error, code = attempt(composed([*words, *small]), {}, tmp_path)
    assert code == 3
    assert "resnet34-b627a593.pth: not there" in str(
        error
    ) and "torchvision.models.get_model('resnet34'" in str(error)
