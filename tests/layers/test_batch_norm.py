"""Batch normalisation of two processes is that of one."""

import os
from pathlib import Path

import pytest
import torch
from torch import distributed, multiprocessing
from torch.nn import functional

from snnexp.layers.batch_norm import BatchNorm, batch_norm
from snnexp.norms.batch import Batch
from snnexp.norms.batch_per_step import BatchPerStep
from snnexp.norms.bntt import BNTT
from snnexp.norms.tdbn import TdBN

SHARE = {"momentum": 0.1, "epsilon": 1e-5, "features": 3, "dimensions": 2, "branches": 1}
NORMS = {
    "batch": lambda: Batch(**SHARE, scale_spread=0.0, learn_scale=True),
    "tdbn": lambda: TdBN(threshold=0.5, **SHARE, learn_scale=True),
    "batch_per_step": lambda: BatchPerStep(**SHARE),
    "bntt": lambda: BNTT(timesteps=4, exit_scale=None, **SHARE),
}
SPLITS = ((3, 2), (5, 0))
"""Images of process 0 and of process 1."""


def current(dtype=torch.float64):
    torch.manual_seed(0)
    return torch.randn(4, 5, 3, 2, 2, dtype=dtype) + 40  # far from 0: squares would cancel


def measured(name, x, weights):
    """Output, its gradients and the running statistics of a norm in training."""
    torch.manual_seed(1)
    norm = NORMS[name]().double()
    for parameter in norm.parameters():
        torch.nn.init.uniform_(parameter, 0.5, 1.5)
    x = x.clone().requires_grad_()
    y = norm(x)
    (y * weights).sum().backward()
    again = {"again": norm.again(x.detach())} if hasattr(norm, "again") else {}
    parameters = {f"d{key}": value.grad for key, value in norm.named_parameters()}
    return {"y": y.detach(), "dx": x.grad} | again | parameters | dict(norm.named_buffers())


def worker(rank, folder):
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2"}
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    found = {}
    for split in SPLITS:
        x, weights = (
            each.split(split, dim=1)[rank] for each in (current(), current().flip(1).sin())
        )
        found |= {(split, name): measured(name, x, weights) for name in NORMS}
    torch.save(found, folder / f"{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def processes(tmp_path_factory) -> list[dict]:
    """What each of two processes has measured."""
    folder: Path = tmp_path_factory.mktemp("processes")
    multiprocessing.spawn(worker, (folder,), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("split", SPLITS, ids=str)
def test_two_processes_normalise_as_one(processes, name, split):
    one = measured(name, current(), current().flip(1).sin())
    two = [process[split, name] for process in processes]
    assert one["dx"].abs().max() > 1e-3
    for key, expected in one.items():
        if key in ("y", "dx", "again"):
            found = torch.cat([each[key] for each in two], dim=1)
        elif key in dict(NORMS[name]().named_buffers()):
            assert torch.equal(two[0][key], two[1][key])
            found = two[0][key]
        else:  # of the parameters, each process has its share
            found = two[0][key] + two[1][key]
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_one_process_is_torch_in_float64():
    norm, theirs = BatchNorm(3, 1.0, 0.1, 1e-5), torch.nn.BatchNorm2d(3).double()
    x = current(torch.float32)[0]
    torch.testing.assert_close(norm(x), theirs(x.double()).float())
    torch.testing.assert_close(norm.running_var, theirs.running_var.float())
    norm.load_state_dict(theirs.state_dict())  # which counts batches, too
    torch.testing.assert_close(norm.eval()(x), theirs.eval()(x.double()).float())


def test_shared_statistics_of_low_precision_are_taken_in_float32(monkeypatch):
    x = current()[0].to(torch.bfloat16)
    expected = functional.batch_norm(x.float(), None, None, torch.ones(3), None, True)
    monkeypatch.setattr(
        "snnexp.layers.batch_norm.processes", lambda: 2
    )  # of which the other is away
    found = batch_norm(x, None, None, torch.ones(3), None, True, 0.1, 1e-5)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shared_statistics_keep_the_input_alone_for_the_backward_pass(monkeypatch, dtype):
    monkeypatch.setattr("snnexp.layers.batch_norm.processes", lambda: 2)
    x, norm = current()[0].to(dtype).requires_grad_(), BatchNorm(3, 1.0, 0.1, 1e-5)
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: sizes.append(tensor) or tensor, lambda tensor: tensor
    ):
        norm(x)
    assert [tensor.data_ptr() for tensor in sizes if tensor.numel() >= x.numel()] == [x.data_ptr()]


def test_scales_start_at_one_or_spread_about_zero():
    many = SHARE | {"features": 10_000}
    assert Batch(**many, scale_spread=0.0, learn_scale=True).normalise[
        0
    ].weight.unique().tolist() == [1.0]
    torch.manual_seed(0)
    scales = Batch(**many, scale_spread=2.0, learn_scale=True).normalise[0].weight.detach()
    assert abs(float(scales.mean())) < 0.06 and 1.95 < float(scales.std()) < 2.05
