"""The same numbers on a CUDA device as on the CPU: noise and spikes to the last bit, gradients to
rounding.
"""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from snnexp.cell import streaming
from snnexp.kernels.scan import torch as fallback
from snnexp.kernels.scan.dispatch import counted, run
from snnexp.layers.lean import Everything, Little
from snnexp.measure.record import recording
from snnexp.network.network import Network
from snnexp.network.parts import keep
from snnexp.network.spiking import spiking_network
from snnexp.noise import sample_keys, uniform
from snnexp.training.segments import segmented
from tests.kernels.test_kernels import PARAMETERS, current, gradients, leaves
from tests.support.augmented import augmentation
from tests.support.command_line import answer, start
from tests.support.networks import Spikes, blueprint, chunks, dyadic, images, keys
from tests.support.options import CONF, options
from tests.support.tiny_run import STRATEGIES, job, records

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
EXACT = {"rtol": 0.0, "atol": 0.0}


def kernel():
    from snnexp.kernels.scan import cuda as triton

    return triton


def on(device: torch.device, *tensors: Tensor) -> list[Tensor]:
    return [tensor.detach().to(device).requires_grad_(tensor.requires_grad) for tensor in tensors]


# ---- the fused time loop


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("surrogate", sorted(fallback.SHAPES))
def test_kernel_equals_the_loop(surrogate, dtype):
    for reset, detach, amplitude, learned, static in product(
        ("hard", "soft"), *[(False, True)] * 4
    ):
        changes = {
            "reset": reset,
            "detach_reset": detach,
            "amplitude": "threshold" if amplitude else "unit",
            "surrogate": surrogate,
        }
        numbers = (
            [torch.tensor(value, device=CUDA, requires_grad=True) for value in (0.6, 0.9, 1.1)]
            if learned
            else []
        )
        p = replace(
            PARAMETERS, **changes, **dict(zip(("leak", "gain", "threshold"), numbers, strict=False))
        )
        x, v = on(CUDA, *leaves(11, 2100))
        x = x.detach().to(dtype).requires_grad_()
        given = x[:1].expand_as(x) if static else x
        got, expected = run(kernel(), given, v, p), run(fallback, given, v, p)
        torch.testing.assert_close(got, expected, **EXACT)
        tolerance = (
            {"rtol": 1e-4, "atol": 5e-3} if dtype == torch.float32 else {"rtol": 2e-2, "atol": 4e-2}
        )
        ours, theirs = (_gradients(each, [x, v, *numbers]) for each in (got, expected))
        torch.testing.assert_close(ours, theirs, **tolerance)


def _gradients(result: tuple[Tensor, Tensor], inputs: list[Tensor]) -> tuple[Tensor, ...]:
    seeds = [
        torch.randn(each.shape, generator=torch.Generator().manual_seed(n)).to(each)
        for n, each in enumerate(result)
    ]
    return torch.autograd.grad(result, inputs, seeds)


@pytest.mark.parametrize(("steps", "size"), [(1, 1), (2, 70_001), (500, 150), (33, 4096)])
def test_kernel_at_any_length(steps, size):
    leak = torch.tensor(0.6, device=CUDA, requires_grad=True)
    p = replace(PARAMETERS, leak=leak)
    x, v = on(CUDA, *leaves(steps, size))
    got, expected = run(kernel(), x, v, p), run(fallback, x, v, p)
    torch.testing.assert_close(got, expected, **EXACT)
    torch.testing.assert_close(
        _gradients(got, [x, v]), _gradients(expected, [x, v]), rtol=1e-4, atol=1e-3
    )
    assert all(map(torch.equal, counted(x, v, p, kernel()), counted(x, v, p, fallback)))


def test_kernel_equals_the_cpu():
    x, v = leaves(9, 3000)
    here, there = run(fallback, x, v, PARAMETERS), run(kernel(), *on(CUDA, x, v), PARAMETERS)
    torch.testing.assert_close([each.cpu() for each in there], list(here), **EXACT)
    x_there, v_there = on(CUDA, x, v)
    ours = torch.autograd.grad(
        run(kernel(), x_there, v_there, PARAMETERS)[0].sum(), [x_there, v_there]
    )
    theirs = torch.autograd.grad(run(fallback, x, v, PARAMETERS)[0].sum(), [x, v])
    torch.testing.assert_close([each.cpu() for each in ours], list(theirs), rtol=1e-4, atol=1e-4)
    assert gradients(*run(fallback, x, v, PARAMETERS), [x])[0].abs().max() > 0


def test_kernel_in_any_layout():
    last = (
        current(8, 6, 5, 3)
        .to(CUDA)
        .contiguous(memory_format=torch.channels_last)
        .unflatten(0, (4, 2))
    )
    v = torch.zeros(2, 6, 5, 3, device=CUDA)
    y, _ = run(kernel(), last, v, PARAMETERS)
    assert y.stride() == last.stride() and torch.equal(
        y, run(fallback, last.contiguous(), v, PARAMETERS)[0]
    )


def test_kernel_beyond_32_bits():
    if torch.cuda.mem_get_info()[0] < 24 * 2**30:
        pytest.skip("needs 24 GiB of free memory")
    x = torch.full((1, 1), 0.75, device=CUDA, dtype=torch.bfloat16).expand(3, 2**30).contiguous()
    y, _, counts = counted(
        x[:, None],
        torch.zeros(1, 2**30, device=CUDA),
        replace(PARAMETERS, leak=1.0, gain=1.0, reset="soft"),
        kernel(),
    )
    assert (
        bool((counts == counts[0, 0]).all())
        and bool((y[:, 0] == y[:, :1, 0]).all())
        and counts[0, 0] == 2
    )


# ---- what is drawn


def test_noise_is_the_same():
    index = torch.arange(50)
    here, there = (
        uniform(sample_keys(3, 2, index.to(device)), 5, (3, 8, 8)) for device in (CPU, CUDA)
    )
    assert torch.equal(here, there.cpu())


@pytest.mark.parametrize("policy", [None, "cifar10"])
def test_augmentation_is_the_same(policy):
    augment = augmentation(
        crop_padding=4, crop_border="zero", flip=True, cutout=4, auto_augment=policy
    )
    pixels, drawn = torch.randint(0, 256, (20, 3, 32, 32), dtype=torch.uint8), keys(20)
    assert torch.equal(augment(pixels, drawn), augment(pixels.to(CUDA), drawn.to(CUDA)).cpu())


# ---- networks


def both(
    network: Network, timesteps: int, count: int = 6
) -> tuple[tuple[Tensor, dict], tuple[Tensor, dict]]:
    """Scores and spikes on the CPU, then on the device."""
    results, x, drawn = [], images(count), keys(count)
    for device in (CPU, CUDA):
        network.to(device)
        spikes = Spikes(network)
        with streaming(network):
            scores = torch.cat(
                [
                    network(x.to(device), steps, drawn.to(device)).scores
                    for steps in chunks(timesteps, 3)
                ]
            )
        results.append((scores.cpu(), {name: each.cpu() for name, each in spikes.taken().items()}))
    return tuple(results)


@pytest.mark.parametrize(
    "encoder",
    [
        name
        for name in options("encoder")
        if name
        not in ("spike_time", "dct", "switch", "time_to_first_spike", "first_event", "frames")
    ],
)
def test_spikes_are_the_same_with_every_encoder(encoder):
    network = dyadic(spiking_network(blueprint(encoder=encoder)))
    (here, spikes_here), (there, spikes_there) = both(network, 8)
    torch.testing.assert_close(there, here, **EXACT)
    assert all(spikes_there[name].equal(each) for name, each in spikes_here.items())
    assert any(each.any() for each in spikes_here.values())


@pytest.mark.parametrize(
    "neuron",
    [
        name
        for name in options("neuron")
        if name in ("if", "lif", "plif", "burst", "signed", "diet", "stdb", "lateral_lif")
    ],
)
@pytest.mark.parametrize("synapse", options("synapse"))
def test_spikes_are_the_same_with_every_neuron(neuron, synapse):
    network = dyadic(spiking_network(blueprint(neuron=neuron, synapse=synapse)))
    (here, spikes_here), (there, spikes_there) = both(network, 6)
    share = sum(
        float((spikes_there[name] != each).float().mean()) for name, each in spikes_here.items()
    )
    # Powers of e are rounded in other ways on the device, so that a neuron at its threshold may
    # fall on the other side of it.
    assert share <= (0.0 if synapse == "instantaneous" and neuron == "if" else 2e-3)
    assert any(each.any() for each in spikes_here.values())
    torch.testing.assert_close(there, here, rtol=1e-4, atol=0.05)


def test_counts_are_the_same():
    network, tallies = dyadic(spiking_network(blueprint())), []
    for device in (CPU, CUDA):
        network.to(device)
        with recording(network) as tally, streaming(network):
            for steps in chunks(8, 3):
                network(images(6).to(device), steps, keys(6).to(device))
        tallies.append(tally)
    here, there = tallies
    assert float(here.ac) == float(there.ac) > 0 and float(here.mac) == float(there.mac) > 0
    for name, layer in here.layers.items():
        assert int(layer.spikes) == int(there.layers[name].spikes)


def _trained(network: Network, device: torch.device, lean: bool, segments: int) -> list[Tensor]:
    network = network.to(device).train()
    keep(network, Little() if lean else Everything())
    x, drawn, labels = (
        images(6).double().to(device),
        keys(6).to(device),
        (torch.arange(6) % 10).to(device),
    )
    steps = range(8)
    scores = (
        network(x, steps, drawn).scores
        if segments == 1
        else segmented(network, x, steps, drawn, segments).scores
    )
    loss = functional.cross_entropy(scores[-1], labels)
    return [each.cpu() for each in torch.autograd.grad(loss, list(network.parameters()))]


@pytest.mark.parametrize(("lean", "segments"), [(False, 1), (True, 1), (False, 3)])
@pytest.mark.parametrize("architecture", ["cnn", "resnet20"])
def test_gradients_are_the_same_in_double_precision(architecture, lean, segments):
    torch.manual_seed(0)
    made = blueprint(
        norm="batch",
        architecture="cnn" if architecture == "cnn" else ("resnet20", {}),
        neuron=("lif", {"threshold": 0.3}),
    )
    network = spiking_network(made).double()
    state = {name: value.clone() for name, value in network.state_dict().items()}
    expected = _trained(network, CPU, False, 1)
    network.load_state_dict(state)
    got = _trained(network, CUDA, lean, segments)
    torch.testing.assert_close(got, expected, rtol=1e-7, atol=1e-9)


# ---- whole runs


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_runs_come_to_the_same(strategy, tmp_path):
    here, there = (
        job(tmp_path / name, f"strategy={strategy}", f"device={name}", *STRATEGIES[strategy])
        for name in ("cpu", "cuda")
    )
    assert abs(here["accuracy"] - there["accuracy"]) <= 3.0
    for first, second in zip(records(tmp_path / "cpu"), records(tmp_path / "cuda"), strict=True):
        assert second["train/loss"] == pytest.approx(first["train/loss"], rel=0.05)
    assert there["device"] == torch.cuda.get_device_name() and there["peak_memory_bytes"] > 0


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_run_repeats_itself(precision, tmp_path):
    words = ("strategy=bptt", "device=cuda", f"precision={precision}", "architecture.dropout=0.2")
    first, second = (job(tmp_path / name, *words) for name in ("first", "second"))
    assert first["accuracy"] == second["accuracy"]
    assert records(tmp_path / "first") == records(tmp_path / "second")


DIGITS = sorted(path.stem for path in (CONF / "experiment").glob("digits_*.yaml"))


@pytest.mark.parametrize("experiment", DIGITS)
def test_experiments_on_digits(experiment, tmp_path):
    here, there = (_accuracy(experiment, device, tmp_path / device) for device in ("cpu", "cuda"))
    assert abs(here - there) <= 4.0


def _accuracy(experiment: str, device: str, folder: Path) -> float:
    folder.mkdir()
    words = (
        "train",
        f"+experiment={experiment}",
        f"device={device}",
        "tracker=none",
        "progress=plain",
        f"output_dir={folder}",
    )
    done = answer(start(*words, folder=folder))
    assert done.code == 0, done.err
    return json.loads(next(folder.rglob("result.json")).read_text())["accuracy"]
