"""What a training pass is said to need, what it needs, and what happens where there is less."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from snnexp.cell import streaming
from snnexp.cli.job import resolved
from snnexp.composition.compose import composed
from snnexp.datasets.batches import Batch
from snnexp.losses.reading import Reading
from snnexp.measure.evaluator import in_evaluation
from snnexp.network.spiking import spiking_network
from snnexp.run import prepare
from snnexp.track.muted import Muted
from snnexp.training import memory, shortage
from snnexp.training.memory import estimate, needed_bytes
from snnexp.training.outlook import Outlook, Task
from snnexp.training.rehearsal import needed_to_evaluate
from snnexp.training.shortage import in_gigabytes
from tests.support.command_line import environment
from tests.support.networks import reading
from tests.support.tiny_run import NETWORK, TINY

linux = pytest.mark.skipif(
    not Path("/proc/self/status").exists(),
    reason="the memory of a process is read from Linux's /proc",
)

MEASURED = """
import json, os, sys
from pathlib import Path
from snnexp.composition.compose import composed
from snnexp.cli.job import resolved
from snnexp.network.spiking import spiking_network
from snnexp.run import prepare
from snnexp.training.memory import estimate

def highest():
    return 1024 * int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])

def measured(overrides):
    config = resolved(composed([*sys.argv[1:], *overrides]))
    session = prepare(config, None)
    network, steps = spiking_network(session.blueprint), range(config["timesteps"])
    said = estimate(session.execution, network, steps, session.train, session.precision)
    before = highest()
    forward = session.execution.forward(network, steps).train()
    batch = next(iter(session.train.epoch(1, shuffle=True)))
    forward(batch.input, batch.keys).scores.square().sum().backward()
    return said, highest() - before

# Each in a process of its own, which begins with the same memory.
for overrides in ([], ["memory=lean"], ["time_segments=4"]):
    out, into = os.pipe()
    if os.fork() == 0:
        os.write(into, json.dumps(measured(overrides)).encode())
        os._exit(0)
    os.close(into)
    print(os.read(out, 1000).decode(), flush=True)
"""


@pytest.mark.soak
@linux
def test_the_estimate_is_near_the_truth(tmp_path):
    settings = [
        "device=cpu",
        "architecture.layers=[32C3,32C3,AP2]",
        "timesteps=16",
        "batch_size=256",
    ]
    command = [sys.executable, "-c", MEASURED, *settings]
    # Without it glibc keeps what was freed for later, and the process is larger than what it holds.
    variables = {**environment(), "MALLOC_MMAP_THRESHOLD_": "65536"}
    told = subprocess.run(
        command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=600
    )
    assert told.returncode == 0, told.stderr
    figures = [json.loads(line) for line in told.stdout.splitlines()]
    assert len(figures) == 3
    for said, needed in figures:
        assert 0.6 < said / needed < 1.6, figures
    default, lean, segments = (said for said, _ in figures)
    assert lean < default and segments < 0.6 * default


class Takes(nn.Module):
    """Holds a million bytes whatever the batch, and three times takes eight thousand per sample and
    lets go of them.
    """

    def forward(self, images: torch.Tensor, keys: torch.Tensor) -> Reading:
        fixed = torch.ones(250_000)
        for _ in range(3):
            torch.ones(len(keys), 1000) + 1
        return reading(fixed[None, None, :10])


class Learns(nn.Module):
    """The exponential of a million bytes of weights: their gradient is as large, and the result is
    kept for it.
    """

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(250_000))

    def forward(self, images: torch.Tensor, keys: torch.Tensor) -> Reading:
        return reading(self.weight.exp()[None, None])


def batch(count: int) -> Batch:
    return Batch(
        torch.zeros(count, 1, 2, 2), torch.zeros(count, dtype=torch.int64), torch.arange(count)
    )


def test_what_is_held_at_one_time_is_counted():
    assert needed_bytes(Takes(), batch(10), torch.float32) == pytest.approx(
        1_000_000 + 10 * 8_000, rel=1e-3
    )
    assert needed_bytes(Learns(), batch(10), torch.float32) == pytest.approx(2_000_000, rel=1e-3)


@pytest.mark.slow
def test_the_memory_of_an_evaluation_is_counted_and_said(monkeypatch):
    config = resolved(composed(["architecture.layers=[16C3,AP2]", "device=cpu"]))
    session = prepare(config, None)
    network = spiking_network(session.blueprint)
    said = needed_to_evaluate(network, session.test, 250, 8, torch.float32)
    with memory.Allocations() as allocations, torch.no_grad():
        whole = session.test.sample(250)
        with in_evaluation(network), streaming(network):
            network(whole.input, range(8), whole.keys)
    assert said == pytest.approx(allocations.most, rel=0.05)
    told: list[str] = []
    screen = Muted()
    monkeypatch.setattr(Muted, "say", lambda self, line: told.append(line))
    task = Task("convert", "spiking", lambda blueprint: network, 0, 100, 0)
    outlook = Outlook([task], screen, torch.device("cpu"))
    outlook.begin(session.blueprint, session.test, 250, 8, torch.float32)
    assert outlook.evaluating == said
    expected = in_gigabytes(outlook.resident + said)
    assert f"memory about {expected}" in told[0]


def test_what_does_not_grow_with_the_batch_is_counted_once():
    assert memory.extrapolated_bytes(Takes(), batch(4), 1000, torch.float32) == pytest.approx(
        9_000_000, rel=1e-3
    )
    assert memory.extrapolated_bytes(Takes(), batch(1), 1, torch.float32) == pytest.approx(
        1_008_000, rel=1e-3
    )


@pytest.mark.slow
def test_a_process_needs_memory_for_its_part_of_the_batch(monkeypatch):
    from snnexp.cli.job import resolved
    from snnexp.composition.compose import composed
    from snnexp.run import prepare

    session = prepare(resolved(composed([*TINY, *NETWORK, "batch_size=1000"])), None)
    network = spiking_network(session.blueprint)

    def said() -> int:
        return estimate(session.execution, network, range(3), session.train, session.precision)

    alone = said()
    monkeypatch.setattr(memory, "processes", lambda: 4)
    assert 0.25 * alone < said() < 0.35 * alone
    sizes, needed = [], memory.needed_bytes
    monkeypatch.setattr(
        memory, "needed_bytes", lambda *each: sizes.append(len(each[1].labels)) or needed(*each)
    )
    session.train.batch_size = 8  # two for each of four processes
    said()
    assert sizes == [2]  # and no more, where a step may just fit


LIMITED = """
import resource, sys
from pathlib import Path
import snnexp.run
from snnexp.cli.main import main

now = 1024 * int(Path("/proc/self/status").read_text().partition("VmSize:")[2].split()[0])
resource.setrlimit(resource.RLIMIT_AS, (now + 500_000_000,) * 2)
main()
"""


@pytest.mark.slow
@linux
def test_a_run_that_is_out_of_memory_says_what_would_need_less(tmp_path):
    big = ["architecture.layers=[32C3,32C3,AP2]", "timesteps=64", "batch_size=1437"]
    words = [
        "train",
        "tracker=none",
        "device=cpu",
        "progress=plain",
        "epochs=1",
        *big,
        "hydra.run.dir=run",
    ]
    told = subprocess.run(
        [sys.executable, "-c", LIMITED, *words],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert told.returncode == 4, told.stderr
    assert (
        "out of memory with T = 64 and batches of 1437; a training step needs about" in told.stderr
    )
    assert float(re.search(r"about ([\d.]+) GB", told.stderr)[1]) > 2
    for knob in (
        "batch_size",
        "memory=lean",
        "time_segments=auto",
        "precision=bfloat16",
        "timesteps",
    ):
        assert knob in told.stderr
    facts = json.loads((tmp_path / "run" / "status.json").read_text())
    assert (facts["status"], facts["exit_code"]) == ("failed", 4)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("can't allocate memory: no"),
    ],
)
def test_every_kind_of_shortage_is_known(error):
    told = shortage.explained(8, 3_000_000_000, 64, error)
    assert "T = 8 and batches of 64; a training step needs about 3 GB" in str(told)


def test_other_errors_are_passed_on():
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    assert shortage.explained(8, 3, 64, error) is error


def test_files_in_memory_are_free(monkeypatch):
    told = "MemTotal: 100 kB\nMemFree:  3 kB\nMemAvailable:   40 kB\nCached: 37 kB\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: told)
    assert shortage.available(torch.device("cpu")) == 40 * 1024


@pytest.mark.parametrize(("free", "warned"), [(5, True), (50, False), (None, False)])
def test_a_shortage_is_foreseen(monkeypatch, caplog, free, warned):
    monkeypatch.setattr(shortage, "available", lambda device: free)
    shortage.warn_if_short(10, torch.device("cpu"))
    assert ("are free" in caplog.text) == warned
