"""What every architecture promises, and its size against what is published."""

import math
import types

import pytest
import torch
from torch import nn

from snnexp.architectures.tokens import Convolution, Drop, Linear, Pool, parse
from snnexp.cell import Cell, at_rest
from snnexp.layers.analog import AnalogUnit
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.connection import Connection
from snnexp.layers.spiking import SpikingUnit
from tests.options import build_option, options

ARCHITECTURES = options("architecture")
SHAPE = (3, 64, 64)


class Instantaneous(Cell):
    """Passes the current on."""

    memoryless = identity = True

    def initial(self, x):
        return ()

    def step(self, x, state):
        return x, state


class IntegrateAndFire(Cell):
    """Threshold 1, soft reset."""

    def initial(self, x):
        return at_rest(x)

    def step(self, x, state):
        potential = state + x
        spikes = (potential >= 1).to(x.dtype)
        return spikes, potential - spikes


def analog(connection):
    return AnalogUnit(connection, nn.ReLU())


def spiking(connection):
    return SpikingUnit(connection, Instantaneous(), IntegrateAndFire())


def batch_norm(features, dimensions, branches):
    return build_option("norm", "batch", features=features, dimensions=dimensions, branches=branches)


def no_norm(features, dimensions, branches):
    return nn.Identity()


def build(name, changes=None, unit=analog, norm=batch_norm, shape=SHAPE, features=10, device="meta"):
    """A body; on the meta device, where only shapes exist, unless asked otherwise."""
    with torch.device(device):
        return build_option("architecture", name, changes, unit=unit, norm=norm, shape=shape, features=features)


def measure(body, shape):
    """Weights, multiply-accumulates and hidden neurons of one timestep of one sample."""
    size = types.SimpleNamespace(weights=0, macs=0, neurons=0)

    def count_macs(layer, _, y):
        size.weights += layer.weight.numel()
        size.macs += y[0].numel() * layer.weight[0].numel()

    def count_neurons(_, __, y):
        size.neurons += y.numel()

    for module in body.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count_macs)
        if isinstance(module, AnalogUnit):
            module.register_forward_hook(count_neurons)
    body.eval()(torch.empty(1, 1, *shape, device="meta"))
    return size


def test_expected_options_exist():
    assert {"mlp", "cnn", "vgg5", "vgg7", "vgg9", "vgg11", "vgg13", "vgg16", "resnet20"} <= set(ARCHITECTURES)


@pytest.mark.parametrize("unit", [analog, spiking])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_gives_the_current_of_the_output_layer(name, unit):
    body = build(name, unit=unit, features=7)
    assert body(torch.empty(2, 4, *SHAPE, device="meta")).shape == (2, 4, 7)
    output = body[-1]
    assert isinstance(body, nn.Sequential) and isinstance(output, Connection)
    assert isinstance(output.layer, nn.Linear) and isinstance(output.norm, nn.Identity)


@pytest.mark.parametrize("norm", [batch_norm, no_norm])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_forms_name_their_weights_alike(name, norm):
    one, other = build(name, unit=analog, norm=norm).state_dict(), build(name, unit=spiking, norm=norm).state_dict()
    assert {key: value.shape for key, value in one.items()} == {key: value.shape for key, value in other.items()}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_static_input_is_computed_once(name):
    body, sizes = build(name, unit=spiking), []
    for layer in [module for module in body.modules() if isinstance(module, nn.Conv2d | nn.Linear)]:
        layer.register_forward_hook(lambda _, x, y: sizes.append(len(x[0])))
    body(torch.empty(1, 2, *SHAPE, device="meta").expand(5, -1, -1, -1, -1))
    assert sizes[0] == 2 and set(sizes[1:]) == {10}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_norm_is_told_what_it_gets(name):
    wrong = []

    def checked(features, dimensions, branches):
        norm = nn.Identity()
        norm.register_forward_hook(lambda _, x, y: wrong.append((x[0].shape, features)) if x[0].shape[2] != features else None)
        norm.register_forward_hook(
            lambda _, x, y: wrong.append((x[0].shape, dimensions)) if x[0].dim() != 3 + 2 * (dimensions - 1) else None
        )
        return norm

    build(name, norm=checked)(torch.empty(1, 2, *SHAPE, device="meta"))
    assert wrong == []


RATHI_5 = ["64C3", "P2", "128C3", "128C3", "P2", "FC4096", "FC4096"]
RATHI_9 = ["64C3", "P2", "128C3", "256C3", "P2", "256C3", "512C3", "P2", "512C3", "P2", "512C3", "FC4096", "FC4096"]
DCT_9 = ["64C3", "P2", "128C3", "128C3", "P2", "256C3", "256C3", "P2", "512C3", "512C3", "P2", "FC4096", "FC4096"]
QCFS_16 = "64C3 64C3 P2 128C3 128C3 P2 256C3 256C3 256C3 P2 512C3 512C3 512C3 P2 512C3 512C3 512C3 P2 FC4096 FC4096".split()
TANDEM = ["128C3", "256C3s2", "512C3s2", "1024C3", "512C3", "FC1024", "D0.2"]
WU = ["128C3", "256C3", "AP2", "512C3", "AP2", "1024C3", "512C3", "FC1024", "FC512"]
PLIF = ["256C3", "256C3", "256C3", "MP2", "256C3", "256C3", "256C3", "MP2", "D0.5", "FC2048"]
TSSL_MNIST = ["15C5p0", "AP2", "40C5p0", "AP2", "FC300"]

# Option, changes, shape, classes; then weights and MACs in millions and hidden neurons, None where no source says.
SIZES = [
    ("resnet20", {}, (3, 32, 32), 10, 0.268, 40.6, 188_416),
    ("resnet20", {"shortcut": "projection"}, (3, 32, 32), 10, 0.271, None, 188_416),
    ("vgg5", {}, (3, 32, 32), 10, 8.6, 66.8, None),
    ("vgg5", {"layers": RATHI_5}, (3, 32, 32), 10, 50.6, 108.8, 139_264),
    ("vgg9", {}, (3, 32, 32), 10, 5.94, 194.7, None),
    ("vgg9", {"layers": RATHI_9}, (3, 32, 32), 10, 32.1, 281.8, 231_424),
    ("vgg9", {"layers": DCT_9}, (3, 60, 60), 10, 40.3, 613, None),
    ("vgg11", {}, (3, 32, 32), 100, 11.7, None, None),
    ("vgg16", {}, (3, 32, 32), 10, 39.9, 338.4, 284_672),
    ("vgg16", {"layers": QCFS_16}, (3, 32, 32), 10, 33.6, 332, None),
    ("cnn", {"layers": TANDEM}, (3, 32, 32), 10, 44.5, 792, 328_704),
    ("cnn", {"layers": WU}, (3, 32, 32), 100, 45.0, None, None),
    ("cnn", {"layers": PLIF}, (3, 32, 32), 100, 36.7, None, None),
    ("cnn", {}, (1, 28, 28), 10, 0.211488, 2.234112, 32 * 28 * 28 + 32 * 14 * 14 + 128),
    ("cnn", {"layers": TSSL_MNIST}, (1, 28, 28), 10, 0.210375, None, 15 * 24 * 24 + 40 * 8 * 8 + 300),
    ("mlp", {}, (1, 28, 28), 10, 0.6352, 0.6352, 800),
]


@pytest.mark.parametrize(("name", "changes", "shape", "classes", "weights", "macs", "neurons"), SIZES)
def test_size_is_the_published_one(name, changes, shape, classes, weights, macs, neurons):
    size = measure(build(name, changes, shape=shape, features=classes), shape)
    assert round(size.weights / 1e6, decimals(weights)) == weights
    assert macs is None or round(size.macs / 1e6, decimals(macs)) == macs
    assert neurons is None or size.neurons == neurons


def decimals(number):
    """How many decimals a published figure has."""
    return len(str(number).partition(".")[2])


@pytest.mark.parametrize("name", ["mlp", "cnn", "resnet20"])
def test_every_weight_gets_a_gradient(name):
    torch.manual_seed(0)
    body = build(name, shape=(1, 8, 8), device="cpu")
    body(torch.rand(2, 3, 1, 8, 8)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in body.parameters())
    assert all(parameter.grad.abs().sum() > 0 for name, parameter in body.named_parameters() if name.endswith("weights.0.weight"))


def test_average_pools_belong_to_the_next_weights_and_max_pools_do_not():
    body = build("cnn", {"layers": ["4C3", "AP2", "4C3", "MP2", "FC5", "D0.5"]}, shape=(1, 8, 8))
    assert list(dict(body.named_children())) == ["convolution1", "convolution2", "pool1", "linear1", "dropout1", "output"]
    assert [type(module) for module in body.convolution2.connection.before] == [AveragePool]
    assert [type(module) for module in body.pool1] == [nn.MaxPool2d]
    assert [type(module) for module in body.linear1.connection.before] == [nn.Flatten]
    assert isinstance(body.output.before, nn.Identity)


def test_dropout_behind_an_average_pool_sees_the_pooled_map():
    body = build("cnn", {"layers": ["4C3", "AP2", "D0.5", "4C3"]}, shape=(1, 8, 8))
    assert list(dict(body.named_children())) == ["convolution1", "pool1", "dropout1", "convolution2", "output"]


def test_dropout_does_not_rename_weights():
    assert build("vgg16", {"dropout": 0.0, "dropout_linear": 0.0}).state_dict().keys() == build("vgg16").state_dict().keys()
    assert build("mlp", {"dropout": 0.5}).state_dict().keys() == build("mlp").state_dict().keys()


def test_vgg_dropout_is_where_no_pool_follows():
    changes = {"layers": ["4C3", "4C3", "P2", "4C3", "GAP", "FC5"], "dropout": 0.2, "dropout_linear": 0.5}
    body = build("vgg5", changes)
    names = [name for name, _ in body.named_children()]
    assert names == ["convolution1", "dropout1", "convolution2", "convolution3", "linear1", "dropout2", "output"]
    assert (body.dropout1.p, body.dropout2.p) == (0.2, 0.5)


def test_vgg_pooling_names_the_pool():
    assert isinstance(build("vgg5", {"pooling": "max"}).pool1[0], nn.MaxPool2d)
    assert not hasattr(build("vgg5", {"pooling": "average"}), "pool1")


@pytest.mark.parametrize("name", ["mlp", "cnn", "vgg5"])
@pytest.mark.parametrize("bias", [True, False])
def test_bias_is_everywhere_or_nowhere(name, bias):
    layers = [module for module in build(name, {"bias": bias}).modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert {layer.bias is not None for layer in layers} == {bias}


@pytest.mark.parametrize(
    ("initialization", "spread"),
    [("default", 1 / math.sqrt(3 * 400)), ("kaiming", math.sqrt(2 / 400)), ("xavier", math.sqrt(2 / (400 + 300)))],
)
def test_weights_start_as_said(initialization, spread):
    torch.manual_seed(0)
    changes = {"widths": [300], "bias": True, "initialization": initialization, "gain": 3.0}
    layer = build("mlp", changes, shape=(1, 20, 20), device="cpu").linear1.connection.layer
    assert layer.weight.std().item() == pytest.approx(3 * spread, rel=0.01)
    assert bool(layer.bias.any()) == (initialization == "default")


def test_residual_joins_tell_the_norm_that_two_branches_meet():
    for shortcut, joins in (("pad", 9), ("projection", 11)):
        told = []
        build("resnet20", {"shortcut": shortcut}, norm=lambda told=told, **about: told.append(about["branches"]) or nn.Identity())
        assert (told.count(1), told.count(2)) == (10, joins)


def test_padded_shortcut_keeps_every_second_pixel():
    join = build("resnet20", device="cpu", shape=(3, 8, 8)).stage2_block1.connection
    x = torch.rand(2, 1, 16, 5, 4)
    y = join.branches[1](x)
    assert y.shape == (2, 1, 32, 3, 2)
    assert torch.equal(y[:, :, :16], x[..., ::2, ::2]) and not y[:, :, 16:].any()
    assert join.branches[1](x[:1].expand(4, -1, -1, -1, -1)).stride(0) == 0


def test_padded_shortcut_refuses_widths_that_shrink():
    with pytest.raises(ValueError, match="from 32 to 16 channels"):
        build("resnet20", {"widths": [32, 16, 64]})


def test_tokens_mean_what_they_say():
    assert [layer.__class__ for layer in parse(["32C3", "AP2", "GAP", "FC9", "D0.5"])] == [Convolution, Pool, Pool, Linear, Drop]
    first, second, third = parse(["15C5p0", "256C3s2", "8C4p1s3"])
    assert (first.channels, first.kernel, first.padding, first.stride) == (15, 5, 0, 1)
    assert (second.channels, second.kernel, second.padding, second.stride) == (256, 3, 1, 2)
    assert (third.channels, third.kernel, third.padding, third.stride) == (8, 4, 1, 3)
    assert [(pool.kind, pool.window) for pool in parse(["AP3", "MP2", "GAP"])] == [("average", 3), ("max", 2), ("average", None)]
    assert [layer.probability for layer in parse(["D0", "D.25", "D0.5"])] == [0, 0.25, 0.5]


@pytest.mark.parametrize(
    "token", ["32K3", "C3", "0C3", "32C0", "32C", "32C4", "32C3s0", "AP0", "P2", "FC", "FC0", "D1", "D1.5", "gap", "", "٣C3"]
)
def test_bad_token_is_named_with_its_place_and_the_grammar(token):
    with pytest.raises(ValueError) as error:
        build("cnn", {"layers": ["8C3", token, "FC9"]})
    assert f"layer 2 of 3, {token!r}" in str(error.value) and "<n>C<k>" in str(error.value)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (["8C3", "AP8", "MP2"], "layer 3 of 3, 'MP2': does not fit on a map of 1 x 1"),
        (["8C3", "15C9p0"], "layer 2 of 2, '15C9p0': does not fit on a map of 8 x 8"),
        (["FC9", "8C3"], "layer 2 of 2, '8C3': needs a map"),
        (["FC9", "AP2"], "layer 2 of 2, 'AP2': needs a map"),
        (["FC9", "GAP"], "layer 2 of 2, 'GAP': needs a map"),
    ],
)
def test_layer_that_does_not_fit_is_named(layers, message):
    with pytest.raises(ValueError, match=message):
        build("cnn", {"layers": layers}, shape=(1, 8, 8))
