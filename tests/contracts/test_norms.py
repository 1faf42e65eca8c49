"""What every norm promises, and the numbers that tell them apart."""

import math

import pytest
import torch

from snnexp.cell import streaming
from snnexp.network.sizing import size_cells
from tests.support.options import build_option, options

NORMS = options("norm")
SHAPES = [(3,), (3, 4, 5)]
T, B = 8, 4  # T is that of tests.support.options


def build(name, shape=(3, 4, 5), branches=1, **changes):
    """A norm in float64 for currents `[T, B, *shape]`."""
    made = build_option(
        "norm",
        name,
        changes,
        features=shape[0],
        dimensions=2 if len(shape) == 3 else 1,
        branches=branches,
    )
    torch.manual_seed(0)  # of norms that draw numbers for every place
    size_cells(made, shape)
    return made.double()


def currents(*shape, steps=T):
    """Currents whose mean and spread differ from step to step and from channel to channel."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(steps, B, *shape, generator=generator, dtype=torch.float64)
    step = torch.arange(1.0, steps + 1, dtype=torch.float64).view(-1, *[1] * (len(shape) + 1))
    channel = torch.arange(1.0, shape[0] + 1, dtype=torch.float64).view(-1, *[1] * (len(shape) - 1))
    return x * step * channel + 3 * step - channel


def trained(name, shape=(3, 4, 5)):
    """A norm with parameters and running statistics off their initial values, in evaluation
    mode.
    """
    norm, generator = build(name, shape), torch.Generator().manual_seed(1)
    for parameter in norm.parameters():
        parameter.data += torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
    norm(currents(*shape))
    return norm.eval()


def per_channel(values, x):
    """A value per channel in a form that broadcasts over `[T, B, C, ...]`."""
    return values.view(-1, *[1] * (x.dim() - 3))


def moments(y, dims):
    """Mean and (biased) variance over `dims`."""
    return y.mean(dims), y.var(dims, correction=0)


def test_expected_options_exist():
    assert {"none", "batch", "batch_per_step", "tdbn", "bntt", "neunorm"} <= set(NORMS)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NORMS)
def test_keeps_shape_and_passes_gradients(name, shape):
    x = currents(*shape).requires_grad_()
    y = build(name, shape)(x)
    y.square().mul(currents(*shape)).sum().backward()
    assert y.shape == x.shape
    assert x.grad.isfinite().all() and x.grad.abs().sum() > 0


@pytest.mark.slow
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NORMS)
def test_static_current_gives_the_dense_result(name, shape, training):
    static = currents(*shape, steps=1).expand(T, *[-1] * (len(shape) + 1))
    one, other = trained(name, shape).train(training), trained(name, shape).train(training)
    torch.testing.assert_close(one(static), other(static.contiguous()))


@pytest.mark.parametrize("name", ["batch", "batch_per_step", "tdbn"])
def test_static_current_is_normalised_once(name):
    norm, sizes = build(name), []
    [module for module in norm.modules() if not list(module.children())][0].register_forward_hook(
        lambda _, x, y: sizes.append(len(x[0]))
    )
    y = norm(currents(3, 4, 5, steps=1).expand(T, -1, -1, -1, -1))
    assert sizes == [B] and y.stride(0) == 0


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [1, 3, 8])
@pytest.mark.parametrize("name", NORMS)
def test_chunks_give_the_whole(name, chunk):
    norm, x = trained(name), currents(3, 4, 5)
    with streaming(norm):
        chunks = torch.cat([norm(part) for part in x.split(chunk)])
    torch.testing.assert_close(chunks, norm(x))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["batch", "tdbn"])
def test_affine_is_the_evaluation_map(name, shape):
    norm, x = trained(name, shape), currents(*shape)
    scale, shift = norm.affine()
    torch.testing.assert_close(norm(x), x * per_channel(scale, x) + per_channel(shift, x))


@pytest.mark.parametrize("name", NORMS)
def test_bfloat16_stays(name):
    norm = build(name).float()
    assert norm(currents(3, 4, 5).bfloat16()).dtype == torch.bfloat16


def test_none_is_the_identity():
    x = currents(3, 4, 5)
    norm = build("none")
    assert isinstance(norm, torch.nn.Identity) and norm(x) is x


def test_batch_takes_statistics_over_time():
    x = currents(3, 4, 5)
    norm = build("batch", momentum=1.0, epsilon=1e-12)
    mean, variance = moments(norm(x), (0, 1, 3, 4))
    torch.testing.assert_close((mean, variance), (torch.zeros_like(mean), torch.ones_like(mean)))
    torch.testing.assert_close(norm.normalise[0].running_mean, x.mean((0, 1, 3, 4)))


def test_batch_per_step_takes_statistics_of_each_step():
    x = currents(3, 4, 5)
    norm = build("batch_per_step", momentum=0.5, epsilon=1e-12)
    mean, variance = moments(norm(x), (1, 3, 4))
    torch.testing.assert_close((mean, variance), (torch.zeros_like(mean), torch.ones_like(mean)))
    running = torch.zeros(3, dtype=torch.float64)
    for step_mean in x.mean((1, 3, 4)):
        running = 0.5 * running + 0.5 * step_mean
    torch.testing.assert_close(norm.steps.cells[0].normalise.running_mean, running)


@pytest.mark.parametrize(
    ("threshold", "branches", "spread"),
    [(1.0, 1, 1.0), (0.5, 1, 0.5), (0.5, 2, 0.5 / math.sqrt(2))],
)
def test_tdbn_starts_at_the_scale_of_the_threshold(threshold, branches, spread):
    y = build("tdbn", branches=branches, threshold=threshold, epsilon=1e-12)(currents(3, 4, 5))
    mean, variance = moments(y, (0, 1, 3, 4))
    torch.testing.assert_close(
        (mean, variance.sqrt()), (torch.zeros_like(mean), torch.full_like(mean, spread))
    )


def test_tdbn_shift_is_not_scaled():
    norm = build("tdbn", threshold=0.5)
    norm.normalise[0].bias.data.fill_(2.0)
    assert norm(currents(3, 4, 5)).mean().item() == pytest.approx(2.0)


def test_bntt_keeps_statistics_per_step():
    x = currents(3, 4, 5)
    norm = build("bntt", momentum=1.0, epsilon=1e-12)
    cell = norm.steps.cells[0]
    cell.weight.data += torch.arange(T)[:, None]
    mean, variance = moments(norm(x), (1, 3, 4))
    torch.testing.assert_close(
        (mean, variance.sqrt()), (torch.zeros_like(mean), cell.weight.detach())
    )
    torch.testing.assert_close(cell.running_mean, x.mean((1, 3, 4)))
    torch.testing.assert_close(cell.running_var, x.var((1, 3, 4)))


def test_bntt_trains_a_scale_per_step_and_no_shift():
    norm = build("bntt")
    norm(currents(3, 4, 5))[2].square().sum().backward()
    ((name, weight),) = norm.named_parameters()
    assert name.endswith("weight") and weight.shape == (T, 3)
    assert weight.grad.abs().sum(1).nonzero().tolist() == [[2]]


@pytest.mark.parametrize("steps", range(1, T + 1))
def test_tebn_is_its_equation_written_out(steps):
    x = currents(3, 4, 5, steps=steps).requires_grad_()
    copy = x.detach().clone().requires_grad_()
    norm, generator = build("tebn"), torch.Generator().manual_seed(7)
    for parameter in norm.parameters():
        parameter.data += torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
    gamma, beta = norm.normalise[0].weight, norm.normalise[0].bias
    p = norm.steps.cells[0].weight
    learned = [gamma, beta, p]
    mine = [each.detach().clone().requires_grad_() for each in learned]
    written = torch.zeros_like(copy)
    for c in range(3):
        values = copy[:, :, c]
        centred = values - values.sum() / values.numel()
        deviation = (centred.square().sum() / values.numel() + 1e-5).sqrt()
        for t in range(steps):
            normal = mine[0][c] * centred[t] / deviation + mine[1][c]
            written = written + one_at(written, t, c, mine[2][t] * normal)
    y = norm(x)
    torch.testing.assert_close(y, written, rtol=1e-12, atol=1e-12)
    weights = torch.randn(y.shape, generator=generator, dtype=torch.float64)
    found = torch.autograd.grad((y * weights).sum(), [x, *learned])
    expected = torch.autograd.grad((written * weights).sum(), [copy, *mine])
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def one_at(like, t, c, value):
    """Zeros but for timestep t and channel c."""
    place = torch.zeros(len(like), 1, like.shape[2], 1, 1, dtype=like.dtype)
    place[t, :, c] = 1
    return place * value[None, :, None]


@pytest.mark.parametrize("name", ["bntt", "tebn"])
def test_no_more_steps_than_it_has(name):
    norm = trained(name)
    with pytest.raises(ValueError, match="8 timesteps and was asked for timestep 9"):
        norm(currents(3, 4, 5, steps=T + 1))
    with streaming(norm):
        norm(currents(3, 4, 5))
        with pytest.raises(ValueError, match="timestep 9"):
            norm(currents(3, 4, 5, steps=1))
    norm(currents(3, 4, 5))  # the count starts again


def test_epsilon_is_inside_the_root():
    x = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)[None]  # variance 1
    for name in ("batch", "batch_per_step", "tdbn", "bntt", "tebn"):
        y = build(name, shape=(1,), epsilon=3.0)(x)
        torch.testing.assert_close(y, x / 2)
