"""The count form: forward that of the spiking form, backward once through the analog twin, whatever
the number of timesteps.
"""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snnexp.cell import streaming
from snnexp.counted.spike_count import Mean, SpikeCount
from snnexp.counted.twin import Counted
from snnexp.counted.unit import count_units
from snnexp.datasets.batches import Batch
from snnexp.layers.dropout import Dropout
from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.parts import connections, spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.training.execution import Forward
from tests.support.networks import blueprint, chunks, images, keys
from tests.support.tiny_run import job, records

STEPS, COUNT = 8, 3
CNN = ("cnn", {"layers": ["6C3", "AP2", "8C3", "FC16"]})
DROPPED = ("cnn", {"layers": ["6C3", "AP2", "D0.5", "8C3", "D0.5", "FC16", "D0.3"]})
MAXIMUM = ("cnn", {"layers": ["6C3", "MP2", "8C3", "FC16"]})
RESIDUAL = ("resnet20", {"widths": [4, 6], "blocks": 1, "shortcut": "projection"})


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def plan(
    architecture: Any = CNN, norm: Any = "batch", readout: Any = "potential", **neuron: Any
) -> Blueprint:
    return blueprint(
        architecture=architecture,
        norm=norm,
        readout=readout,
        neuron=("if", {"threshold": 0.5, **neuron}),
    )


def network(made: Blueprint) -> Network:
    """The spiking form with norms that have statistics and scales of their own."""
    torch.manual_seed(0)
    spiking = spiking_network(made).to(torch.get_default_dtype())
    for name, tensor in [*spiking.named_parameters(), *spiking.named_buffers()]:
        if ".norm." in name and tensor.is_floating_point():
            tensor.data.copy_(
                (0.2 if name.endswith(("weight", "running_var")) else 0.0)
                + 0.3 * torch.rand(tensor.shape)
            )
    return spiking


def counted(made: Blueprint, spiking: Network, steps: int = STEPS, chunk: int = 32) -> Counted:
    return Counted(spiking, range(steps), made, SpikeCount, Mean, chunk).train()


def pixels() -> Tensor:
    return images(COUNT).to(torch.get_default_dtype())


def spiking_pass(
    spiking: Network, steps: int = STEPS, length: int = STEPS
) -> tuple[Tensor, dict[str, Tensor]]:
    """Scores of the network in evaluation, and what each unit sent on average per timestep."""
    sent: dict[str, Tensor] = {}
    hooks = [
        unit.register_forward_hook(
            lambda _, __, s, name=name: sent.update({name: sent.get(name, 0) + s.sum(0) / steps})
        )
        for name, unit in spiking_units(spiking).items()
    ]
    with streaming(spiking.eval()):
        scores = torch.cat(
            [spiking(pixels(), part, keys(COUNT)).scores for part in chunks(steps, length)]
        )
    for hook in hooks:
        hook.remove()
    return scores, sent


@pytest.mark.slow
@pytest.mark.parametrize("readout", ["potential", "rate", ("rate", {"average": False})])
@pytest.mark.parametrize("architecture", [CNN, MAXIMUM, RESIDUAL])
def test_the_forward_pass_is_that_of_the_spiking_form(architecture, readout):
    made = plan(architecture, readout=readout)
    spiking = network(made)
    expected, sent = spiking_pass(spiking)
    form, seen = counted(made, spiking), {}
    for name, unit in count_units(form.twin).items():
        unit.register_forward_hook(lambda _, __, y, name=name: seen.update({name: y[0]}))
    scores = form(pixels(), keys(COUNT)).scores
    assert torch.equal(scores, expected) and scores.requires_grad
    assert seen.keys() == sent.keys() and len(seen) >= 3
    assert all(torch.equal(seen[name], sent[name]) and seen[name].count_nonzero() for name in seen)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [1, 3, 8])
def test_chunks_change_nothing(chunk):
    made = plan(DROPPED)
    spiking, found = network(made), []
    before = {name: value.clone() for name, value in spiking.state_dict().items()}
    for length in (32, chunk):
        spiking.load_state_dict(before)
        spiking.zero_grad()
        torch.manual_seed(5)
        scores = counted(made, spiking, chunk=length)(pixels(), keys(COUNT)).scores
        scores[-1].square().sum().backward()
        found.append([scores, *(parameter.grad for parameter in spiking.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("amplitude", ["unit", "threshold"])
def test_the_gradient_is_that_of_the_sum_over_steps(double, amplitude):
    """Every connection sees the spikes of all steps; its unit passes 1 / threshold where the sum of
    its current is positive.
    """
    made = plan(norm="none", amplitude=amplitude)
    spiking = network(made)
    counted(made, spiking)(pixels(), keys(COUNT)).scores[-1].square().sum().backward()
    found = [parameter.grad.clone() for parameter in spiking.parameters()]
    spiking.zero_grad()
    scores = by_hand(spiking, 1.0 if amplitude == "unit" else 0.5)
    scores.square().sum().backward()
    for one, other in zip(
        found, [parameter.grad for parameter in spiking.parameters()], strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
        assert one.count_nonzero()


def by_hand(spiking: Network, height: float) -> Tensor:
    """Mean output current by autograd, layer after layer: spikes of every step enter as they were,
    plus a zero that has the gradient.
    """
    x = pixels().expand(STEPS, *pixels().shape)
    for module in spiking.body:
        current = module.connection(x) if hasattr(module, "connection") else module(x)
        if not hasattr(module, "connection"):
            return current.mean(0)
        total = current.sum(0)
        with torch.no_grad():
            spikes = module.cells(current)
        count = height / module.neuron.firing.threshold * total.relu()
        x = spikes + (count - count.detach()) / STEPS
    raise AssertionError("no output layer")


@pytest.mark.slow
def test_what_the_twin_gets_is_the_sum_of_the_spiking_currents(double):
    """A bias that the spiking form adds at every step and the twin once, as b / T forgotten does,
    would show.
    """
    made = plan()
    spiking = network(made)
    for connection in connections(spiking).values():
        connection.layer.bias.data.fill_(0.7)
    currents: dict[str, list[Tensor]] = {name: [] for name in connections(spiking)}
    form = counted(made, spiking)
    for module in form.twin.modules():
        if module is not form.twin:
            module.eval()  # of the two statistics a norm has the running ones serve both here
    for name, connection in connections(spiking).items():
        connection.register_forward_hook(
            lambda _, __, y, name=name: currents[name].append(y.detach())
        )
    form.as_evaluated = lambda: streaming(spiking.eval())
    form(pixels(), keys(COUNT))
    for in_spikes, of_the_twin in currents.values():
        assert len(in_spikes) == STEPS and len(of_the_twin) == 1
        torch.testing.assert_close(in_spikes.sum(0), STEPS * of_the_twin[0], rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_norms_have_running_statistics_in_spikes_and_those_of_the_batch_in_the_twin():
    made = plan()
    spiking = network(made)
    norm = connections(spiking)["body.convolution1.connection"].norm.normalise[0]
    modes, before = [], norm.running_mean.clone()
    norm.register_forward_hook(lambda module, _, __: modes.append(module.training))
    counted(made, spiking)(pixels(), keys(COUNT))
    assert modes == [False, True] and spiking.training and norm.training
    assert not torch.equal(norm.running_mean, before)


@pytest.mark.slow
def test_one_mask_for_the_sequence_and_for_both_passes(double):
    made = plan(DROPPED)
    spiking = network(made)
    form, masks = counted(made, spiking, chunk=3), {False: [], True: []}

    def watched(_: nn.Module, arguments: tuple, y: Tensor) -> None:
        masks[y.requires_grad].append(
            [(y != 0) & (x != 0) | (x == 0) for x, y in zip(*arguments, y, strict=True)]
        )

    for module in [*spiking.modules(), *form.twin.modules()]:
        if isinstance(module, Dropout):
            module.register_forward_hook(lambda m, a, y: watched(m, a, y))
    form(pixels(), keys(COUNT))
    assert (
        len(masks[True]) == 3 and len(masks[False]) == 9
    )  # three modules; three chunks of up to three steps
    for place, (twin,) in enumerate(masks[True]):
        steps = [step for call in masks[False][place::3] for step in call]
        dropped = ~torch.stack(steps).all(
            0
        )  # what was dropped at some step was so at every step it came
        assert dropped.any() and len(steps) == STEPS and not (twin & dropped).any()


@pytest.mark.slow
def test_dropout_is_off_in_evaluation_and_after_the_pass_is_over():
    made = plan(DROPPED)
    spiking = network(made)
    plain, _ = spiking_pass(spiking)
    form = counted(made, spiking)
    assert not torch.equal(form(pixels(), keys(COUNT)).scores, plain)  # with dropout
    spiking.eval()
    again, _ = spiking_pass(spiking)
    without = spiking_network(plan(("cnn", {"layers": ["6C3", "AP2", "8C3", "FC16"]})))
    without.load_state_dict(spiking.state_dict())
    assert torch.equal(again, spiking_pass(spiking)[0]) and torch.equal(
        again, spiking_pass(without)[0]
    )


@pytest.mark.slow
def test_both_forms_have_the_same_weights():
    made = plan(RESIDUAL)
    spiking = network(made)
    form = counted(made, spiking)
    assert {id(parameter) for parameter in form.parameters()} == {
        id(parameter) for parameter in spiking.parameters()
    }
    assert connections(form.twin) == connections(spiking)


@pytest.mark.slow
def test_without_a_measurement_units_are_analog():
    made = plan(norm="none", threshold=2.0)
    spiking = network(made)
    analog = analog_network(made)
    analog.load_state_dict(spiking.state_dict(), strict=False)
    for unit in [module for module in analog.modules() if hasattr(module, "activation")]:
        unit.activation = nn.Sequential(unit.activation, nn.Threshold(-1.0, 0.0))
        unit.activation.append(Half())
    scores = counted(made, spiking).analog(pixels()).scores
    torch.testing.assert_close(scores[-1], analog(pixels(), range(1), keys(COUNT)).scores[0])


class Half(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / 2


# What it is for


def wide(layers: list[str], size: int = 16) -> tuple[Blueprint, Network, Batch]:
    made = blueprint(
        (3, size, size),
        architecture=("cnn", {"layers": layers, "bias": False}),
        norm="batch",
        neuron="if",
    )
    batch = Batch(torch.rand(4, 3, size, size), torch.zeros(4, dtype=torch.int64), torch.arange(4))
    return made, spiking_network(made).train(), batch


def saved_bytes(form: nn.Module, batch: Batch) -> int:
    """Storages that autograd keeps of one pass, each once and without parameters."""
    own = {parameter.untyped_storage().data_ptr() for parameter in form.parameters()}
    storages: dict[int, int] = {}

    def seen(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(seen, lambda tensor: tensor):
        form(batch.input, batch.keys)
    return sum(storages.values())


@pytest.mark.slow
def test_memory_against_training_through_time():
    made, spiking, batch = wide(["32C3", "32C3", "AP2", "64C3", "AP2", "FC64"])
    through_time = saved_bytes(Forward(spiking, range(8), 1), batch)
    at_8, at_32 = (saved_bytes(counted(made, spiking, steps), batch) for steps in (8, 32))
    assert at_8 <= 0.35 * through_time
    assert at_32 <= 1.02 * at_8  # the readout's few numbers per timestep grow, nothing else does


@pytest.mark.slow
def test_the_stage_trains_and_leaves_the_spiking_form(tmp_path):
    result = job(
        tmp_path,
        "+experiment=digits_tandem",
        "architecture=cnn",
        "timesteps=8",
        "epochs=6",
        "strategy.stages.train.warm_up=10",
    )
    losses = [record["train/loss"] for record in records(tmp_path)]
    assert losses[-1] < 0.8 * losses[0] and result["accuracy"] > 60
    assert (
        result["form"] == "spiking" and len(result["accuracy_by_timestep"]) == result["timesteps"]
    )
