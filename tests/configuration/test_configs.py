"""Every YAML file: it composes, passes the check without data, and names exactly the
hyper-parameters of its component.
"""

import inspect
import re
from typing import Any

import pytest
from omegaconf import OmegaConf

from snnexp.configuration import check as checking
from snnexp.configuration.build import PROVIDED, locate
from snnexp.configuration.check import check, faults
from snnexp.configuration.slots import ALLOWED, SLOTS, refused
from snnexp.datasets.dataset import Dataset
from snnexp.errors import ConfigError
from tests.support.composed import added, changed, configuration, every_option, groups, node
from tests.support.options import CONF, options

EXPERIMENTS = options("experiment")
SHARED = ("recipe", "training", "pixels")
"""Groups of settings that experiments share, each added with a plus."""
TOO_DEEP_FOR_DIGITS = [
    *(
        "vgg6_plif",
        "vgg7",
        "vgg7_plif",
        "vgg9_dct",
        "vgg9_rathi",
        "vgg11",
        "vgg11_dct",
        "vgg13",
        "vgg16",
        "vgg16_imagenet",
        "vgg16_qcfs",
    ),
    *("vgg16_wide", "vgg16_zhou", "googlenet", "googlenet_zhou", "fast_max"),
]
"""Architectures whose pools need larger images."""
COMPANIONS = {
    **{("architecture", name): ["dataset=cifar10"] for name in TOO_DEEP_FOR_DIGITS},
    **{("architecture", name): ["dataset=imagenet"] for name in ("alexnet", "resnet34_wide")},
    ("architecture", "sew_dvs"): ["architecture.widths=[8, 16]"],
    ("stage", "pretrained"): ["dataset=imagenet", "architecture=resnet34"],
    ("stage", "conversion"): ["strategy=ann", "neuron=if"],
    **{("encoder", name): ["architecture=mlp"] for name in ("crossings", "scan")},  # of one pixel
    **{("encoder", name): ["dataset=digits_dvs"] for name in ("first_event", "frames")},
}
"""What an option needs beside it where the remedy of its message is in words."""


@pytest.fixture(autouse=True)
def no_data_is_read(monkeypatch):
    def load(dataset):
        raise AssertionError("the check has read data")

    monkeypatch.setattr(Dataset, "load", load)


def remedies(message: str) -> list[str]:
    """The first override that each line of a message advises."""
    advised = (
        re.search(r"(?:set|use|choose) ([\w.]+=[^\s;,)]+)", line) for line in message.splitlines()
    )
    return list(dict.fromkeys(found[1] for found in advised if found))


def test_all_groups_of_the_contract_are_there():
    contract = {
        "dataset": {
            "digits",
            "mnist",
            "mnist16",
            "fashion_mnist",
            "cifar10",
            "cifar100",
            "image_folder",
        },
        "encoder": {"direct", "poisson", "latency", "dct"},
        "neuron": {"if", "lif", "plif"},
        "synapse": {"instantaneous", "exponential", "alpha", "dual_exponential"},
        "surrogate": {
            "rectangle",
            "triangle",
            "sigmoid",
            "arctan",
            "gaussian",
            "exponential",
            "fast_sigmoid",
            "fired",
        },
        "norm": {"none", "batch", "batch_per_step", "tdbn", "bntt"},
        "architecture": {
            "mlp",
            "cnn",
            "vgg5",
            "vgg7",
            "vgg9",
            "vgg11",
            "vgg13",
            "vgg16",
            "resnet20",
        },
        "readout": {"rate", "potential", "voting"},
        "strategy": {"ann", "bptt", "conversion", "hybrid"},
        "tracker": {"wandb", "none"},
        "activation": {"relu", "clip", "qcfs"},
        "presimulation": {"none", "residual_potential", "offset_spikes"},
        "threshold": {
            "ann_max",
            "ann_percentile",
            "snn_max",
            "snn_percentile",
            "learned_clip",
            "mse",
        },
        "calibration": {"none", "light", "advanced", "advanced_weights"},
        **dict.fromkeys(["loss", "optimizer", "scheduler", "stage", "experiment"], set()),
    }
    assert contract.keys() <= set(groups())
    assert {
        group: names - set(options(group))
        for group, names in contract.items()
        if names - set(options(group))
    } == {}


@pytest.mark.slow
def test_every_file_is_seen():
    files = [path for path in CONF.rglob("*.yaml") if path != CONF / "config.yaml"]
    searches = [
        path
        for group in ("debug", "needs", "search", "sweep")
        for path in (CONF / group).glob("*.yaml")
    ]  # what they set is for sweeps, and a search names a sweeper that may not be installed
    shared = [(group, option) for group in SHARED for option in options(group)]
    seen = [*every_option(), *EXPERIMENTS, *searches, *shared]
    assert len(files) == len(seen) >= 75
    assert set(added()) == {"debug", "experiment", "needs", "search", "sweep", *SHARED}


@pytest.mark.parametrize(
    "path",
    [path for group in added() for path in sorted((CONF / group).glob("*.yaml"))],
    ids=lambda path: path.stem,
)
def test_what_is_added_sets_keys_of_all_the_configuration(path):
    assert path.read_text().startswith("# @package _global_\n# ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", sorted(CONF.rglob("*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_a_file_says_what_it_is(path):
    first = [line for line in path.read_text().splitlines() if not line.startswith("# @package")][0]
    assert re.match(r"# \S", first)


@pytest.mark.slow
@pytest.mark.parametrize("group, option", every_option())
def test_every_option_composes_and_is_valid_by_itself(group, option, monkeypatch):
    monkeypatch.setattr(checking, "RULES", ())
    check(changed(configuration(), f"{group}={option}"))


@pytest.mark.slow
@pytest.mark.parametrize("group, option", every_option())
def test_every_option_runs_on_the_default_or_with_the_remedy_its_message_names(group, option):
    changes = [f"{group}={option}", *COMPANIONS.get((group, option), [])]
    for _ in range(3):
        try:
            return check(changed(configuration(), *changes))
        except ConfigError as error:
            advised = remedies(str(error))
            assert advised and not set(advised) & set(changes), str(error)
            changes += advised
    check(changed(configuration(), *changes))


@pytest.mark.slow
@pytest.mark.parametrize("group, option", COMPANIONS)
def test_the_companions_are_needed(group, option):
    with pytest.raises(ConfigError):
        check(changed(configuration(), f"{group}={option}"))


# YAML and constructors


def arguments(target: str, group: str) -> tuple[set[str], set[str]]:
    """Arguments that a YAML may name, and those it must."""
    starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = [
        each
        for each in inspect.signature(locate(target)).parameters.values()
        if each.kind not in starred
    ]
    named = {each.name: each for each in parameters if each.name not in PROVIDED.get(group, ())}
    optional = {name for name, each in named.items() if each.default is not inspect.Parameter.empty}
    return set(named), set(named) - optional


def written(group: str, option: str) -> dict[str, Any]:
    """What stands in the file of an option, or comes of it where it takes over from others."""
    plain = OmegaConf.to_container(OmegaConf.load(CONF / group / f"{option}.yaml"))
    taken_over = group == "dataset" or "defaults" in plain
    return node(group, option) if taken_over else plain


@pytest.mark.parametrize(
    "group, option",
    [
        pytest.param(*each, marks=[pytest.mark.slow] * (each[0] == "dataset"))
        for each in every_option()
        if each[0] != "strategy"
    ],
)
def test_yaml_keys_are_the_constructor_arguments(group, option):
    settings = written(group, option)
    may, must = arguments(settings["_target_"], group)
    keys = settings.keys() - {"_target_"}
    assert must <= keys <= may
    if settings["_target_"] not in ALLOWED:  # torch's own classes have defaults, ours have none
        assert may == must == keys


def targets(branch: Any) -> list[str]:
    children = (
        branch.values() if isinstance(branch, dict) else branch if isinstance(branch, list) else ()
    )
    own = [branch["_target_"]] if isinstance(branch, dict) and "_target_" in branch else []
    return own + [target for child in children for target in targets(child)]


@pytest.mark.slow
def test_targets_are_on_the_allow_list():
    written = [
        found
        for path in CONF.rglob("*.yaml")
        for found in re.findall(r"_target_:\s*(\S+)", path.read_text())
    ]
    assert (
        len(written) >= 55
        and [target for target in written if all(refused(target, slot) for slot in SLOTS)] == []
    )
    # Fourteen groups, six models of energy, three parts of the data set; the stage, its optimizer,
    # scheduler and loss.
    assert len(targets(configuration())) == 27


# Neurons and strategies


@pytest.mark.slow
@pytest.mark.parametrize("option", options("neuron"))
def test_a_neuron_says_which_strategies_it_is_for(option):
    _, second, *_ = (CONF / "neuron" / f"{option}.yaml").read_text().splitlines()
    stated = re.fullmatch(r"#   For strategy=(\w+(?:, \w+)*)\.", second)
    assert stated is not None
    strategies = [
        strategy for strategy in options("strategy") if strategy != "ann"
    ]  # which has no neurons
    assert stated[1].split(", ") == [strategy for strategy in strategies if takes(strategy, option)]


def takes(strategy: str, neuron: str) -> bool:
    """Whether the check has nothing against a neuron itself, whatever else it asks for."""
    config = changed(
        configuration(), "architecture=mlp", f"strategy={strategy}", f"neuron={neuron}"
    )
    lines = "\n".join(faults(config)).splitlines()
    return not any(line.startswith("neuron:") or "the timed form needs" in line for line in lines)


# Recipes, schedules and pixels

ON = {
    "single_spike_vgg16": ["dataset=cifar10", "+pixels=unit"],
    "switch": ["timesteps=32"],
    "imagenet": ["dataset=imagenet", "architecture=resnet34"],
    "symmetric": ["dataset=cifar10"],
    "unit": ["dataset=cifar10"],
    "diet": ["architecture.bias=false"],
    "hybrid": ["architecture.bias=false"],
}
"""What shared settings are added to."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "group, option", [(group, option) for group in SHARED for option in options(group)]
)
def test_shared_settings_can_be_added_by_themselves(group, option):
    check(configuration(f"+{group}={option}", *ON.get(option, [])))


# Experiments


@pytest.mark.slow
def test_the_quickstart_is_the_default():
    assert configuration("+experiment=quickstart") == configuration()
