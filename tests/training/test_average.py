"""The average of weights along a training, and the teacher beside the labels."""

import math

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from snnexp.datasets.batches import Batch
from snnexp.losses.cross_entropy import CrossEntropy
from snnexp.training.average import Average
from snnexp.training.distillation import Distilled
from tests.support.networks import reading
from tests.support.tiny_run import STRATEGIES, attempted, job, records


def layer(value: float) -> nn.Module:
    made = nn.BatchNorm1d(2)
    for tensor in (made.weight, made.bias, made.running_mean):
        tensor.data.fill_(value)
    return made


def test_the_average_by_hand():
    network = layer(0.0)
    average = Average(0.75, network)
    for value in (1.0, 2.0):
        network.load_state_dict(layer(value).state_dict())
        average.see()
    with average.applied():
        assert (
            network.weight.tolist() == [0.6875] * 2 == network.running_mean.tolist()
        )  # 3/4 (1/4) + 1/4 2
    assert network.weight.tolist() == [2.0] * 2
    average.settle()
    assert network.bias.tolist() == [0.6875] * 2


def test_without_a_decay_there_is_none():
    network = layer(1.0)
    average = Average(None, network)
    average.see()
    average.settle()
    assert network.weight.tolist() == [1.0] * 2 and average.state_dict() == {}


@pytest.mark.slow
def test_a_run_keeps_the_average(tmp_path):
    plain, mean = tmp_path / "plain", tmp_path / "mean"
    job(plain, "strategy=ann")
    result = job(mean, "strategy=ann", "strategy.stages.train.average=0.95")
    ours, theirs = (load_file(folder / "weights.safetensors") for folder in (mean, plain))
    assert ours.keys() == theirs.keys() and not torch.equal(
        ours["body.output.weights.0.weight"], theirs["body.output.weights.0.weight"]
    )
    assert result["accuracy"] == result["accuracy_last"] > 50


class Teacher(nn.Module):
    def forward(self, images, steps, keys):
        return reading(images.flatten(1)[None] * (1 if self.training else 2))


def test_the_teacher_by_hand():
    batch = Batch(
        torch.tensor([[[[1.0, 0.0]]], [[[0.0, 3.0]]]]), torch.tensor([0, 1]), torch.tensor([5, 6])
    )
    taught = Distilled(CrossEntropy(0.0), Teacher(), share=0.25, temperature=2.0)
    taught.see(batch)
    logits = torch.tensor([[[9.0, 9.0], [9.0, 9.0]], [[1.0, -1.0], [0.5, 0.5]]], requires_grad=True)
    own = (math.log(1 + math.exp(-2)) + math.log(2)) / 2

    def divergence(theirs, ours):
        p, q = (torch.softmax(torch.tensor(each) / 2.0, 0) for each in (theirs, ours))
        return float((p * (p / q).log()).sum())

    told = (divergence([2.0, 0.0], [1.0, -1.0]) + divergence([0.0, 6.0], [0.5, 0.5])) / 2
    assert taught(reading(logits), batch.labels).item() == pytest.approx(
        0.75 * own + 0.25 * 4 * told, rel=1e-5
    )
    assert not list(taught.parameters())


@pytest.mark.slow
def test_a_network_learns_from_the_answers_of_its_teacher_alone(tmp_path):
    told = [
        "strategy.stages.finetune.teacher=pretrain",
        "strategy.stages.finetune.teacher_share=1.0",
    ]
    job(
        tmp_path,
        "strategy=hybrid",
        *STRATEGIES["hybrid"],
        *told,
        "strategy.stages.finetune.epochs=3",
    )
    losses = [record["train/loss"] for record in records(tmp_path, "finetune")]
    assert losses[2] < losses[1] < losses[0]


def test_an_average_goes_on_where_it_was_on_any_device():
    one, other = Average(0.5, layer(1.0)), Average(0.5, layer(3.0))
    places = {name: value.data_ptr() for name, value in other.weights.items()}
    other.load_state_dict(one.state_dict())
    assert {
        name: value.data_ptr() for name, value in other.weights.items()
    } == places and other.weights["weight"].tolist() == [1.0, 1.0]
    with pytest.raises(KeyError):
        other.load_state_dict({})


@pytest.mark.slow
def test_a_teacher_that_is_not_there_is_named(tmp_path):
    _, error, code = attempted(
        tmp_path,
        "strategy=hybrid",
        *STRATEGIES["hybrid"],
        "strategy.stages.finetune.teacher=convert",
    )
    assert code == 2 and (
        "no stage before leaves an analog network under 'convert'; set "
        "strategy.stages.finetune.teacher=pretrain"
    ) in str(error)
