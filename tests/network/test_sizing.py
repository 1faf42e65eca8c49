"""Cells that are told the shape of their input when a network is built."""

import torch
from torch import Tensor, nn

from snnexp.cell import Cell, Over, State, streaming
from snnexp.layers.connection import Connection
from snnexp.layers.spiking import SpikingUnit
from snnexp.network.parts import spiking_units
from snnexp.network.sizing import size_cells
from snnexp.network.spiking import spiking_network
from snnexp.neurons.windowed import Windowed
from tests.support.networks import blueprint, images, keys
from tests.support.options import build_option


class Scaled(Cell):
    """A factor of its own for every place, which is learned."""

    def sized(self, shape: tuple[int, ...]) -> None:
        self.factor = nn.Parameter(torch.ones(shape))

    def initial(self, x: Tensor) -> State:
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self.factor * x, state


def neuron() -> Cell:
    return build_option("neuron", "if", surrogate=build_option("surrogate", "arctan"))


def unit(connection: nn.Module) -> SpikingUnit:
    return SpikingUnit(connection, Scaled(), neuron())


def body() -> nn.Sequential:
    batch = build_option("norm", "batch", features=4, dimensions=2, branches=1)
    first = unit(Connection(nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False), batch))
    second = Connection(
        nn.Linear(4 * 3 * 2, 5),
        nn.Identity(),
        before=(nn.AvgPool2d(2), nn.Dropout(0.5), nn.Flatten()),
    )
    return nn.Sequential(first, unit(second))


def test_every_cell_gets_the_shape_of_its_own_input():
    made = body()
    size_cells(made, (2, 12, 8))
    factors = [module.factor for module in made.modules() if isinstance(module, Scaled)]
    assert [tuple(factor.shape) for factor in factors] == [(4, 6, 4), (5,)]
    made(torch.rand(3, 2, 2, 12, 8)).sum().backward()
    assert all(factor.device.type == "cpu" and factor.grad.any() for factor in factors)


def test_the_pass_leaves_no_trace():
    made = body()
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    modes, random_state = [module.training for module in made.modules()], torch.get_rng_state()
    size_cells(made, (2, 12, 8))
    after = made.state_dict()
    assert all(
        torch.equal(after[name], tensor) and after[name].device.type == "cpu"
        for name, tensor in before.items()
    )
    assert [module.training for module in made.modules()] == modes and torch.equal(
        torch.get_rng_state(), random_state
    )
    assert not any(module._forward_pre_hooks for module in made.modules())


def test_a_network_in_which_no_cell_asks_is_not_run():
    made = nn.Sequential(SpikingUnit(nn.Identity(), neuron(), neuron()))
    made.register_forward_pre_hook(lambda *_: 1 / 0)
    size_cells(made, (3,))


def test_pools_of_codes_in_windows_have_another_shape():
    """Such a pool is a loop over time, too, but no cell that keeps its shape."""
    made = blueprint(
        neuron="few_spikes",
        architecture=("cnn", {"layers": ["4C3", "MP2", "FC12"]}),
        readout="window",
    )
    network = spiking_network(made)
    assert all(isinstance(unit.neuron, Windowed) for unit in spiking_units(network).values())
    network.body.linear1.cells.cells.insert(0, Scaled())
    size_cells(network.body, (1, 8, 8))
    assert tuple(network.body.linear1.cells.cells[0].factor.shape) == (12,)


def test_thresholds_of_a_layer_know_how_many_neurons_there_are():
    made = blueprint(
        neuron="lateral_lif",
        architecture=("cnn", {"layers": ["4C3", "AP2", "FC12"]}),
        readout="rate",
    )
    network = spiking_network(made)
    neurons = {name: unit.neuron for name, unit in spiking_units(network).items()}
    assert {name: each.features for name, each in neurons.items()} == {
        "body.convolution1": 4,
        "body.linear1": 12,
        "output": 10,
    }
    assert all(
        len(each.threshold) == 1 for each in neurons.values()
    )  # one for the layer until they are spread
    with streaming(network):
        expected = network(images(), range(4), keys()).scores
        for each in neurons.values():
            each.spread(float(each.threshold))
    with streaming(network):
        assert torch.equal(network(images(), range(4), keys()).scores, expected)


def test_a_chain_is_sized_by_its_input():
    loop = Over(Scaled(), Scaled())
    size_cells(loop, (7,))
    assert [tuple(cell.factor.shape) for cell in loop.cells] == [(7,), (7,)]
