"""Numbers that are not finite end a run with exit code 5, in words, and take nothing good with
them.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from snnexp.cli.evaluate import evaluate
from snnexp.datasets.pixels import Pixels
from snnexp.errors import NumericalError
from snnexp.finite import figures, require, require_figures, size
from snnexp.losses.cross_entropy import CrossEntropy
from snnexp.losses.mse import MSE
from snnexp.losses.spike_time import SpikeTimeCrossEntropy
from snnexp.network.spiking import spiking_network
from snnexp.run import prepare
from snnexp.runs.checkpoint_file import read
from snnexp.training.clip import clip
from tests.support.composed import configuration
from tests.support.stored_weights import replaced
from tests.support.tiny_run import attempted, job

SMALL = ["epochs=1", "architecture.widths=[8]"]
FORMS = {
    "through time": [],
    "analog": ["strategy=ann"],
    "clipped": ["strategy.stages.train.gradient_clip=1.0"],
    "tandem": ["+experiment=digits_tandem", "architecture=mlp", "architecture.widths=[8]"],
    "low pass": ["+experiment=digits_low_pass"],
    "single spike": ["+experiment=digits_single_spike"],
    "bfloat16": ["precision=bfloat16"],
    "segments": ["timesteps=4", "time_segments=2"],
    "lean": ["memory=lean"],
}


@pytest.fixture
def broken(monkeypatch) -> None:
    """The third batch of a training brings a gradient that is not finite, though its loss is."""
    batches = 0

    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx, logits):
            return logits.clone()

        @staticmethod
        def backward(ctx, grad):
            return grad * torch.nan

    def breaking(forward):
        def broken(self, reading, labels):
            nonlocal batches
            learning = reading.scores.requires_grad
            batches += learning
            if batches == 3 and learning:
                reading = replace(reading, scores=Broken.apply(reading.scores))
            return forward(self, reading, labels)

        return broken

    for loss in (CrossEntropy, SpikeTimeCrossEntropy, MSE):
        monkeypatch.setattr(loss, "forward", breaking(loss.forward))


@pytest.mark.fault("22: not finite", "the gradient of the third batch is NaN, its loss is not")
@pytest.mark.parametrize("form", FORMS)
def test_a_gradient_is_looked_at_before_the_weights_take_it_in(form, broken, tmp_path, happened):
    result, error, code = attempted(tmp_path, "epochs=1", *FORMS[form])
    assert (result, code, type(error)) == (None, 5, NumericalError)
    assert "the gradients are not finite (" in str(error) and "epoch 1, batch 3 of stage" in str(
        error
    )
    assert not list((tmp_path / "checkpoints").glob("*.pt"))  # nothing was taken in
    happened(
        f"exit 5: {str(error).partition(' (')[0]}, epoch 1, batch 3, "
        f"{json.loads((tmp_path / 'not_finite.json').read_text())['layers'][0]}"
    )


@pytest.mark.fault("22: not finite", "the gradient is NaN in the second epoch")
def test_the_dump_names_the_images_and_the_best_weights_stay(monkeypatch, tmp_path, happened):
    words = ["epochs=3", "selection=best_test", "batch_size=500"]
    descend = torch.optim.Adam.step
    steps = 0

    def step(self, *given, **more):
        nonlocal steps
        steps += 1
        if steps == 4:  # 1438 images in 3 batches: the first of the second epoch
            self.param_groups[0]["params"][0].data[:] = torch.inf
        return descend(self, *given, **more)

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    result, error, code = attempted(tmp_path, *words)
    dump = json.loads((tmp_path / "not_finite.json").read_text())
    assert code == 5 and (dump["epoch"], dump["batch"], dump["step"], dump["stage"]) == (
        2,
        2,
        5,
        "train",
    )
    assert (
        "weights are not finite" in dump["what"]
        and dump["layers"][0] in str(error)
        and "body.linear1" in dump["layers"][0]
    )
    session = prepare(configuration("device=cpu", "batch_size=500"), None)
    assert dump["images"] == session.train.indices([*session.train.epoch(2, shuffle=True)][1], 2)
    (kept,) = (tmp_path / "checkpoints").glob("*.pt")
    assert all(
        each.isfinite().all() for each in read(kept)["network"].values() if each.is_floating_point()
    )
    assert (
        "error.txt" in {path.name for path in tmp_path.iterdir()}
        and (tmp_path / "not_finite.json").stat().st_size < 20_000
    )
    monkeypatch.undo()
    assert attempted(tmp_path, *words)[2] == 0 and not (tmp_path / "not_finite.json").exists()
    happened(
        "exit 5: the dump names 500 images of epoch 2, batch 2; the checkpoint of epoch 1 is "
        "whole, and the run goes on from it"
    )


@pytest.mark.fault("22: not finite", "a pixel of the second batch is infinite")
def test_images_that_are_not_finite_are_named(monkeypatch, tmp_path, happened):
    on, batches = Pixels.on, 0

    def broken_on(self, device):
        normalised = on(self, device)

        def broken(pixels):
            nonlocal batches
            batches += 1  # the first are those on which memory is measured
            return normalised(pixels).where(torch.tensor(batches != 4), torch.inf)

        return broken

    monkeypatch.setattr(Pixels, "on", broken_on)
    result, error, code = attempted(tmp_path, "epochs=1")
    said = (
        "the images of the batch are not finite (see dataset.mean and dataset.std) "
        "(body.linear1.connection"
    )
    assert result is None and code == 5 and said in str(error) and "batch 2" in str(error)
    happened(f"exit 5: {str(error)[:90]}")


@pytest.mark.fault("A: not finite", "bfloat16 at a learning rate of 1e18; images divided by 1e-40")
@pytest.mark.parametrize(
    "words",
    [["dataset.std=[1e-40]"], ["precision=bfloat16", "optimizer.lr=1e18", "architecture=cnn"]],
)
def test_settings_that_overflow_are_no_result(words, tmp_path, happened):
    result, error, code = attempted(tmp_path, *words)
    assert result is None and code in (2, 5) and (code == 2 or "body." in str(error))
    assert not (tmp_path / "weights.safetensors").exists()
    happened(f"exit {code}: {str(error)[:90]}")


def broken_weights(folder: Path, name: str) -> Path:
    """A finished run, one of whose weights is not a number."""
    job(folder, *SMALL)
    tensors = load_file(folder / "weights.safetensors")
    found = next(key for key in tensors if name in key)
    tensors[found].view(-1)[0] = torch.nan
    replaced(folder, tensors, "spiking")
    return folder


@pytest.mark.fault("A: not finite", "one weight, or one threshold, of a finished run is NaN")
@pytest.mark.parametrize("name", ["output.weights.0.weight", "threshold"])
def test_weights_that_are_not_finite_are_not_evaluated(name, tmp_path, capsys, happened):
    assert evaluate([str(broken_weights(tmp_path / "run", name))]) == 5
    said = capsys.readouterr().err
    assert (
        name in said and "is not finite" in said and not (tmp_path / "run" / "evaluations").exists()
    )
    happened(f"exit 5: {said.strip()[-120:]}")


@pytest.mark.fault(
    "A: not finite", "a run starts from an analog network one of whose weights is NaN"
)
def test_a_run_does_not_start_from_them(tmp_path, happened):
    job(tmp_path / "ann", "strategy=ann", *SMALL)
    tensors = load_file(tmp_path / "ann" / "weights.safetensors")
    tensors["body.output.weights.0.weight"][0] = torch.inf
    replaced(tmp_path / "ann", tensors, "analog")
    start = [f"strategy.stages.train.start={tmp_path / 'ann'}", "strategy.stages.train.epochs=0"]
    result, error, code = attempted(tmp_path / "run", "strategy=ann", *SMALL, *start)
    assert code == 5 and "body.output.weights.0.weight is not finite" in str(error)
    happened("exit 5: names the file and the layer")


@pytest.mark.fault("A: not finite", "a calibration leaves an infinite threshold")
def test_the_end_of_a_stage_is_looked_at(monkeypatch, tmp_path, happened):
    from snnexp.thresholds.ann_max import AnnMax

    monkeypatch.setattr(AnnMax, "__call__", lambda self, values, layer: float("inf"))
    monkeypatch.setattr(
        "snnexp.stages.conversion.fidelity",
        lambda *given: {"x": {"threshold": 1.0, "correlation": 1.0, "saturated": 0, "dead": 0}},
    )
    words = [
        "strategy=conversion",
        "threshold=ann_max",
        "neuron=if",
        "neuron.amplitude=threshold",
        *SMALL,
    ]
    result, error, code = attempted(tmp_path, *words)
    assert (
        code == 5
        and "stage convert, at its end: body.linear1" in str(error)
        and "threshold is not finite" in str(error)
    )
    happened("exit 5: names the stage and the threshold")


@pytest.mark.fault(
    "A: not finite", "a potential overflows in evaluation, and the scores stay numbers"
)
def test_a_potential_that_is_not_finite_is_no_answer(tmp_path, happened):
    config = configuration(
        "device=cpu",
        "architecture=mlp",
        "architecture.widths=[8]",
        "norm=none",
        "evaluate.images=20",
        "readout=rate",
    )
    session = prepare(config, None)
    network = spiking_network(session.blueprint)
    with torch.no_grad():
        network.body.linear1.connection.layer.weight[0] = (
            3e38  # currents of plus and minus infinity
        )
        network.body.linear1.connection.layer.weight[0, ::2] = -3e38
    with pytest.raises(
        NumericalError, match="potential of body.linear1.* from image 0 .*is not finite"
    ):
        session.evaluator(network, session.test)
    happened("exit 5: names the potential, the image, and the module it begins with")


@pytest.mark.fault("A: not finite", "a figure of a result is NaN")
def test_no_figure_of_a_result_hides_as_null(happened):
    found = {
        "accuracy": 1.0,
        "conversion": {"body.x": {"mse": float("nan")}},
        "curve": [1.0, float("inf")],
        "none": None,
    }
    assert [*figures(found)] == ["conversion.body.x.mse", "curve[1]"]
    with pytest.raises(
        NumericalError,
        match="result of x: conversion.body.x.mse is not a finite number, and 1 more",
    ):
        require_figures(found, "result of x")
    happened("exit 5: names the figure")


def test_what_is_large_is_finite():
    """Norms of such tensors overflow in float32: a suspicion, not yet a finding."""
    large = {"a": torch.full((9,), 1e30), "b": torch.tensor([1, 2])}
    assert not size(large.values()).isfinite()
    require(large.items(), "here")
    with pytest.raises(NumericalError, match="here: c is not finite"):
        require({**large, "c": torch.tensor([-torch.inf])}.items(), "here")


def test_the_images_of_a_batch_are_known_by_their_numbers():
    session = prepare(configuration("device=cpu", "batch_size=64"), None)
    batches = session.train
    first = next(iter(batches.epoch(3, shuffle=True)))
    indices = batches.indices(first, 3)
    places = [batches.split.index.tolist().index(each) for each in indices]
    assert torch.equal(batches.split.labels[places], first.labels)


@pytest.mark.fault("A: not finite", "gradients that are finite, but of 1e20")
def test_gradients_whose_squares_overflow(monkeypatch, tmp_path, happened):
    class Large(torch.autograd.Function):
        @staticmethod
        def forward(ctx, logits):
            return logits.clone()

        @staticmethod
        def backward(ctx, grad):
            return grad * 1e25

    forward = CrossEntropy.forward

    def enlarging(self, reading, labels):
        return forward(self, replace(reading, scores=Large.apply(reading.scores)), labels)

    monkeypatch.setattr(CrossEntropy, "forward", enlarging)
    words = [*SMALL, "evaluate.images=20", "optimizer=sgd", "optimizer.lr=0.1"]
    result, error, code = attempted(tmp_path / "plain", *words)
    assert code == 5 and "the squares of the gradients are not finite" in str(error)
    result, error, code = attempted(
        tmp_path / "clipped", *words, "strategy.stages.train.gradient_clip=1.0"
    )
    first = json.loads((tmp_path / "clipped/metrics.jsonl").read_text().splitlines()[0])
    assert code == 0 and first["train/loss"] < 2.2 and first["test/accuracy"] > 40
    happened("exit 5; scaled down where gradient_clip is set, and learns")


def test_a_limit_keeps_the_direction():
    weights = [torch.nn.Parameter(torch.zeros(2)) for _ in range(2)]
    weights[0].grad, weights[1].grad = torch.tensor([3e25, 0.0]), torch.tensor([0.0, -4e25])
    clip(weights, 0.5)
    torch.testing.assert_close(
        [each.grad for each in weights], [torch.tensor([0.3, 0.0]), torch.tensor([0.0, -0.4])]
    )
