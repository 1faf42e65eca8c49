"""What Muon does to matrices, outputs, vectors and scalars."""

import copy
from functools import partial

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import ConstantLR

from snnexp.losses.cross_entropy import CrossEntropy
from snnexp.network.spiking import spiking_network
from snnexp.optimizers.muon import Muon, orthogonalised
from snnexp.training.parameters import optimizer, parameter_groups, scale_linear_rates
from snnexp.training.schedule import Schedule
from tests.support.networks import blueprint
from tests.support.options import build_option
from tests.support.tiny_run import job


def muon(parameters, **changes):
    return build_option("optimizer", "muon", changes, params=parameters)


def parameter(*shape, seed=0):
    made = nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(seed)))
    made.grad = torch.randn(shape, generator=torch.Generator().manual_seed(seed + 1))
    return made


@pytest.mark.parametrize("shape", [(8, 20), (20, 8), (8, 8), (16, 4, 3, 3)])
def test_matrices_take_the_step_of_torchs_own(shape):
    ours = parameter(*shape)
    theirs = nn.Parameter(ours.detach().clone().flatten(1))
    longer = (
        max(1, len(theirs) / theirs.shape[1]) ** 0.5
    )  # which its step is for matrices that are higher than wide
    optimizer = muon([ours], lr=0.1, momentum=0.6, iterations=3)
    published = torch.optim.Muon(
        [theirs], lr=0.1 / longer, momentum=0.6, weight_decay=0.0, ns_steps=3
    )
    for seed in range(4):
        ours.grad = parameter(*shape, seed=seed).grad
        theirs.grad = ours.grad.flatten(1).clone()
        theirs.data *= len(theirs) ** 0.5 / theirs.norm()
        optimizer.step()
        published.step()
        assert torch.allclose(
            ours.flatten(1), theirs, atol=5e-3
        )  # whose iterations are in bfloat16
        theirs.data.copy_(ours.flatten(1))


def test_singular_values_come_near_one():
    matrix = torch.randn(30, 50, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalised(matrix, 5))
    assert values.min() > 0.6 and values.max() < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    assert (orthogonalised(matrix, 5) * (left @ right)).sum().item() == pytest.approx(
        values.sum().item(), rel=1e-4
    )  # the same directions


def test_weights_of_hidden_layers_keep_their_size():
    weight = parameter(16, 4, 3, 3)
    for _ in range(5):
        muon([weight], lr=0.01).step()
    assert weight.norm().item() == pytest.approx(4.0, rel=0.03)  # the root of 16, and one step


def test_all_others_take_the_steps_of_gradient_descent():
    shapes = {"output": (10, 6), "vectors": (6,), "scalars": ()}
    ours = {kind: parameter(*shape) for kind, shape in shapes.items()}
    theirs = {kind: nn.Parameter(each.detach().clone()) for kind, each in ours.items()}
    rates = {"output": 0.3, "vectors": 0.2, "scalars": 0.1}
    groups = [
        {"params": [ours["vectors"], ours["scalars"]], "role": "others"},
        {"params": [ours["output"]], "role": "output"},
    ]
    given = {f"lr_{kind}": rate for kind, rate in rates.items()}
    optimizer = muon(groups, momentum_others=0.85, weight_decay=0.01, **given)
    published = {
        kind: torch.optim.SGD(
            [each], lr=rates[kind], momentum=0.85, nesterov=True, weight_decay=0.0
        )
        for kind, each in theirs.items()
    }
    for seed in range(3):
        for kind, each in ours.items():
            each.grad = parameter(*shapes[kind], seed=seed).grad
            theirs[kind].grad = each.grad.clone()
            theirs[kind].data *= 1 if kind == "scalars" else 0.99
            published[kind].step()
        optimizer.step()
    assert all(torch.allclose(ours[kind], theirs[kind], atol=1e-6) for kind in shapes)


@pytest.mark.slow
def test_the_decay_follows_the_learning_rate():
    weight = parameter(6)
    before = weight.detach().clone()
    weight.grad.zero_()
    optimizer = muon([weight], weight_decay=0.1)
    schedule = build_option("scheduler", "linear", {"epochs": 2, "final": 0.0}, optimizer=optimizer)
    optimizer.step()
    schedule.step()
    optimizer.step()
    assert torch.allclose(weight, before * 0.9 * 0.95)


def test_a_parameter_without_a_gradient_stays():
    weight = nn.Parameter(torch.ones(3, 3), requires_grad=False)
    muon([weight]).step()
    assert torch.equal(weight, torch.ones(3, 3))


def test_it_goes_on_exactly_from_what_it_has_kept():
    one, other = parameter(6, 5), parameter(6, 5)
    first = muon([one])
    first.step()
    other.data.copy_(one)
    second = muon([other])
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    one.grad, other.grad = parameter(6, 5, seed=4).grad, parameter(6, 5, seed=4).grad
    first.step()
    second.step()
    assert torch.equal(one, other)


@pytest.mark.slow
def test_what_each_parameter_does_is_known_by_its_place():
    network = spiking_network(
        blueprint(architecture=("cnn", {"layers": ["4C3", "FC6"], "bias": True}), norm="bntt")
    )
    groups = {
        group["role"]: [each.shape for each in group["params"]]
        for group in parameter_groups(network, by_role=True)
    }
    assert groups["matrices"] == [(4, 1, 3, 3), (6, 256)] and groups["output"] == [(10, 6), (10,)]
    assert len(groups["others"]) == len(list(network.parameters())) - 4
    made = muon(parameter_groups(network, by_role=True))
    assert sorted(group["role"] for group in made.param_groups) == [
        "matrices",
        "output",
        "vectors",
    ]
    norms = next(group for group in made.param_groups if group["role"] == "vectors")["params"]
    assert any(each.dim() == 2 for each in norms)  # a scale for each timestep is no matrix


def test_linear_layers_may_learn_at_another_rate():
    network = spiking_network(
        blueprint(architecture=("cnn", {"layers": ["4C3", "FC6"]}), synapse="iir", neuron="srm")
    )
    scale_linear_rates(network, 0.1)
    schedule = Schedule(1, partial(torch.optim.SGD, lr=0.5), ConstantLR, CrossEntropy(0.0), None)
    made = optimizer(network, schedule)
    linear = {id(each) for each in network.body.linear1.connection.weights.parameters()}
    rates = {id(each): group["lr"] for group in made.param_groups for each in group["params"]}
    assert len(rates) == len(list(network.parameters())) and made.param_groups[0]["lr"] == 0.5
    assert {rates[each] for each in linear} == {0.05}
    assert sorted(rates.values()).count(0.05) == 4 and set(rates.values()) == {0.5, 0.05}
    scale_linear_rates(network, 1.0)
    assert {group["lr"] for group in optimizer(network, schedule).param_groups} == {0.5}


def test_a_closure_is_called_and_what_it_gives_returned():
    assert muon([parameter(3, 3)]).step(lambda: 2.5) == 2.5


@pytest.mark.slow
def test_a_small_network_learns_with_it(tmp_path):
    result = job(
        tmp_path,
        "strategy=ann",
        "optimizer=muon",
        "optimizer.lr=0.1",
        "norm.learn_scale=false",
        "scheduler=linear",
        "epochs=5",
    )
    assert result["accuracy"] > 85


def test_it_is_what_the_yaml_says():
    assert isinstance(muon([parameter(3, 3)]), Muon)
