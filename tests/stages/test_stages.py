"""Every strategy learns, keeps the weights its rule chooses, and says so."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from snnexp.cell import at_rest
from snnexp.layers.dropout import Dropout
from snnexp.measure.evaluator import Evaluation, Evaluator
from snnexp.neurons import firing
from tests.support.tiny_run import STRATEGIES, attempted, job, records


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The run folder and result of each strategy, run once."""
    found: dict[str, tuple[Path, dict[str, Any]]] = {}

    def run(strategy: str) -> tuple[Path, dict[str, Any]]:
        if strategy not in found:
            folder = tmp_path_factory.mktemp(strategy) / "run"
            found[strategy] = folder, job(folder, f"strategy={strategy}", *STRATEGIES[strategy])
        return found[strategy]

    return run


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_learns(ran, strategy):
    folder, result = ran(strategy)
    first = records(folder)[0]["stage"]
    losses = [record["train/loss"] for record in records(folder, first)]
    assert len(losses) == 2 and losses[1] < 0.8 * losses[0]
    assert result["accuracy"] > 70 and result["accuracy"] == result["accuracy_by_timestep"][-1]


@pytest.mark.slow
def test_a_stage_goes_on_from_what_the_one_before_left(ran):
    _, result = ran("hybrid")
    pretrain, convert, finetune = result["stages"].values()
    assert [stage["form"] for stage in (pretrain, convert, finetune)] == [
        "analog",
        "spiking",
        "spiking",
    ]
    assert {stage["ann_accuracy"] for stage in (pretrain, convert, finetune)} == {
        pretrain["accuracy"]
    }
    assert finetune["accuracy"] > convert["accuracy"] - 2 and convert["accuracy"] > 30
    assert (
        convert["conversion"].keys() == {"body.linear1"}
        and convert["epochs"] == 0
        and finetune["epochs"] == 1
    )


@pytest.mark.slow
def test_conversion_loses_little_against_the_analog_network(ran):
    _, result = ran("conversion")
    assert abs(result["accuracy"] - result["ann_accuracy"]) < 3


SCRIPT = {"test": [50.0, 70.0, 60.0, 65.0], "validation": [40.0, 45.0, 55.0, 55.0]}


@pytest.fixture
def scripted(monkeypatch) -> list[dict[str, torch.Tensor]]:
    """Evaluations during training say what the script says; the weights they were shown, epoch by
    epoch.
    """
    shown, real = [], Evaluator.__call__

    def evaluate(self, network, batches, count=False, onlooker=None):
        if count:
            return real(self, network, batches, count=True)
        split = "validation" if len(batches.split) == 200 else "test"
        if split == "test":
            shown.append({name: value.clone() for name, value in network.state_dict().items()})
        return Evaluation([SCRIPT[split][len(shown) - 1]], 1.0, len(batches.split), 0.0, None)

    monkeypatch.setattr(Evaluator, "__call__", evaluate)
    return shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("selection", "epoch"), [("last", 4), ("best_test", 2), ("best_validation", 3)]
)
def test_selection_keeps_the_weights_it_says(tmp_path, scripted, selection, epoch):
    result = job(tmp_path, "epochs=4", "dataset.validation=200", f"selection={selection}")
    assert result["selection"] == selection
    assert (
        result["accuracy_last"],
        result["accuracy_best_test"],
        result["accuracy_at_best_validation"],
    ) == (65.0, 70.0, 60.0)
    kept = load_file(tmp_path / "weights.safetensors")
    assert len(scripted) == 4 and kept.keys() == scripted[0].keys()
    equal = [all(torch.equal(kept[name], weights[name]) for name in kept) for weights in scripted]
    assert equal == [number == epoch for number in (1, 2, 3, 4)]


@pytest.mark.slow
def test_a_training_ends_when_the_validation_set_sees_nothing_better(tmp_path, scripted):
    patience = "strategy.stages.train.patience=1"
    result = job(tmp_path, "epochs=9", "dataset.validation=200", patience)
    assert len(scripted) == len(records(tmp_path)) == 4
    assert result["stages"]["train"]["stopped_after"] == 4
    assert result["accuracy_last"] == 65.0


@pytest.mark.slow
def test_accuracy_is_that_of_the_weights_kept(tmp_path):
    result = job(
        tmp_path,
        "epochs=3",
        "dataset.validation=200",
        "selection=best_validation",
        "optimizer.lr=0.3",
        "scheduler=constant",
    )
    epochs = records(tmp_path)
    best = max(epochs, key=lambda record: record["validation/accuracy"])  # the first of equals
    assert result["accuracy"] == result["accuracy_at_best_validation"] == best["test/accuracy"]
    assert result["accuracy_last"] == epochs[-1]["test/accuracy"]
    assert result["accuracy_best_test"] == max(record["test/accuracy"] for record in epochs)


@pytest.mark.slow
def test_without_a_split_nothing_is_said_of_validation(ran):
    _, result = ran("bptt")
    assert (
        "accuracy_at_best_validation" not in result
        and result["accuracy"] == result["accuracy_last"]
    )


@pytest.mark.slow
def test_best_validation_needs_a_split(tmp_path, capsys):
    _, _, code = attempted(tmp_path / "run", "selection=best_validation")
    assert (
        code == 2
        and "dataset.validation=N" in capsys.readouterr().err
        and not (tmp_path / "run").exists()
    )


@pytest.mark.slow
def test_epochs_between_evaluations(tmp_path):
    result = job(tmp_path, "epochs=3", "evaluate.every=2")
    assert ["test/accuracy" in record for record in records(tmp_path)] == [False, True, True]
    assert result["accuracy_last"] == records(tmp_path)[-1]["test/accuracy"]


@pytest.mark.slow
def test_no_epochs_leave_the_first_weights_and_no_accuracies_of_training(tmp_path):
    result = job(tmp_path, "epochs=0", "scheduler=constant")
    assert records(tmp_path) == [] and result["accuracy"] < 40
    assert result["accuracy_last"] is None and result["accuracy_best_test"] is None


@pytest.mark.slow
def test_dropout_is_a_function_of_seed_and_epoch(tmp_path, monkeypatch):
    masks, forward = [], Dropout.forward

    def watched(self, x):
        y = forward(self, x)
        if self.training:
            masks.append((y == 0).sum().item())
        return y

    monkeypatch.setattr(Dropout, "forward", watched)
    network = ["architecture=cnn", "architecture.layers=[4C3,AP2,D0.2,FC24,D0.5]", "epochs=1"]
    results = [job(tmp_path / name, *network)["test_loss"] for name in ("one", "other")]
    assert (
        results[0] == results[1]
        and len(masks) % 2 == 0
        and masks[: len(masks) // 2] == masks[len(masks) // 2 :]
    )
    assert len(set(masks)) > 2


@pytest.mark.slow
def test_half_precision_keeps_potentials_in_float32(tmp_path, monkeypatch):
    kinds = set()

    def watched(x, value=0.0):
        state = at_rest(x, value)
        kinds.add((x.dtype, state.dtype))
        return state

    monkeypatch.setattr(firing.cell, "at_rest", watched)
    result = job(
        tmp_path,
        "precision=bfloat16",
        "architecture=cnn",
        "architecture.layers=[4C3,AP2,FC24]",
        "norm=tdbn",
        "readout=rate",
    )
    assert {state for _, state in kinds} == {torch.float32} and (
        torch.bfloat16,
        torch.float32,
    ) in kinds
    assert result["precision"] == "bfloat16" and result["accuracy"] > 40
    assert {value.dtype for value in load_file(tmp_path / "weights.safetensors").values()} <= {
        torch.float32,
        torch.int64,
    }


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["bntt", "batch_per_step"])
def test_norms_per_step_train(tmp_path, norm):
    job(tmp_path, f"norm={norm}", "encoder=poisson")
    losses = [record["train/loss"] for record in records(tmp_path)]
    assert losses[1] < losses[0]
