"""The configuration space on digits: whatever is composed is refused in words, or it builds and
trains a step to finite numbers.

Drawn are a way of training, options of every group but data sets, architectures and trackers, and
any values at any keys, in range, at edges and beyond. Other data and architectures are looked at
option by option in test_configs.py and test_check.py.
"""

import copy
import math
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import safetensors.torch
import torch
from hypothesis import strategies as st
from omegaconf import OmegaConf

from snnexp.cli.job import attempt
from snnexp.errors import ConfigError
from snnexp.files.documents import read_json
from tests.support.composed import Config, changed, configuration
from tests.support.options import options

SMALL = (
    "tracker=none",
    "device=cpu",
    "progress=plain",
    "epochs=1",
    "batch_size=16",
    "evaluate.images=12",
    "dataset.validation=1405",
)
MLP, CNN = (
    ("architecture=mlp", "architecture.widths=[9]"),
    ("architecture=cnn", "architecture.layers=[3C3, AP2, FC9]"),
)
IF = ("neuron=if", "neuron.amplitude=threshold")
STARTS = [
    (*MLP, "timesteps=2"),
    (*CNN, "timesteps=3"),
    (
        *CNN,
        "timesteps=2",
        "norm=tdbn",
        "encoder=poisson",
        "neuron=plif",
        "synapse=exponential",
        "optimizer=sgd",
        "readout=voting",
    ),
    (
        *MLP,
        "timesteps=4",
        "norm=bntt",
        "encoder=latency",
        "neuron=alpha",
        "loss=mse",
        "scheduler=milestones",
        "readout=rate",
    ),
    (
        *CNN,
        "timesteps=2",
        "norm=batch_per_step",
        "memory=lean",
        "time_segments=2",
        "precision=bfloat16",
    ),
    (*MLP, "strategy=ann"),
    (*CNN, "strategy=conversion", *IF, "timesteps=6", "strategy.stages.convert.samples=10"),
    (
        *MLP,
        "strategy=hybrid",
        *IF,
        "timesteps=6",
        "strategy.stages.convert.samples=10",
        "calibration=light",
    ),
    (
        *MLP,
        "strategy=conversion",
        *IF,
        "timesteps=4",
        "strategy.stages.convert.samples=10",
        "presimulation=residual_potential",
    ),
    *(
        (*MLP, f"+experiment={name}")
        for name in ("digits_tandem", "digits_spatial", "digits_low_pass", "digits_spikegrad")
    ),
    *(
        (*MLP, f"+experiment={name}")
        for name in ("digits_single_spike", "digits_first_spike", "digits_qcfs", "digits_diet")
    ),
    *(
        (f"+experiment={name}",)
        for name in (
            "digits_few_spikes",
            "digits_switch",
            "digits_time_to_first_spike",
            "digits_dct",
        )
    ),
]
"""Configurations that run, one for each way of training and most of the codes."""
LOOSE = (
    "encoder",
    "neuron",
    "synapse",
    "surrogate",
    "norm",
    "readout",
    "activation",
    "loss",
    "optimizer",
    "scheduler",
    "strategy",
)
LOOSE += ("presimulation", "threshold", "calibration", "stage")
"""Groups any option of which is small enough for digits."""
NUMBERS = [
    0,
    1,
    2,
    3,
    -1,
    7,
    0.5,
    1.0,
    0.999999,
    1e-3,
    -0.5,
    1e-38,
    1e-45,
    1e-30,
    1e-8,
    5.0,
    100.0,
    1e6,
    1e18,
    1e30,
    3e38,
    1e39,
    1e300,
]
NUMBERS += [math.nan, math.inf, -math.inf, 2**63, -(2**63), 10**400, 10**5000]
OTHERS: list[Any] = [
    "",
    "abc",
    "010",
    "1:30",
    "${seed}",
    "???",
    "\x1b[2J",
    "\u202e",
    "[red]",
    "None",
    "auto",
    "null",
    "../..",
    "a\0b",
]
OTHERS += [None, True, False, [], [1], [0.5], [-1.0], [None], [[1]], ["a"], [math.nan], [1e-45]]
OTHERS += [{}, {"a": 1}, {1: 2}, {"_target_": "os.system"}, {"_target_": 1}]
HELD = {"tracker", "device", "data_dir", "output_dir", "progress", "compile"}
"""What says where a run is, not what it computes; and what torch.compile translates, which the type
checks of tests, that stand between, do not survive: tests/training/test_compile.py does without
them."""
SECONDS = 120


def shorten(config: Config) -> None:
    """What takes time where it is not drawn: epochs, images, steps of a calibration."""
    short = {"epochs": 1, "samples": 10, "iterations": 3}
    nodes = [config.get("calibration", {}), *config["strategy"]["stages"].values()]
    for node in [*nodes, *(each["calibration"] for each in nodes if "calibration" in each)]:
        node.update({key: value for key, value in short.items() if key in node})


def leaves(branch: Any, prefix: tuple = ()) -> Iterator[tuple]:
    """The path of every value and every mapping."""
    if isinstance(branch, dict):
        for key, value in branch.items():
            yield (*prefix, key)
            yield from leaves(value, (*prefix, key))


POWERS = [10.0**power for power in (-36, -30, -20, -10, -5, -3, -1, 1, 2, 3, 5, 10, 20, 30, 36)]


def around(old: Any) -> list[Any]:
    """Values of the kind of `old`, many of which are in range."""
    if type(old) is float:
        return [old, -old, 0.0, 0.5, 1.0, *(power * (old or 1.0) for power in POWERS)]
    if type(old) is int:
        return [old, 1, 2, 3, 5, 8]
    if type(old) is bool:
        return [not old]
    if isinstance(old, list) and old:
        return [old[:1], old + old[:1], old[::-1], *([each, *old[1:]] for each in around(old[0]))]
    return [old]


@st.composite
def values(draw: st.DrawFn, old: Any) -> Any:
    """Something for the place of `old`: of its kind, at an edge, or of another kind."""
    kind = draw(st.integers(0, 9))
    if kind < 6:
        return draw(st.sampled_from(around(old)))
    return draw(st.sampled_from(NUMBERS if kind < 8 else OTHERS))


def drawn(draw: st.DrawFn) -> tuple[Config, str]:
    """A configuration, and in words how it came about; no strategy, since what composes it may use
    `random`.
    """
    words = list(draw(st.sampled_from(STARTS)))
    said = words.copy()
    config = configuration(*words, *SMALL)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2]))):
        group = draw(st.sampled_from(LOOSE))
        said.append(f"{group}={draw(st.sampled_from(options(group)))}")
        config = changed(config, said[-1])
    shorten(config)
    paths = [path for path in leaves(config) if path[0] not in HELD]
    for path in draw(st.lists(st.sampled_from(paths), max_size=3)):
        said.append(_changed(config, path, draw))
    return config, "  ".join(said)


def _changed(config: Config, path: tuple, draw: st.DrawFn) -> str:
    holder: Any = config
    for key in path[:-1]:
        holder = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(holder, dict) or path[-1] not in holder:
        return ""
    action = draw(st.integers(0, 19))
    if action == 0:
        del holder[path[-1]]
        return f"without {path}"
    if action == 1:
        holder[
            draw(
                st.sampled_from(
                    ["zz", f"{path[-1]}x", "_target_", "_partial_", "_args_", "a.b", 1, ""]
                )
            )
        ] = 1
        return f"beside {path}"
    holder[path[-1]] = copy.deepcopy(draw(values(holder[path[-1]])))
    return (
        f"{'.'.join(map(str, path))}={str(holder[path[-1]])[:60]}"
        if holder[path[-1]] != 10**5000
        else f"{path}=10**5000"
    )


@contextmanager
def in_time() -> Iterator[None]:
    """A run that hangs fails."""

    def stop(number: int, frame: Any) -> None:
        raise TimeoutError(f"still running after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def not_finite(value: Any, path: str = "") -> list[str]:
    """Where a result has NaN or an infinity, or null in its main figures."""
    if isinstance(value, dict):
        return [found for key, each in value.items() for found in not_finite(each, f"{path}.{key}")]
    if isinstance(value, float) and not math.isfinite(value):
        return [path]
    return (
        [path]
        if value is None
        and path.rpartition(".")[2] in ("accuracy", "test_loss")
        and ".reference" not in path
        else []
    )


def outcome(config: Config, said: str, folder: Path) -> int:
    """Runs a configuration; the exit code, after all that must hold whatever it is."""
    with in_time(), torch.random.fork_rng():
        result, error, code = attempt(OmegaConf.create(config), {}, folder)
    assert code in (0, 2, 5), f"{said}\nexit {code}: {type(error).__name__}: {error}"
    if code == 2:
        assert isinstance(error, ConfigError) and "\n" in str(error), said
    if code == 0:
        wrong = not_finite(result.to_json())
        assert not wrong, f"{said}\n{wrong}"
        assert read_json(folder / "result.json") is not None
        weights = safetensors.torch.load_file(folder / "weights.safetensors")
        assert all(
            torch.isfinite(value).all() for value in weights.values() if value.is_floating_point()
        ), f"{said}\nweights"
    return code


def explored(folder: Path, examples: int, **settings: Any) -> dict[int, int]:
    """How often each exit code came about."""
    codes: dict[int, int] = {}
    settings |= {
        "phases": [hypothesis.Phase.generate],
        "suppress_health_check": list(hypothesis.HealthCheck),
    }  # runs take seconds

    @hypothesis.settings(max_examples=examples, deadline=None, database=None, **settings)
    @hypothesis.given(st.data())
    def explore(data: st.DataObject) -> None:
        code = outcome(*drawn(data.draw), folder / str(sum(codes.values())))
        codes[code] = codes.get(code, 0) + 1

    explore()
    return codes


KIND = "D: any configuration"


@pytest.mark.fault(
    KIND,
    (
        "options and values drawn from the configuration space on digits, in range, at edges, "
        "beyond, of wrong types"
    ),
)
def test_a_configuration_is_refused_or_trains_a_step(tmp_path, happened):
    codes = explored(tmp_path, 20, derandomize=True)
    happened(f"exit codes: {codes}")
    assert codes.get(0, 0) >= 3 and codes.get(2, 0) >= 3


@pytest.mark.soak
@pytest.mark.fault(KIND, "the same, as many as SNNEXP_EXAMPLES says (150), drawn anew each time")
def test_many_configurations_are_refused_or_train_a_step(tmp_path, happened):
    codes = explored(tmp_path, int(os.environ.get("SNNEXP_EXAMPLES", "150")))
    happened(f"exit codes: {codes}")


@pytest.mark.parametrize("start", STARTS, ids="  ".join)
@pytest.mark.soak
@pytest.mark.fault(KIND, "nothing: the configurations that are drawn from run as they are")
def test_what_is_drawn_from_runs(tmp_path, start, happened):
    config = configuration(*start, *SMALL)
    shorten(config)
    assert outcome(config, "", tmp_path) == 0
    happened("exit 0, finite")
