"""What a run leaves behind, and that it can be had again."""

import json
import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from snnexp.cli.evaluate import evaluate
from snnexp.configuration import build
from snnexp.datasets.base import DataError
from snnexp.network.analog import analog_network
from snnexp.network.network import Network
from snnexp.network.parts import connections
from snnexp.network.spiking import spiking_network
from snnexp.network.transfer import fold_norms
from snnexp.run import prepare
from snnexp.runs.status import read
from snnexp.runs.weights import load, save
from tests.support.networks import blueprint, encoder, images, keys, seeded, untrained
from tests.support.tiny_run import STRATEGIES, attempted, job

CPU = torch.device("cpu")
CONTRACT = {
    *(
        "experiment",
        "stage",
        "strategy",
        "dataset",
        "encoder",
        "neuron",
        "synapse",
        "norm",
        "architecture",
        "readout",
        "seed",
    ),
    *("timesteps", "epochs", "accuracy", "accuracy_by_timestep"),
    *(
        "spikes_per_inference",
        "spikes_per_neuron",
        "spikes_by_layer",
        "operations",
        "parameters",
        "test_images",
    ),
    *("train_seconds", "evaluate_seconds", "reference", "gap"),
}
SURROUNDINGS = {
    "peak_memory_bytes",
    "device",
    "threads",
    "precision",
    "versions",
    "git_commit",
    "config_hash",
    "stages",
}
OPERATIONS = {"mac", "ac", "mac_ann", "energy_joule", "energy_ann_joule", "energy_model"}


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The run folder of each strategy and the result that the run returned; each is run once."""
    found: dict[str, tuple[Path, dict[str, Any]]] = {}

    def run(strategy: str) -> tuple[Path, dict[str, Any]]:
        if strategy not in found:
            folder = tmp_path_factory.mktemp(strategy)
            settings = [
                f"strategy={strategy}",
                *STRATEGIES[strategy],
                "epochs=1",
                "evaluate.timesteps=5",
                "dataset.validation=100",
            ]
            found[strategy] = folder, job(folder, *settings)
        return found[strategy]

    return run


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_result_has_every_key_of_the_contract(ran, strategy):
    folder, returned = ran(strategy)
    result = json.loads((folder / "result.json").read_text())
    assert result == returned and result.keys() >= CONTRACT | SURROUNDINGS
    assert (
        result["operations"].keys() == OPERATIONS
        and {"python", "torch", "snnexp"} <= result["versions"].keys()
    )
    stages = result["stages"]
    assert all(
        block.keys() >= CONTRACT and block["stage"] == name for name, block in stages.items()
    )
    last = list(stages.values())[-1]
    assert all(result[key] == value for key, value in last.items())
    assert ("ann_accuracy" in result) == (strategy != "bptt")
    assert ("accuracy_at_best_validation" in result) == (last["epochs"] > 0)
    assert (
        result["timesteps"]
        == len(result["accuracy_by_timestep"])
        == (1 if strategy == "ann" else 5)
    )
    assert (
        result["strategy"] == strategy
        and result["test_images"] == 359
        and result["parameters"] > 1000
    )


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_stage_says_which_weights_its_accuracy_is_of(ran, strategy):
    _, result = ran(strategy)
    for block in (result, *result["stages"].values()):
        assert (
            block.keys() >= {"selection", "accuracy_last", "accuracy_best_test"}
            and block["selection"] == "last"
        )
        assert block["accuracy_last"] == block["accuracy"]


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ann", "conversion"])
def test_weights_of_every_form_evaluate_to_the_result_of_their_run(ran, strategy):
    assert_evaluates_again(*ran(strategy))


@pytest.mark.slow
def test_spikes_and_operations_belong_together(tmp_path):
    result = job(tmp_path, "epochs=1")
    (layer,) = result["spikes_by_layer"].values()
    assert layer["neurons"] == 24 and layer["spikes_per_neuron"] == pytest.approx(
        result["spikes_per_neuron"]
    )
    assert result["spikes_per_inference"] == pytest.approx(24 * result["spikes_per_neuron"])
    operations = result["operations"]
    assert (operations["mac"], operations["mac_ann"]) == (64 * 24, 64 * 24 + 240)
    assert operations["ac"] == pytest.approx(10 * result["spikes_per_inference"])


@pytest.mark.slow
def test_the_folder_holds_what_is_promised(tmp_path):
    job(tmp_path, "epochs=1")
    names = {path.name for path in tmp_path.iterdir()}
    assert {
        "config.yaml",
        "status.json",
        "result.json",
        "metrics.jsonl",
        "weights.safetensors",
        "train.log",
    } <= names
    assert "error.txt" not in names and read(tmp_path)["status"] == "finished"


@pytest.mark.slow
def test_one_seed_gives_the_same_bytes_and_another_does_not(tmp_path):
    network = [
        "architecture=cnn",
        "architecture.layers=[4C3,AP2,FC24,D0.2]",
        "encoder=poisson",
        "dataset.augmentation.crop_padding=1",
    ]
    metrics, weights = [], []
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        job(tmp_path / name, *network, f"seed={seed}")
        metrics.append((tmp_path / name / "metrics.jsonl").read_bytes())
        weights.append((tmp_path / name / "weights.safetensors").read_bytes())
    assert len(metrics[0].splitlines()) == 3
    assert metrics[0] == metrics[1] != metrics[2] and weights[0] == weights[1] != weights[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        [
            "encoder=dct",
            "dataset.mean=[0.5]",
            "dataset.std=[0.5]",
            "architecture=cnn",
            "architecture.layers=[4C3,AP2,FC24]",
        ],
        [
            "architecture=resnet20",
            "architecture.widths=[4,6]",
            "architecture.blocks=1",
            "norm=tdbn",
        ],
    ],
    ids=["dct", "resnet20"],
)
def test_weights_of_a_run_evaluate_to_its_result(tmp_path, overrides):
    assert_evaluates_again(tmp_path, job(tmp_path, *overrides, "epochs=1"))


@pytest.mark.slow
def test_an_encoder_with_other_settings_takes_statistics_of_its_own(tmp_path):
    folder = tmp_path / "run"
    job(
        folder,
        "encoder=dct",
        "dataset.mean=[0.5]",
        "dataset.std=[0.5]",
        "epochs=1",
        "evaluate.images=50",
    )
    stored = OmegaConf.load(folder / "config.yaml")
    del stored.checkpoint, stored.evaluate.images  # as before there were such keys
    OmegaConf.save(stored, folder / "config.yaml")
    for changes in (["evaluate.images=50"], ["evaluate.images=50", "encoder.percentile=60.0"]):
        assert evaluate([str(folder), *changes]) == 0
    kept, anew = (
        json.loads(path.read_text())
        for path in sorted(folder.glob("evaluations/*"), key=lambda path: path.stat().st_mtime_ns)
    )
    assert kept["operations"] == json.loads((folder / "result.json").read_text())["operations"]
    assert anew["operations"]["ac"] > 1.5 * kept["operations"]["ac"]


def assert_evaluates_again(folder: Path, result: dict[str, Any]) -> None:
    config = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
    session = prepare(config, trackers=None)
    network = load(
        partial(build.untrained, config, session.blueprint), folder / "weights.safetensors", CPU
    )
    found = session.evaluator(network, session.test, count=True)
    assert (
        found.accuracy_by_timestep == result["accuracy_by_timestep"]
        and found.loss == result["test_loss"]
    )
    assert (
        found.tally.operations() == result["operations"]
        and found.tally.spikes_by_layer() == result["spikes_by_layer"]
    )


def differing(network: Network) -> Network:
    """Every number of the network but the encoder's drawn anew, thresholds too: nothing may be as
    it was built.
    """
    draws = seeded(5)
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        if tensor.is_floating_point() and not name.startswith("encoder."):
            tensor.data.copy_(torch.rand(tensor.shape, generator=draws) + 0.25)
    return network.eval()


FORMS = ["analog", "folded analog", "spiking", "folded spiking"]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "architecture",
    [
        ("cnn", {"layers": ["4C3", "AP2", "D0.5", "FC9"]}),
        ("resnet20", {"widths": [3, 4], "blocks": 1}),
    ],
)
@pytest.mark.parametrize("name", ["direct", "dct"])
def test_loaded_networks_are_the_saved_ones(tmp_path, name, architecture, form):
    made = replace(
        blueprint(norm="batch", architecture=architecture, neuron="plif"),
        encoder=encoder(name, images(20)),
    )
    network = differing(spiking_network(made) if "spiking" in form else analog_network(made))
    if "folded" in form:
        fold_norms(network)
    save(network, tmp_path / "w.safetensors")
    fresh = replace(
        blueprint(norm="batch", architecture=architecture, neuron="plif"),
        encoder=encoder(name, images(20, seed=9)),
    )
    loaded = load(untrained(fresh), tmp_path / "w.safetensors", CPU)
    assert loaded.state_dict().keys() == network.state_dict().keys() and loaded.form == network.form
    assert all(
        torch.equal(value, network.state_dict()[key]) for key, value in loaded.state_dict().items()
    )
    with torch.no_grad():
        assert torch.equal(
            loaded(images(), range(4), keys()).scores, network(images(), range(4), keys()).scores
        )
    assert not loaded.training


def test_weights_can_be_evaluated_with_another_encoder(tmp_path):
    network = differing(
        spiking_network(
            replace(blueprint(architecture="mlp"), encoder=encoder("poisson", images()))
        )
    )
    save(network, tmp_path / "w.safetensors")
    made = blueprint(shape=(1, 8, 8), architecture="mlp")
    assert torch.equal(
        load(untrained(made), tmp_path / "w.safetensors", CPU).body.output.layer.weight,
        network.body.output.layer.weight,
    )


@pytest.mark.slow
def test_equal_weights_give_equal_bytes(tmp_path):
    network = spiking_network(blueprint(norm="batch"))
    for name in "abcdefgh":
        save(network, tmp_path / name)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_weights_without_norms_are_not_taken_for_those_of_a_norm_that_cannot_be_folded(tmp_path):
    save(spiking_network(blueprint()), tmp_path / "w.safetensors")
    with pytest.raises(DataError, match="holds the weights of another network.*BNTT"):
        load(untrained(blueprint(norm="bntt")), tmp_path / "w.safetensors", CPU)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["missing", "cut", "garbage", "other network"])
def test_weights_that_do_not_fit_are_refused(tmp_path, wrong):
    path = tmp_path / "w.safetensors"
    save(
        spiking_network(
            blueprint(architecture=("mlp", {"widths": [9 if wrong == "other network" else 8]}))
        ),
        path,
    )
    if wrong == "missing":
        path.unlink()
    if wrong in ("cut", "garbage"):
        path.write_bytes(path.read_bytes()[:-40] if wrong == "cut" else b"weights")
    with pytest.raises(
        DataError, match=f"{path}: (cannot be read|holds the weights of another network)"
    ):
        load(untrained(blueprint(architecture=("mlp", {"widths": [8]}))), path, CPU)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["epoch 1, batch 2", "the evaluation after epoch 1"])
def test_a_loss_that_is_not_finite_ends_the_run(tmp_path, capsys, place):
    batch = (
        "batch_size=100" if "batch" in place else "batch_size=2000"
    )  # one batch: its own loss is still that of the first weights
    result, error, code = attempted(
        tmp_path,
        "strategy=ann",
        "norm=none",
        "architecture.widths=[24,24]",
        "optimizer.lr=1e30",
        batch,
    )
    assert result is None and code == 5 and type(error).__name__ == "NumericalError"
    status = read(tmp_path)
    assert (
        (status["status"], status["exit_code"]) == ("failed", 5)
        and place in status["error"]
        and "optimizer.lr" in status["error"]
    )
    assert (
        "NumericalError" in (tmp_path / "error.txt").read_text()
        and "NumericalError" in capsys.readouterr().err
    )
    assert (
        not (tmp_path / "result.json").exists() and not (tmp_path / "weights.safetensors").exists()
    )


def weights_of(network: Network) -> list[torch.Tensor]:
    return [
        each.layer.weight
        for each in connections(network).values()
        if isinstance(each.layer, nn.Conv2d)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_networks_are_channels_last_and_stay_so(tmp_path, form):
    made = blueprint((2, 8, 8), norm="batch")
    network = differing(spiking_network(made) if "spiking" in form else analog_network(made))
    if "folded" in form:
        fold_norms(network)
    save(network, tmp_path / "w.safetensors")
    for each in (network, load(untrained(made), tmp_path / "w.safetensors", CPU)):
        assert all(
            weight.is_contiguous(memory_format=torch.channels_last) for weight in weights_of(each)
        )


@pytest.mark.slow
def test_the_layout_changes_nothing(tmp_path):
    made = blueprint((2, 8, 8), norm="batch", neuron=("lif", {"threshold": 4.0}))
    network = differing(spiking_network(made))
    pictures = images(3, (2, 8, 8))
    with torch.no_grad():
        expected = network(pictures, range(5), keys()).scores
        for layout in (torch.channels_last, torch.contiguous_format):
            found = network.to(memory_format=layout)(
                pictures.to(memory_format=layout), range(5), keys()
            ).scores
            torch.testing.assert_close(found, expected)


@pytest.mark.slow
def test_nothing_in_the_result_is_infinite(tmp_path):
    job(
        tmp_path, "epochs=0", "scheduler=constant", "neuron.threshold=1000.0"
    )  # nothing fires, nothing is learnt

    def numbers(value: Any) -> list[float]:
        if isinstance(value, dict):
            return [number for each in value.values() for number in numbers(each)]
        if isinstance(value, list):
            return [number for each in value for number in numbers(each)]
        return [value] if isinstance(value, float) else []

    result = json.loads(Path(tmp_path / "result.json").read_text())
    assert result["spikes_per_neuron"] == 0 and all(
        math.isfinite(number) for number in numbers(result)
    )
