"""Rate-based backpropagation against its equations written out in float64."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from snnexp.counted.rate import Rates
from snnexp.network.network import Network
from snnexp.network.parts import connections
from snnexp.network.spiking import spiking_network
from snnexp.training.execution import Forward
from tests.support.networks import blueprint, images, keys

COUNT = 4
EXACT = {"rtol": 1e-10, "atol": 1e-12}
CNN = ("cnn", {"layers": ["4C3", "AP2", "5C3", "FC7"]})
RESIDUAL = ("resnet20", {"widths": [4, 6], "blocks": 1, "shortcut": "projection"})


@pytest.fixture(autouse=True)
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def plan(**chosen):
    options = {
        "architecture": CNN,
        "norm": "batch",
        "neuron": ("lif", {"leak": 0.6, "threshold": 0.7, "reset": "soft"}),
        "surrogate": "sigmoid",
    }
    return blueprint(**(options | chosen))


def network(made) -> Network:
    torch.manual_seed(0)
    spiking = spiking_network(made).double().train()
    for name, tensor in spiking.named_parameters():
        if ".norm." in name:
            tensor.data += 0.4 * torch.rand(tensor.shape)
        elif not any(".norm." in each for each, _ in spiking.named_parameters()):
            tensor.data = tensor.abs()  # or nothing fires without a norm
    return spiking


def pixels() -> Tensor:
    return images(COUNT).double()


def gradients(forward: torch.nn.Module, spiking: Network) -> dict[str, Tensor]:
    spiking.zero_grad()
    scores = forward(pixels(), keys(COUNT)).scores
    weights = torch.randn(scores.shape[1:], generator=torch.Generator().manual_seed(4))
    (scores[-1] * weights).sum().backward()
    return {name: each.grad.clone() for name, each in spiking.named_parameters()}


# The reference: every quantity of one layer after the other, nothing of the package in it


def slope(distance: Tensor) -> Tensor:
    logistic = torch.sigmoid(4 * distance)
    return 4 * logistic * (1 - logistic)


def fired(
    x: Tensor, leak: float, threshold: float, reset: str, detach: bool
) -> tuple[Tensor, Tensor]:
    """Spikes, and the running means of the source: eligibility and its factor."""
    v, spikes, eligibility, factor = torch.zeros_like(x[0]), [], 0.0, 1.0
    for t in range(len(x)):
        u = leak * v + x[t]
        s = (u >= threshold).double()
        near = slope(u - threshold)
        eligibility = (t * eligibility + factor * near) / (t + 1)
        if reset == "soft":
            factor = 1 + factor * (leak - (0.0 if detach else leak * threshold * near))
            v = u - threshold * s
        else:
            factor = 1 + factor * (leak * (1 - s) - (0.0 if detach else leak * u * near))
            v = u * (1 - s)
        spikes.append(s)
    return torch.stack(spikes), eligibility


def with_value(value: Tensor, carrier: Tensor) -> Tensor:
    return value + (carrier - carrier.detach())


def normal(x: Tensor, over: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """x [B C H W] by the moments of `over` [N C H W], with gradients as if they were those of x."""
    dims = (0, 2, 3) if x.dim() == 4 else (0,)
    mean = with_value(over.mean(dims, keepdim=True), x.mean(dims, keepdim=True))
    variance = (x - mean).square().mean(dims, keepdim=True)
    spread = (over - over.mean(dims, keepdim=True)).square().mean(dims, keepdim=True)
    variance = with_value(spread, variance)
    shape = (1, -1, *[1] * (x.dim() - 2))
    return gamma.view(shape) * (x - mean) / (variance + 1e-5).sqrt() + beta.view(shape)


def literal(spiking: Network, steps: int, neuron: dict) -> dict[str, Tensor]:
    parameters = {
        name: each.detach().clone().requires_grad_() for name, each in spiking.named_parameters()
    }
    layers = [
        ("body.convolution1.connection", "conv", False),
        ("body.convolution2.connection", "conv", True),
        ("body.linear1.connection", "linear", False),
        ("body.output", "linear", False),
    ]
    assert [name for name, *_ in layers] == [*connections(spiking)]
    s = pixels().expand(steps, *pixels().shape)
    r = pixels()
    for name, kind, pooled in layers:
        weight = parameters[f"{name}.weights.0.weight"]
        bias = parameters.get(f"{name}.weights.0.bias")

        def linear(x, weight=weight, bias=bias, kind=kind, pooled=pooled):
            x = functional.avg_pool2d(x, 2) if pooled else x
            if kind == "conv":
                return functional.conv2d(x, weight, bias, padding=1)
            return functional.linear(x.flatten(1), weight, bias)

        with torch.no_grad():
            raw = linear(s.flatten(0, 1))
        z = with_value(raw.unflatten(0, s.shape[:2]).mean(0), linear(r))
        gamma, beta = (
            parameters.get(f"{name}.norm.normalise.0.{each}") for each in ("weight", "bias")
        )
        if gamma is not None:
            z = normal(z, raw, gamma, beta)
            with torch.no_grad():
                raw = normal(raw, raw, gamma, beta)
        if name == layers[-1][0]:
            weights = torch.randn(z.shape, generator=torch.Generator().manual_seed(4))
            (z * weights).sum().backward()
            break
        s, e = fired(raw.detach().unflatten(0, s.shape[:2]), **neuron)
        r = with_value(s.mean(0), e * z)
    return {name: each.grad for name, each in parameters.items()}


@pytest.mark.parametrize(
    "reset, detach", [("soft", True), ("soft", False), ("hard", True), ("hard", False)]
)
@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("steps", [1, 3, 4, 12])
def test_gradients_are_the_equations_written_out(steps, norm, reset, detach):
    neuron = {"leak": 0.6, "threshold": 0.7, "reset": reset}
    made = plan(norm=norm, neuron=("lif", {**neuron, "detach_reset": detach}))
    spiking = network(made)
    expected = literal(spiking, steps, {**neuron, "detach": detach})
    found = gradients(Rates(spiking, range(steps), made), spiking)
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        assert not name.endswith("weight") or gradient.abs().max() > 1e-6, name
        torch.testing.assert_close(gradient, expected[name], **EXACT)


@pytest.mark.parametrize("architecture", [CNN, RESIDUAL])
def test_with_one_timestep_it_is_training_through_time(architecture):
    made = plan(architecture=architecture)
    spiking = network(made)
    found = gradients(Rates(spiking, range(1), made), spiking)
    expected = gradients(Forward(spiking, range(1), 1), spiking)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], **EXACT)


@pytest.mark.parametrize("readout", ["potential", "rate"])
@pytest.mark.parametrize("architecture", [CNN, RESIDUAL])
def test_the_forward_pass_is_that_of_the_spiking_form(architecture, readout):
    made = plan(architecture=architecture, readout=readout)
    one, other = network(made), network(made)
    through_time = Forward(one, range(5), 1)(pixels(), keys(COUNT))
    rates = Rates(other, range(5), made)(pixels(), keys(COUNT))
    assert torch.equal(rates.scores, through_time.scores) and rates.scores.requires_grad
    assert torch.equal(rates.drive, through_time.drive)
    for name, value in one.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name


def test_nothing_is_kept_between_passes():
    made = plan()
    spiking = network(made)
    forward = Rates(spiking, range(3), made)
    first = gradients(forward, spiking)
    second = gradients(forward, spiking)
    assert all(torch.equal(first[name], second[name]) for name in first)
