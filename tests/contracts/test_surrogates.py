"""Every surrogate: an exact step forward, a finite slope backward."""

import math

import pytest
import torch
from torch import nn

from snnexp.configuration.build import locate
from snnexp.surrogates.base import Surrogate
from tests.support.options import build_option, options, settings

# Each slope at scale 1 and width 1, a quarter, a half, one and two and a half units of the
# potential from the threshold.
SHAPES = {
    "rectangle": (1.0, 0.0, 0.0, 0.0),
    "triangle": (0.75, 0.5, 0.0, 0.0),
    "sigmoid": tuple(1 / math.cosh(z / 2) ** 2 for z in (0.25, 0.5, 1.0, 2.5)),
    "arctan": tuple(1 / (1 + (math.pi * z / 2) ** 2) for z in (0.25, 0.5, 1.0, 2.5)),
    "gaussian": (math.exp(-0.03125), math.exp(-0.125), math.exp(-0.5), math.exp(-3.125)),
    "exponential": (math.exp(-0.25), math.exp(-0.5), math.exp(-1.0), math.exp(-2.5)),
    "fast_sigmoid": (0.64, 4 / 9, 0.25, 1 / 12.25),
}
# Derivatives as papers write them, for the scale and width the docstring says they correspond to.
PUBLISHED = [
    ("rectangle", 0.5, 2.0, lambda z: (abs(z) < 1) / 2),  # a = 2
    ("triangle", 0.3, 1.0, lambda z: 0.3 * max(0, 1 - abs(z))),  # gamma = 0.3
    (
        "sigmoid",
        1.25,
        0.2,
        lambda z: 5 / (1 + math.exp(-5 * z)) * (1 - 1 / (1 + math.exp(-5 * z))),
    ),  # beta = 5
    ("arctan", 1.0, 0.5, lambda z: 1 / (1 + (math.pi * z) ** 2)),  # alpha = 2
    (
        "gaussian",
        1 / (math.sqrt(2 * math.pi) * 0.4),
        0.4,
        lambda z: math.exp(-(z**2) / 0.32) / (math.sqrt(2 * math.pi) * 0.4),
    ),
    ("exponential", 2.0, 0.25, lambda z: 2 * math.exp(-4 * abs(z))),
    ("fast_sigmoid", 1.0, 0.1, lambda z: 1 / (1 + 10 * abs(z)) ** 2),  # beta = 10
]


def gradient(surrogate: nn.Module, z: torch.Tensor, upstream: float = 1.0) -> torch.Tensor:
    z = z.clone().requires_grad_()
    (upstream * surrogate(z)).sum().backward()
    return z.grad


@pytest.mark.slow
def test_defaults():
    expected = {
        "rectangle": (1, 1),
        "triangle": (0.3, 1),
        "arctan": (1, 0.5),
        "gaussian": (1, 0.4),
        "sigmoid": (1, 0.25),
    }
    expected |= {"exponential": (1, 0.5), "fast_sigmoid": (1, 0.1)}
    found = {name: settings("surrogate", name) for name in expected}
    assert {name: (values["scale"], values["width"]) for name, values in found.items()} == expected


@pytest.mark.parametrize("name", options("surrogate"))
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_forward_is_the_step_function(name, dtype):
    z = torch.tensor([-1e4, -1.0, -1e-30, -0.0, 0.0, 1e-30, 1.0, 1e4], dtype=dtype)
    s = build_option("surrogate", name)(z)
    assert s.dtype == dtype
    assert s.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("name", options("surrogate"))
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_gradients_are_finite_and_follow_the_slope(name, dtype):
    far = torch.logspace(-6, 4, 201)
    z = torch.cat([-far, torch.zeros(1), far]).to(dtype)
    surrogate = build_option("surrogate", name)
    found = gradient(surrogate, z, upstream=2.0)
    assert (
        found.dtype == dtype and found.isfinite().all() and (found >= 0).all() and found.max() > 0
    )
    assert torch.equal(found, 2 * surrogate.slope(z))


@pytest.mark.parametrize("name", SHAPES)
def test_shape(name):
    surrogate = build_option("surrogate", name, {"scale": 1.0, "width": 1.0})
    found = surrogate.slope(torch.tensor([0.25, 0.5, 1.0, 2.5], dtype=torch.float64))
    assert found.tolist() == pytest.approx(SHAPES[name], rel=1e-12)


@pytest.mark.parametrize("name", SHAPES)
def test_scale_multiplies_and_width_stretches(name):
    z = torch.linspace(-3, 3, 41, dtype=torch.float64)
    unit = build_option("surrogate", name, {"scale": 1.0, "width": 1.0})
    wide = build_option("surrogate", name, {"scale": 0.7, "width": 2.0})
    torch.testing.assert_close(wide.slope(2 * z), 0.7 * unit.slope(z))


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_slope_is_even_highest_at_the_threshold_and_falls(name, dtype):
    surrogate = build_option("surrogate", name)
    z = torch.cat([torch.zeros(1), torch.logspace(-2, 4, 25)]).to(dtype)
    slope = surrogate.slope(z)
    assert slope[0] == torch.tensor(surrogate.scale, dtype=dtype)
    assert torch.equal(slope, surrogate.slope(-z))
    assert (slope.diff() <= 2 * torch.finfo(dtype).eps).all() and slope[-1] < slope[0]


@pytest.mark.parametrize(
    ("name", "scale", "width", "published"),
    PUBLISHED,
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_published_parameters(name, scale, width, published):
    z = torch.linspace(-2.3, 2.3, 24, dtype=torch.float64)
    surrogate = build_option("surrogate", name, {"scale": scale, "width": width})
    assert surrogate.slope(z).tolist() == pytest.approx(
        [published(each) for each in z.tolist()], rel=1e-9
    )


@pytest.mark.parametrize("name", SHAPES)
def test_standard_surrogates_state_their_shape(name):
    assert build_option("surrogate", name).shape == name


def test_fired_lets_pass_where_there_is_a_spike():
    surrogate = build_option("surrogate", "fired", {"scale": 0.7})
    assert surrogate.shape == "fired"
    slope = surrogate.slope(torch.tensor([-9.0, -1e-9, 0.0, 1e-9, 9.0], dtype=torch.float64))
    assert slope.tolist() == [0, 0, 0.7, 0.7, 0.7]


def test_a_surrogate_of_ones_own_needs_a_slope_only():
    class Half(Surrogate):
        def slope(self, z):
            return torch.full_like(z, 0.5)

    assert Half().shape is None
    assert gradient(Half(), torch.tensor([-3.0, 3.0])).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("name", options("surrogate"))
def test_every_option_is_a_surrogate(name):
    assert issubclass(locate(settings("surrogate", name)["_target_"]), Surrogate)
