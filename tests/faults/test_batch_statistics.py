"""Batch statistics are exact: in every layout, precision and number of threads, forward, backward
and in what is kept of them.

Spikes that meet weights of a few values are the hard case: roundings of a sum in float32 then go
all one way.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, distributed, multiprocessing
from torch.nn import functional

from snnexp.configuration import build
from snnexp.kernels.norm import c as norm_compiled
from snnexp.kernels.norm import torch as norm_fallback
from snnexp.kernels.scan import c as compiled
from snnexp.layers.batch_norm import BatchNorm, batch_norm
from snnexp.network.spiking import spiking_network
from snnexp.norms.batch import Batch
from snnexp.norms.batch_per_step import BatchPerStep
from snnexp.norms.bntt import BNTT
from snnexp.norms.tdbn import TdBN
from snnexp.training.execution import Execution
from tests.support.command_line import environment
from tests.support.composed import configuration
from tests.support.marks import soak

fault = pytest.mark.fault(
    "A: batch statistics", "a million spike-driven currents of few distinct values per channel"
)
KERNELS = [norm_fallback, *([norm_compiled] if compiled.library() is not None else [])]
EPSILON = 1e-5
SHARE = {"momentum": 1.0, "epsilon": EPSILON, "features": 4, "dimensions": 2, "branches": 1}
NORMS = {
    "batch": lambda: Batch(**SHARE, scale_spread=0.0, learn_scale=True),
    "tdbn": lambda: TdBN(threshold=1.0, **SHARE, learn_scale=True),
    "batch_per_step": lambda: BatchPerStep(**SHARE),
    "bntt": lambda: BNTT(timesteps=8, exit_scale=None, **SHARE),
}
LAYOUTS = {
    "channels_last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "channels_first": lambda x: x.contiguous(),
    "turned": lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
    "part_of_another": lambda x: torch.stack([x, x])[0].repeat_interleave(2, 3)[..., ::2],
    "features": lambda x: x.movedim(1, -1).flatten(0, 2).contiguous(),
}


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def currents(images: int, channels: int = 4, side: int = 28) -> Tensor:
    """What a silent bias and sparse spikes of three weights give; the last channel is silent."""
    torch.manual_seed(0)
    spikes = torch.rand(3, images, channels, side, side) < 0.02
    x = 0.3 + 0.1 * spikes[0] + 0.7 * spikes[1] - 0.2 * spikes[2]
    x[:, -1] = 0.3
    return x


def reference(x: Tensor, gamma: Tensor, beta: Tensor, g: Tensor) -> dict[str, Tensor]:
    """The same in float64, by PyTorch."""
    x, gamma, beta = (each.double().contiguous().requires_grad_() for each in (x, gamma, beta))
    y = functional.batch_norm(x, None, None, gamma, beta, True, 0.0, EPSILON)
    y.backward(g.double().contiguous())
    return {"y": y.detach(), "dx": x.grad, "dgamma": gamma.grad, "dbeta": beta.grad}


def ours(x: Tensor, gamma: Tensor, beta: Tensor, g: Tensor) -> dict[str, Tensor]:
    x, gamma, beta = (
        each.clone(memory_format=torch.preserve_format).requires_grad_()
        for each in (x, gamma, beta)
    )
    y = batch_norm(x, None, None, gamma, beta, True, 0.0, EPSILON)
    y.backward(g)
    return {"y": y.detach(), "dx": x.grad, "dgamma": gamma.grad, "dbeta": beta.grad}


def error(found: Tensor, expected: Tensor) -> float:
    """Largest error against the size of what is expected."""
    return float((found.detach().double() - expected).abs().max() / expected.abs().max())


@fault
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__.rpartition(".")[2])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_moments_and_passes(kernel, layout, dtype, monkeypatch, happened):
    monkeypatch.setattr("snnexp.layers.batch_norm.kernel", lambda x, gamma: kernel)
    x = LAYOUTS[layout](currents(256)).to(dtype)
    gamma, beta = torch.tensor([1.0, 0.5, -1.5, 2.0]), torch.tensor([0.0, 1.0, -1.0, 0.25])
    g = (torch.randn(x.shape) + 0.5).to(dtype)
    mean, found = kernel.moments(x)
    others = [place for place in range(x.dim()) if place != 1]
    variance, expected = torch.var_mean(x.double(), others, correction=0)
    deviation = variance.sqrt()[:3]
    assert (
        float(((mean - expected)[:3] / deviation).abs().max()) < 1e-6
        and abs(float(mean[3] - x.flatten()[-1])) < 1e-7
    )
    assert (
        float((found / variance - 1)[:3].abs().max()) < 2e-6 and float(found[3]) < 1e-12
    )  # of a constant: none
    wanted, got = reference(x, gamma, beta, g), ours(x, gamma, beta, g)
    errors = {key: error(got[key], wanted[key]) for key in wanted}
    happened(f"{x.numel() // 4} values a channel, largest error {max(errors.values()):.0e}")
    rounding = 1e-6 if dtype == torch.float32 else 2.0**-8
    assert errors["y"] < rounding and errors["dx"] < rounding
    for key in ("dgamma", "dbeta"):  # as what they add to the gradient of a value
        assert float((got[key].double() - wanted[key]).abs().max()) < 1e-6 * float(
            g.double().abs().sum((0, *others[1:])).max()
        )


@fault
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__.rpartition(".")[2])
def test_ten_million_values_far_from_zero(kernel, happened):
    x = currents(12_800, channels=1)[:, :, :, :, None].squeeze(-1) + 40
    x = torch.where(torch.rand(x.shape) < 0.5, x, x + 1.7)
    mean, found = kernel.moments(x)
    variance, expected = torch.var_mean(x.double(), correction=0)
    off = float((mean - expected).abs() / variance.sqrt()), float((found / variance - 1).abs())
    happened(f"mean off by {off[0]:.0e} deviations, variance by {off[1]:.0e}")
    assert x.numel() > 10**7 and max(off) < 1e-6


@fault
@pytest.mark.parametrize("name", NORMS)
def test_every_norm_of_the_package(name, happened):
    x = torch.stack([LAYOUTS["channels_last"](currents(64) + 0.05 * t) for t in range(8)])
    norm, g = NORMS[name](), torch.randn(x.shape)
    y = norm(x)
    y.backward(g)
    per_step = name in ("batch_per_step", "bntt")
    folded = [x[t] for t in range(8)] if per_step else [x.flatten(0, 1)]
    expected = torch.stack(
        [
            functional.batch_norm(each.double(), None, None, training=True, eps=EPSILON)
            for each in folded
        ]
    )
    off = error(y, expected.view(x.shape))
    last, running = folded[-1].double(), dict(norm.named_buffers())
    kept = {
        key.rpartition(".")[2]: value[-1] if name == "bntt" else value
        for key, value in running.items()
    }
    variance, mean = torch.var_mean(last, (0, 2, 3))
    assert error(kept["running_mean"], mean) < 1e-6 and error(kept["running_var"], variance) < 2e-6
    z = expected.view(x.shape)
    dgamma = (g.double() * z).sum((1, 3, 4) if name == "bntt" else (0, 1, 3, 4))
    learned = next(value.grad for key, value in norm.named_parameters() if key.endswith("weight"))
    happened(f"normalised currents off by {off:.0e}")
    assert off < 1e-6 and error(learned, dgamma) < 1e-6


def network_gradient(norm: str, encoder: str, images: Tensor, memory: str) -> Tensor:
    torch.manual_seed(0)
    way = [
        f"norm={norm}",
        f"encoder={encoder}",
        "timesteps=8",
        "architecture.layers=[8C5,AP2,16C5,AP2]",
    ]
    network = spiking_network(build.blueprint(configuration(*way), (1, 28, 28), 10)).train()
    forward = Execution(memory, 1, False).forward(network, range(8))
    logits = forward(images, torch.arange(len(images))).scores
    functional.cross_entropy(logits[-1], torch.arange(len(images)) % 10).backward()
    return torch.cat([parameter.grad.double().flatten() for parameter in network.parameters()])


@fault
@pytest.mark.parametrize(
    ("encoder", "norm", "memory"),
    [
        soak("direct", "batch", "default"),
        ("poisson", "batch", "default"),
        soak("latency", "batch", "default"),
        ("poisson", "batch", "lean"),
        ("poisson", "tdbn", "default"),
        soak("latency", "batch_per_step", "default"),
        ("latency", "bntt", "default"),
    ],
)
def test_one_step_of_a_network_whatever_the_threads(encoder, norm, memory, monkeypatch, happened):
    digits = torch.tensor(load_digits().images[:128, None] / 16, dtype=torch.float32)
    images = functional.interpolate(digits, size=(28, 28), mode="bilinear")
    gradients = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        gradients.append(network_gradient(norm, encoder, images, memory))

    def exact(x, running_mean, running_var, weight, bias, training, momentum, epsilon):
        shift = None if bias is None else bias.double()
        return functional.batch_norm(
            x.double().contiguous(), None, None, weight.double(), shift, True, 0.0, epsilon
        ).to(x.dtype)

    for place in ("layers.batch_norm", "norms.bntt"):
        monkeypatch.setattr(f"snnexp.{place}.batch_norm", exact)
    expected = network_gradient(norm, encoder, images, memory)
    off = max(float((each - expected).norm() / expected.norm()) for each in gradients)
    happened(
        f"B 128, T 8, 28 x 28, {encoder}: the whole gradient is off by {off:.0e} with one "
        "thread and with two"
    )
    assert off < 1e-4  # 1e-6, but for a spike whose potential is the threshold to rounding


@fault
def test_the_last_bits_of_sums_do_not_depend_on_the_threads(happened):
    if compiled.library() is None:
        pytest.skip("the compiled kernel is not there")
    x, found = LAYOUTS["channels_last"](currents(256)), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        norm, seen = (
            BatchNorm(4, 1.0, 0.1, EPSILON),
            x.clone(memory_format=torch.preserve_format).requires_grad_(),
        )
        norm(seen).square().sum().backward()
        found.append(
            [seen.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var]
        )
    happened("one thread and two: equal to the last bit")
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


COMPILED = """
import torch
from snnexp.layers.batch_norm import BatchNorm
x = torch.load("x.pt")
x.requires_grad_()
y = torch.compile(BatchNorm(2, 1.0, 0.1, 1e-5), fullgraph=True)(x)
y.backward(torch.load("g.pt"))
torch.save([y.detach(), x.grad], "found.pt")
"""


@pytest.mark.soak
@pytest.mark.fault("A: batch statistics", "the same, compiled by PyTorch, far from zero")
@pytest.mark.skipif(
    shutil.which("g++") is None and shutil.which("clang++") is None,
    reason="torch.compile needs a C++ compiler on the CPU",
)
def test_what_pytorch_compiles(tmp_path, happened):
    x = LAYOUTS["channels_last"](torch.randint(2, (1280, 2, 28, 28)) + 40.0)
    g = torch.randn(x.shape)
    torch.save(x, tmp_path / "x.pt")
    torch.save(g, tmp_path / "g.pt")
    variables = {**environment(), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    subprocess.run(
        [sys.executable, "-c", COMPILED], cwd=tmp_path, env=variables, check=True, timeout=300
    )
    wanted = reference(x, torch.ones(2), torch.zeros(2), g)
    off = [
        error(found, wanted[key])
        for found, key in zip(torch.load(tmp_path / "found.pt"), ("y", "dx"), strict=True)
    ]
    happened(f"{x.numel() // 2} values a channel, largest error {max(off):.0e}")
    assert list(tmp_path.glob("cache/**/*.so")) and max(off) < 1e-6


def half(rank: int, folder: Path) -> None:
    """A process that has half of the images at every timestep."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2"}
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    x, g = (
        each[:, 64 * rank : 64 * (rank + 1)].clone().requires_grad_()
        for each in torch.load(folder / "given.pt")
    )
    norm = NORMS["batch"]()
    y = norm(x)
    y.backward(g.detach())
    torch.save([y.detach(), x.grad, *norm.buffers()], folder / f"{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.soak  # tests/layers/test_batch_norm.py has a smaller one
@pytest.mark.fault("A: batch statistics", "a layer of B 128, T 8, 28 x 28 in two processes")
def test_two_processes_are_one(tmp_path, happened):
    x = currents(8 * 128).view(8, 128, 4, 28, 28)
    g = torch.randn(x.shape)
    torch.save([x, g], tmp_path / "given.pt")
    multiprocessing.spawn(half, (tmp_path,), nprocs=2)
    (y0, dx0, *kept), (y1, dx1, *same) = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    wanted = reference(x.flatten(0, 1), torch.ones(4), torch.zeros(4), g.flatten(0, 1))
    found = {"y": torch.cat([y0, y1], 1), "dx": torch.cat([dx0, dx1], 1)}
    off = max(error(each.flatten(0, 1), wanted[key]) for key, each in found.items())
    happened(
        f"off by {off:.0e} of the float64 of one process, the kept statistics equal to the last bit"
    )
    assert off < 1e-6 and all(torch.equal(one, two) for one, two in zip(kept, same, strict=True))
