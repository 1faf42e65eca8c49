"""Parameters in groups: spared weight decay, or at a learning rate of their own."""

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from snnexp.configuration.build import factory
from snnexp.errors import ConfigError
from snnexp.network.network import Network
from snnexp.network.parts import connections
from snnexp.network.spiking import spiking_network
from snnexp.training.parameters import optimizer, parameter_groups
from snnexp.training.schedule import Schedule
from tests.support.composed import node
from tests.support.networks import blueprint
from tests.support.options import build_option


class Filter(nn.Module):
    """Two numbers at rates of their own, one of which is spared weight decay."""

    undecayed: ClassVar[tuple[str, ...]] = ("decay",)
    rates: ClassVar[dict[str, float]] = {"decay": 0.5, "gain": 2.0}

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(2))
        self.decay = nn.Parameter(torch.ones(1))
        self.shift = nn.Parameter(torch.ones(3))


def described(network: nn.Module, groups: list[dict]) -> list[tuple]:
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return [
        (
            [names[id(each)] for each in group["params"]],
            group.get("weight_decay"),
            group.get("rate"),
        )
        for group in groups
    ]


def test_where_nothing_is_stated_all_are_one_list_in_order():
    network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    groups = parameter_groups(network)
    assert all(isinstance(each, Tensor) for each in groups)
    assert [id(each) for each in groups] == [id(each) for each in network.parameters()]


def test_rates_divide_groups_and_those_of_the_optimizer_come_first():
    network = nn.Sequential(nn.Linear(2, 3), Filter())
    assert described(network, parameter_groups(network)) == [
        (["0.weight", "0.bias", "1.shift"], None, None),
        (["1.gain"], None, 2.0),
        (["1.decay"], 0.0, 0.5),
    ]


def test_a_layer_of_torch_may_be_given_rates():
    network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    network[0].rates = {"weight": 0.25}
    assert described(network, parameter_groups(network)) == [
        (["0.bias", "1.weight", "1.bias"], None, None),
        (["0.weight"], None, 0.25),
    ]


def schedule(made: Any) -> Schedule:
    scheduler = torch.optim.lr_scheduler.ConstantLR
    return Schedule(1, made, scheduler, build_option("loss", "cross_entropy"), None)


def sgd(params: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, lr=0.1, momentum=0.5)


def test_a_rate_multiplies_the_learning_rate():
    network = nn.Sequential(nn.Linear(2, 3), Filter())
    made = optimizer(network, schedule(sgd))
    assert [group["lr"] for group in made.param_groups] == [0.1, 0.2, 0.05]
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    made.step()
    assert network[1].gain.tolist() == pytest.approx([0.8, 0.8])
    assert network[1].decay.item() == pytest.approx(0.95)
    assert network[1].shift.tolist() == pytest.approx([0.9] * 3)


def convolutional() -> Network:
    layers = ["4C3", "FC6"]
    return spiking_network(blueprint(architecture=("cnn", {"layers": layers, "bias": True})))


def test_an_optimizer_that_goes_by_roles_keeps_rates():
    network = convolutional()
    first, *_, last = (connection.layer for connection in connections(network).values())
    first.rates, last.rates = {"weight": 0.5}, {"weight": 3.0}
    settings = node("optimizer", "muon")
    made = optimizer(network, schedule(factory(settings)))
    rates = {id(each): group["lr"] for group in made.param_groups for each in group["params"]}
    assert len(rates) == len(list(network.parameters()))
    assert rates[id(first.weight)] == 0.5 * settings["lr"]
    assert rates[id(last.weight)] == 3.0 * settings["lr_output"]
    assert rates[id(last.bias)] == settings["lr_output"]


def test_an_optimizer_that_loses_rates_is_refused():
    def flat(groups: list[dict]) -> torch.optim.Optimizer:
        return torch.optim.SGD([each for group in groups for each in group["params"]], lr=0.1)

    with pytest.raises(ConfigError, match="SGD does not keep the learning rates.*optimizer=adam"):
        optimizer(nn.Sequential(Filter()), schedule(flat))
