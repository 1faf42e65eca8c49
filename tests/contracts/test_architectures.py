"""What every architecture promises, and its size against what is published."""

import math
import types
from functools import cache

import pytest
import torch
from torch import nn

from snnexp.architectures.tokens import Convolution, Drop, FiringPool, Linear, MaxPool, Pool, parse
from snnexp.cell import Cell, at_rest
from snnexp.layers.analog import AnalogUnit
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.concatenation import Concatenation
from snnexp.layers.connection import Connection
from snnexp.layers.dropout import Dropout
from snnexp.layers.elementwise import Elementwise
from snnexp.layers.per_step import PerStep
from snnexp.layers.spiking import SpikingUnit
from snnexp.layers.squeeze_excitation import SqueezeExcitation
from tests.support.marks import soak
from tests.support.options import build_option, options, written

ARCHITECTURES = options("architecture")
SHAPE = (3, 64, 64)
SHALLOW = {
    **{name: {"blocks": [1, 1, 1, 1]} for name in ("resnet50", "resnet50_cifar", "sew_resnet152")},
    "efficientnet_b7": {"blocks": [2] * 7},
    "sew_dvs": {"widths": [64, 128]},
    "resnet34_wide": {"head": ["GAP"]},  # its pool needs larger images
}
for name in ARCHITECTURES:
    number = written("architecture", name).get("blocks", [])
    if isinstance(number, list) and len(number) > 1:
        first = min(number[0], 2)
        SHALLOW.setdefault(name, {}).setdefault("blocks", [first] + [1] * (len(number) - 1))
"""Fewer blocks of the same kinds, for what does not depend on their number."""
NARROW = {
    "resnet20_wide": {"stem": ["4C3", "D0.2", "4C3", "AP2"], "widths": [8, 16, 16, 16]},
    "resnet11": {"stem": ["4C3", "FP2t0.75"], "widths": [8, 16, 16, 16], "head": ["FC32"]},
    "resnet50": {"stem": ["8C3", "MP3p1s2"], "widths": [4, 4, 8, 8], "blocks": [1, 2, 1, 1]},
    "sew_resnet34": {"stem": ["8C3"], "widths": [8, 8, 16, 16]},
    "sew_dvs": {"widths": [8, 16]},
    "efficientnet_b7": {"stem": 8, "widths": [8] * 7, "blocks": [2] * 7, "last": 16},
}
"""The same kinds of layers on few channels, for what is computed."""


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
    return build_option(
        "norm", "batch", features=features, dimensions=dimensions, branches=branches
    )


def no_norm(features, dimensions, branches):
    return nn.Identity()


def build(
    name, changes=None, unit=analog, norm=batch_norm, shape=SHAPE, features=10, device="meta"
):
    """A body; on the meta device, where only shapes exist, unless asked otherwise."""
    with torch.device(device):
        return build_option(
            "architecture", name, changes, unit=unit, norm=norm, shape=shape, features=features
        )


def shallow(name, **more):
    """The body of an option, not deeper than it needs to be to have one block of each kind."""
    return build(name, SHALLOW.get(name), **more)


@cache
def plain(name, unit):
    """The same with a batch norm, built once; nobody may change it."""
    return shallow(name, unit=unit)


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
    named = (
        "mlp cnn vgg5 vgg7 vgg9 vgg11 vgg13 vgg16 cifarnet alexnet googlenet efficientnet_b7 "
        "sew_resnet34 sew_resnet152"
    )
    residual = "resnet11 resnet17 resnet19 resnet20 resnet20_wide resnet34 resnet34_wide resnet50"
    assert {*named.split(), *residual.split()} <= set(ARCHITECTURES)


@pytest.mark.slow
@pytest.mark.parametrize("unit", [analog, spiking])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_gives_the_current_of_the_output_layer(name, unit):
    body = plain(name, unit)
    assert body(torch.empty(2, 4, *SHAPE, device="meta")).shape == (2, 4, 10)
    output = body[-1]
    assert isinstance(body, nn.Sequential) and isinstance(output, Connection)
    assert isinstance(output.layer, nn.Linear) and isinstance(output.norm, nn.Identity)


@pytest.mark.slow
@pytest.mark.parametrize("norm", [batch_norm, no_norm])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_forms_name_their_weights_alike(name, norm):
    one, other = (
        (
            plain(name, unit) if norm is batch_norm else shallow(name, unit=unit, norm=norm)
        ).state_dict()
        for unit in (analog, spiking)
    )
    assert {key: value.shape for key, value in one.items()} == {
        key: value.shape for key, value in other.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_static_input_is_computed_once(name):
    body, sizes = plain(name, spiking), []
    layers = [module for module in body.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    hooks = [
        layer.register_forward_hook(lambda _, x, y: sizes.append(len(x[0]))) for layer in layers
    ]
    body(torch.empty(1, 2, *SHAPE, device="meta").expand(5, -1, -1, -1, -1))
    for hook in hooks:
        hook.remove()
    assert sizes[0] == 2 and set(sizes[1:]) == {10}


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_norm_is_told_what_it_gets(name):
    wrong = []

    def checked(features, dimensions, branches):
        norm = nn.Identity()
        norm.register_forward_hook(
            lambda _, x, y: (
                wrong.append((x[0].shape, features)) if x[0].shape[2] != features else None
            )
        )
        norm.register_forward_hook(
            lambda _, x, y: (
                wrong.append((x[0].shape, dimensions))
                if x[0].dim() != 3 + 2 * (dimensions - 1)
                else None
            )
        )
        return norm

    shallow(name, norm=checked)(torch.empty(1, 2, *SHAPE, device="meta"))
    assert wrong == []


TSSL_MNIST = ["15C5p0", "SP2g1.1", "40C5p0", "SP2g1.1", "FC300"]
LENET = ["20C5", "FP2t0.8", "50C5", "FP2t0.8", "FC200"]  # of Lee 2020
CIFAR, IMAGENET = (3, 32, 32), (3, 224, 224)

# Option, changes, shape, classes; then weights and MACs in millions and hidden neurons, None where
# no source says.
SIZES = [
    ("resnet20", {}, CIFAR, 10, 0.268, 40.6, 188_416),
    ("resnet20", {"shortcut": "projection"}, CIFAR, 10, 0.271, None, 188_416),
    ("resnet20", {"blocks": 8}, CIFAR, 10, None, None, 475_136),
    ("resnet20_wide", {}, CIFAR, 10, 11.25, 215.7, 319_488),
    ("resnet12_wide", {}, CIFAR, 10, 5.0, None, None),
    ("resnet34_wide", {}, IMAGENET, 1000, 21.85, 10_294, 14_554_624),
    ("resnet34", {}, IMAGENET, 1000, 21.8, 3664, None),
    ("resnet34_qcfs", {}, IMAGENET, 1000, 21.8, 56_811, None),
    ("resnet34_large", {}, IMAGENET, 1000, 86, None, None),
    ("resnet34_average", {}, IMAGENET, 1000, 22, None, None),
    ("resnet50", {}, IMAGENET, 1000, 25.5, 4089, 9_608_704),
    ("resnet50_cifar", {}, CIFAR, 100, 23.7, None, None),
    ("resnet11", {}, CIFAR, 10, 17.94, None, None),
    ("resnet18", {}, CIFAR, 10, 11.2, 555.4, None),
    ("resnet19", {}, CIFAR, 10, 12.6, None, None),
    ("sew_resnet34", {}, IMAGENET, 1000, 21.8, 3664, None),
    soak("sew_resnet152", {}, IMAGENET, 1000, 60.0, 11_514, None),
    soak("efficientnet_b7", {}, (3, 600, 600), 1000, 66.0, 37_746, 259_366_992),
    ("alexnet", {}, IMAGENET, 1000, 61.1, 714, None),
    ("googlenet", {}, IMAGENET, 1000, 6.61, 1498, None),
    ("googlenet_zhou", {}, IMAGENET, 1000, 6.99, 1583, None),
    ("cifarnet", {}, CIFAR, 10, 44.5, 792, 328_704),
    ("vgg5", {}, CIFAR, 10, 8.6, 66.8, None),
    ("vgg5_rathi", {}, CIFAR, 10, 50.6, 108.8, 139_264),
    ("vgg9", {}, CIFAR, 10, 5.94, 194.7, None),
    ("cnn", {"layers": LENET, "bias": False}, (1, 28, 28), 10, 0.5175, None, None),
    ("vgg9_rathi", {}, CIFAR, 10, 32.1, 281.8, 231_424),
    ("vgg9_dct", {}, (3, 60, 60), 10, 40.3, 613, None),
    ("vgg11", {}, CIFAR, 100, 11.7, None, None),
    ("vgg11_rathi", {}, CIFAR, 100, 21.1, 709.7, 346_112),
    ("vgg16", {}, CIFAR, 10, 39.9, 338.4, 284_672),
    ("vgg16_qcfs", {}, CIFAR, 10, 33.6, 332, None),
    ("vgg16_qcfs", {}, IMAGENET, 1000, 138.3, 15_470, None),
    ("vgg16_imagenet", {}, IMAGENET, 1000, 138.3, 15_470, None),
    ("vgg8_wu", {}, CIFAR, 100, 45.0, None, None),
    ("vgg8_tssl", {}, CIFAR, 10, 45.0, None, None),
    ("vgg8_plif", {}, CIFAR, 100, 36.7, None, None),
    ("vgg6_plif", {}, (2, 128, 128), 100, 17.4, None, None),
    ("vgg7_plif", {}, (2, 128, 128), 110, 1.70, None, None),
    ("resnet17", {}, (2, 32, 32), 11, 5.35, None, None),
    (
        "cnn",
        {"layers": ["64C7p1s3", "32C3s3", "32C3", "FC256"]},
        (2, 128, 128),
        11,
        1.64,
        None,
        None,
    ),
    # By hand: 1 x 1 convolutions, two 3 x 3 ones a block, and the output layer.
    (
        "sew_dvs",
        {},
        (2, 128, 128),
        10,
        (2 * 64 + 64 * 128 + 18 * (4 * 64**2 + 3 * 128**2) + 128 * 10) / 1e6,
        None,
        None,
    ),
    (
        "sew_dvs",
        {"widths": [32] * 7},
        (2, 128, 128),
        11,
        (2 * 32 + 18 * 7 * 32**2 + 32 * 11) / 1e6,
        None,
        None,
    ),
    ("cnn", {}, (1, 28, 28), 10, 0.211488, 2.234112, 32 * 28 * 28 + 32 * 14 * 14 + 128),
    (
        "cnn",
        {"layers": TSSL_MNIST},
        (1, 28, 28),
        10,
        0.210375,
        None,
        15 * 24 * 24 + 40 * 8 * 8 + 300,
    ),
    ("mlp", {}, (1, 28, 28), 10, 0.6352, 0.6352, 800),
]
# Sources: the authors' repositories and, for what torchvision has too, torchvision. Of ResNet-34
# (L) the survey says 85 M.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes", "shape", "classes", "weights", "macs", "neurons"), SIZES
)
def test_size_is_the_published_one(name, changes, shape, classes, weights, macs, neurons):
    size = measure(build(name, changes, shape=shape, features=classes), shape)
    assert weights is None or round(size.weights / 1e6, decimals(weights)) == weights
    assert macs is None or round(size.macs / 1e6, decimals(macs)) == macs
    assert neurons is None or size.neurons == neurons


def decimals(number):
    """How many decimals a published figure has."""
    return len(str(number).partition(".")[2])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "cnn", "resnet20", "googlenet", *NARROW])
def test_every_weight_gets_a_gradient(name):
    torch.manual_seed(0)
    body = build(name, NARROW.get(name), shape=(1, 16, 16), device="cpu")
    body(torch.rand(2, 3, 1, 16, 16)).square().sum().backward()
    assert all(
        parameter.grad is not None and parameter.grad.isfinite().all()
        for parameter in body.parameters()
    )
    assert all(
        parameter.grad.abs().sum() > 0
        for name, parameter in body.named_parameters()
        if name.endswith("weights.0.weight")
    )


def test_average_pools_belong_to_the_next_weights_and_max_pools_do_not():
    body = build("cnn", {"layers": ["4C3", "AP2", "4C3", "MP2", "FC5", "D0.5"]}, shape=(1, 8, 8))
    assert list(dict(body.named_children())) == [
        "convolution1",
        "convolution2",
        "pool1",
        "linear1",
        "dropout1",
        "output",
    ]
    assert [type(module) for module in body.convolution2.connection.before] == [AveragePool]
    assert [type(module) for module in body.pool1] == [nn.MaxPool2d]
    assert [type(module) for module in body.linear1.connection.before] == [nn.Flatten]
    assert isinstance(body.output.before, nn.Identity)


def test_dropout_behind_an_average_pool_sees_the_pooled_map():
    body = build("cnn", {"layers": ["4C3", "AP2", "D0.5", "4C3"]}, shape=(1, 8, 8))
    assert list(dict(body.named_children())) == [
        "convolution1",
        "pool1",
        "dropout1",
        "convolution2",
        "output",
    ]


@pytest.mark.slow
def test_dropout_does_not_rename_weights():
    assert (
        build("vgg16", {"dropout": 0.0, "dropout_linear": 0.0}).state_dict().keys()
        == build("vgg16").state_dict().keys()
    )
    assert build("mlp", {"dropout": 0.5}).state_dict().keys() == build("mlp").state_dict().keys()


def test_vgg_dropout_is_where_no_pool_follows():
    changes = {
        "layers": ["4C3", "4C3", "P2", "4C3", "GAP", "FC5"],
        "dropout": 0.2,
        "dropout_linear": 0.5,
    }
    body = build("vgg5", changes)
    names = [name for name, _ in body.named_children()]
    assert names == [
        "convolution1",
        "dropout1",
        "convolution2",
        "convolution3",
        "linear1",
        "dropout2",
        "output",
    ]
    assert (body.dropout1.p, body.dropout2.p) == (0.2, 0.5)


def test_vgg_pooling_names_the_pool():
    assert isinstance(build("vgg5", {"pooling": "max"}).pool1[0], nn.MaxPool2d)
    assert not hasattr(build("vgg5", {"pooling": "average"}), "pool1")


@pytest.mark.parametrize("name", ["mlp", "cnn", "vgg5"])
@pytest.mark.parametrize("bias", [True, False])
def test_bias_is_everywhere_or_nowhere(name, bias):
    layers = [
        module
        for module in build(name, {"bias": bias}).modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    assert {layer.bias is not None for layer in layers} == {bias}


@pytest.mark.parametrize(
    ("initialization", "spread"),
    [
        ("default", 1 / math.sqrt(3 * 400)),
        ("kaiming", math.sqrt(2 / 400)),
        ("kaiming_out", math.sqrt(2 / 300)),
        ("xavier", math.sqrt(2 / (400 + 300))),
    ],
)
def test_weights_start_as_said(initialization, spread):
    torch.manual_seed(0)
    changes = {"widths": [300], "bias": True, "initialization": initialization, "gain": 3.0}
    layer = build("mlp", changes, shape=(1, 20, 20), device="cpu").linear1.connection.layer
    assert layer.weight.std().item() == pytest.approx(3 * spread, rel=0.01)
    assert bool(layer.bias.any()) == (initialization == "default")


def test_linear_layers_may_start_otherwise_than_convolutions():
    torch.manual_seed(0)
    changes = {"layers": ["64C3", "FC300"], "initialization": "kaiming_linear", "gain": 5.0}
    body = build("cnn", changes, shape=(1, 20, 20), device="cpu")
    convolution, linear = (
        body.get_submodule(name).connection.layer.weight for name in ("convolution1", "linear1")
    )
    assert convolution.std().item() == pytest.approx(5 / math.sqrt(3 * 9), rel=0.05)
    assert convolution.abs().max() <= 5 / 3
    assert linear.std().item() == pytest.approx(math.sqrt(2 / (64 * 400)), rel=0.01)


@pytest.mark.slow
def test_residual_joins_tell_the_norm_that_two_branches_meet():
    for shortcut, joins in (("pad", 9), ("projection", 11)):
        told = []
        build(
            "resnet20",
            {"shortcut": shortcut},
            norm=lambda told=told, **about: told.append(about["branches"]) or nn.Identity(),
        )
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


@pytest.mark.slow
def test_shortcuts_project_where_channels_change_or_everywhere():
    def kinds(option):
        body = build("resnet11", {"shortcut": option})
        return [
            type(body.get_submodule(f"stage{stage}_block1").connection.branches[1])
            for stage in (1, 2, 3, 4)
        ]

    assert kinds("channel_projection") == [Connection, Connection, Connection, PerStep]
    assert kinds("projection") == [Connection] * 4 and kinds("pad") == [PerStep] * 4


@pytest.mark.slow
def test_stride_is_in_the_convolution_named():
    for place, strides in (("first", [(2, 2), (1, 1)]), ("second", [(1, 1), (2, 2)])):
        branch = build("resnet11", {"stride_in": place}).stage2_block1.connection.branches[0]
        assert [
            module.stride for module in branch.modules() if isinstance(module, nn.Conv2d)
        ] == strides
    bottleneck = build("resnet50").stage2_block1.connection.branches[0]
    assert [module.stride for module in bottleneck.modules() if isinstance(module, nn.Conv2d)] == [
        (1, 1),
        (2, 2),
        (1, 1),
    ]


@pytest.mark.slow
def test_dropout_in_and_behind_blocks_does_not_rename_weights():
    none, both = ({"dropout": p, "dropout_join": p} for p in (0.0, 0.25))
    for name in ("resnet11", "resnet50"):
        assert build(name, none).state_dict().keys() == build(name, both).state_dict().keys()
    body = build("resnet50", {**both, "head": ["GAP"]})
    drops = [name for name, module in body.named_modules() if isinstance(module, Dropout)]
    assert len(drops) == 3 * 16 and "stage1_block1_dropout" in drops


def test_a_firing_pool_drives_neurons_by_the_average_in_units_of_its_threshold():
    body = build(
        "cnn", {"layers": ["FP2t0.75", "FC3"]}, unit=spiking, shape=(1, 2, 2), device="cpu"
    )
    image = torch.tensor(
        [[[[1.0, 1.0], [1.0, 0.0]]]]
    )  # an average of 0.75: reaches the threshold at every step
    assert isinstance(body.pool1, SpikingUnit)
    assert body.pool1(image.expand(3, 1, 1, 2, 2).clone()).flatten().tolist() == [1, 1, 1]
    assert body.pool1(image.expand(3, 1, 1, 2, 2).clone() * 0.5).flatten().tolist() == [0, 1, 0]


def test_a_sum_pool_belongs_to_the_next_weights():
    body = build("cnn", {"layers": ["SP2g1.5", "FC3"]}, shape=(1, 2, 2), device="cpu")
    pool, _ = body.linear1.connection.before
    image = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    assert pool(image[None]).item() == pytest.approx(15.0)


@pytest.mark.slow
def test_pools_before_branches_stand_alone():
    body = build("resnet20_wide")
    assert isinstance(body.pool1, PerStep) and isinstance(body.pool1[0], AveragePool)
    assert isinstance(body.output.before[0], nn.Flatten)


@pytest.mark.slow
def test_hidden_linear_layers_may_go_without_norm():
    assert isinstance(build("resnet19").linear1.connection.norm, nn.Identity)
    assert not isinstance(
        build("resnet19", {"norm_linear": True}).linear1.connection.norm, nn.Identity
    )


@pytest.mark.parametrize("name", ["resnet34", "sew_resnet34", "efficientnet_b7"])
def test_stages_need_as_many_values_in_every_list(name):
    with pytest.raises(ValueError, match="one value for each stage"):
        build(name, {"widths": [8, 16]})


@pytest.mark.slow
def test_blocks_that_join_spikes_have_neurons_behind_every_convolution():
    body = build("sew_resnet34", unit=spiking)
    units = [module.connection for module in body.modules() if isinstance(module, SpikingUnit)]
    convolutions = [
        module
        for module in body.modules()
        if isinstance(module, Connection) and isinstance(module.layer, nn.Conv2d)
    ]
    assert units == convolutions and len(units) == 1 + 2 * 16 + 3


@pytest.mark.parametrize(
    ("function", "joined"), [("add", [0, 1, 1, 2]), ("and", [0, 0, 0, 1]), ("iand", [0, 1, 0, 0])]
)
def test_joins_of_spikes(function, joined):
    branch, shortcut = torch.tensor([0.0, 0, 1, 1]), torch.tensor([0.0, 1, 0, 1])
    join = Elementwise(function, Constant(branch), Constant(shortcut))
    assert join(torch.zeros(1, 1, 4)).flatten().tolist() == joined


class Constant(nn.Module):
    """Gives what it was given, whatever it gets."""

    def __init__(self, value):
        super().__init__()
        self.value = value[None, None]

    def forward(self, x):
        return self.value


def test_concatenation_puts_channels_behind_each_other():
    one, other = torch.full((2, 1, 1, 2, 2), 1.0), torch.full((2, 1, 2, 2, 2), 2.0)
    joined = Concatenation(Constant(one[0, 0]), Constant(other[0, 0]))(one[:1])
    assert joined[0, 0, :, 0, 0].tolist() == [1, 2, 2]


def test_gates_weigh_channels():
    class Average(nn.Module):
        def forward(self, x):
            return x.mean((3, 4), keepdim=True)

    x = torch.tensor([0.0, 2.0, 4.0, 6.0]).view(1, 1, 1, 2, 2)
    assert torch.equal(
        SqueezeExcitation(Average(), nn.Identity())(x), x * torch.tensor(3.0).sigmoid()
    )


def test_googlenet_says_when_images_are_too_small():
    with pytest.raises(ValueError, match="pool 3 of 4 does not fit on a map of 1 x 1"):
        build("googlenet", shape=(3, 8, 8))


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.parametrize("extent", [32, 33, 62, 224])
@pytest.mark.parametrize("name", ["googlenet", "googlenet_zhou"])
def test_googlenet_knows_the_size_of_its_map(name, extent):
    shape = (3, extent, extent)
    assert build(name, {"dropout": 0.0}, shape=shape)(
        torch.empty(1, 2, *shape, device="meta")
    ).shape == (1, 2, 10)


def test_tokens_mean_what_they_say():
    kinds = [
        layer.__class__
        for layer in parse(["32C3", "AP2", "SP2", "GAP", "MP2", "FP2", "FC9", "D0.5"])
    ]
    assert kinds == [Convolution, Pool, Pool, Pool, MaxPool, FiringPool, Linear, Drop]
    first, second, third = parse(["15C5p0", "256C3s2", "8C4p1s3"])
    assert (first.channels, first.kernel, first.padding, first.stride) == (15, 5, 0, 1)
    assert (second.channels, second.kernel, second.padding, second.stride) == (256, 3, 1, 2)
    assert (third.channels, third.kernel, third.padding, third.stride) == (8, 4, 1, 3)
    assert [pool.window for pool in parse(["AP3", "GAP"])] == [3, None]
    sums = parse(["SP2", "SP3g1.5", "SP2g.25", "AP4"])
    assert [(pool.window, pool.gain) for pool in sums] == [(2, 4), (3, 13.5), (2, 1), (4, 1)]
    assert [(pool.window, pool.padding, pool.stride) for pool in parse(["MP2", "MP3p1s2"])] == [
        (2, 0, 2),
        (3, 1, 2),
    ]
    assert [(pool.window, pool.threshold) for pool in parse(["FP2", "FP3t0.75", "FP4t2"])] == [
        (2, 1),
        (3, 0.75),
        (4, 2),
    ]
    assert [layer.probability for layer in parse(["D0", "D.25", "D0.5"])] == [0, 0.25, 0.5]
    assert [layer.per_step for layer in parse(["D0.5", "DS0.5", "DS.25"])] == [False, True, True]


@pytest.mark.parametrize(
    "token",
    [
        "32K3",
        "C3",
        "0C3",
        "32C0",
        "32C",
        "32C4",
        "32C3s0",
        "AP0",
        "P2",
        "FC",
        "FC0",
        "D1",
        "D1.5",
        "FP2t0",
        "SP2g0",
        "SP0",
        "MP3s0",
        "gap",
        "",
        "٣C3",
    ],
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
        (["8C3", "MP2p2"], "layer 2 of 2, 'MP2p2': a padding of 2 is more than half the window"),
        (["FC9", "FP2"], "layer 2 of 2, 'FP2': needs a map"),
        (["FC9", "MP2"], "layer 2 of 2, 'MP2': needs a map"),
        (["FC9", "GAP"], "layer 2 of 2, 'GAP': needs a map"),
    ],
)
def test_layer_that_does_not_fit_is_named(layers, message):
    with pytest.raises(ValueError, match=message):
        build("cnn", {"layers": layers}, shape=(1, 8, 8))


@pytest.mark.parametrize("name", ["vgg5_wu", "vgg6_plif", "vgg7_plif", "vgg8_plif", "vgg8_wu"])
def test_published_networks_without_a_norm_behind_linear_layers(name):
    body = build(name)
    norms = {
        key: connection.norm
        for key, connection in body.named_modules()
        if isinstance(connection, Connection)
    }
    plain = {key for key, norm in norms.items() if isinstance(norm, nn.Identity)}
    assert plain == {key for key in norms if "linear" in key or key == "output"}
    assert len(norms) > len(plain) >= 2


def test_both_linear_layers_of_plif_networks_for_events_have_dropout_before_them():
    for name, count in (("vgg6_plif", 2), ("vgg7_plif", 2), ("vgg8_plif", 1)):
        found = [module for module in build(name).modules() if isinstance(module, Dropout)]
        assert len(found) == count and {module.p for module in found} == {0.5}


def sew(function, **changes):
    """Two blocks on 4 channels, the second and the third without a shortcut of their own."""
    small = {"stem": ["4C3"], "widths": [4, 4], "blocks": [2, 1], "strides": [1, 1]}
    changes = {**small, "function": function, "zero_init": True, **changes}
    return build("sew_resnet34", changes, unit=spiking, shape=(3, 8, 8), device="cpu")


@pytest.mark.parametrize("function", ["add", "and", "iand"])
@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
def test_blocks_may_begin_as_ones_that_change_nothing(function, kind):
    more = {"widths": [4, 4], "stem": ["16C3"]} if kind == "bottleneck" else {}
    body = sew(function, block=kind, **more)
    spikes = (torch.rand(3, 2, 16 if more else 4, 8, 8) < 0.4).float()
    for name in ("stage1_block1", "stage1_block2", "stage2_block1"):
        assert torch.equal(getattr(body, name)(spikes), spikes)


def test_scales_that_begin_at_zero_are_learned():
    norm, other = (
        sew("add", zero_init=zero).stage1_block1.branches[0][1].connection.norm.normalise[0]
        for zero in (True, False)
    )
    assert not norm.weight.any() and norm.weight.requires_grad and other.weight.all()


def test_a_norm_that_cannot_begin_as_nothing_is_refused():
    with pytest.raises(ValueError, match="norm behind the weights has no weight.*norm=batch"):
        sew_without(no_norm, "add")
    with pytest.raises(ValueError, match="has no bias.*zero_init=false"):
        sew_without(through_time, "and")
    assert sew_without(through_time, "add")


def sew_without(norm, function):
    small = {"stem": ["4C3"], "widths": [4], "blocks": [1], "strides": [1]}
    changes = {**small, "function": function, "zero_init": True}
    return build("sew_resnet34", changes, norm=norm)


def through_time(features, dimensions, branches):
    return build_option("norm", "bntt", features=features, dimensions=dimensions, branches=branches)
