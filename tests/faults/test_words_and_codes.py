"""Odd input to every command: exit codes 2 and 3 where they are right, a sentence, and nothing left
behind.
"""

import itertools
import re

import pytest

from snnexp.cli.codes import BAD_DATA
from snnexp.composition import extent
from snnexp.configuration.check import faults as problems
from snnexp.limits import LARGEST, SMALLEST, computable
from tests.configuration.test_check import faults
from tests.faults.test_configurations import MLP, SMALL, outcome, shorten
from tests.support.command_line import Answer
from tests.support.composed import changed, configuration
from tests.support.options import options
from tests.support.tiny_run import attempted

UNKNOWN, WRONG, MATRIX, CODES, EMPTY = (
    "16: unknown keys",
    "17: wrong values",
    "18: encoders",
    "D: exit codes",
    "D: empty sweeps",
)
KINDS = "D: batches of one"


def sentence(told: Answer, *words: str) -> str:
    """What a refusal says, of which the `words` are part."""
    assert "Traceback" not in told.err + told.out and told.err.startswith(("snnexp: ", "usage: "))
    for each in words:
        assert each in told.err, told.err
    return told.err


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("timestep=3",), ("there is no key 'timestep'; did you mean 'timesteps'?",)),
        (("neuron.leek=3",), ("there is no key 'neuron.leek'; did you mean 'neuron.leak'?",)),
        (("nueron=lif",), ("there is no key 'nueron'; did you mean 'neuron'?",)),
        (("neuron=lff",), ("there is no option 'lff'; did you mean 'lif'?",)),
        (("+unknown=1",), ("unknown: no such key; there are activation, ",)),
        (("+neuron.leek=1",), ("neuron.leek: LIF takes no such argument; did you mean 'leak'?",)),
        (("+experiment=digits_an",), ("did you mean 'digits_ann'?",)),
        (("+stage@strategy.stages.x=bpt",), ("did you mean 'bptt'?",)),
        (
            ("timestep=3", "neuron=lff", "+unknown=1", "batch_size=0"),
            ("4 problems", "timesteps", "lif", "unknown", "batch_size"),
        ),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else None,
)
@pytest.mark.fault(UNKNOWN, "a key, group, option or +key that is not there")
def test_what_is_not_there_is_named_with_the_nearest(snnexp, arguments, words, happened):
    told = snnexp("train", *arguments)
    sentence(told, *words)
    assert told.code == 2 and list(snnexp.folder.iterdir()) == []
    happened(f"exit 2: {told.err.strip().splitlines()[-1].strip()[:90]}")


VALUES = {
    "timesteps": (0, -1, 2.5, "abc", None, True, [1], 2**63, 10**400),
    "batch_size": (0, -3, 1.5, 2**63),
    "seed": (-1, 2**63, 10**20, 1.0, "1"),
    "dataset.split_seed": (-1, 2**63, 0.5),
    "optimizer.lr": (0, -1e-3, 1e38, 1e300, 1e-300, "nan", float("nan"), float("inf")),
    "neuron.threshold": (0, -1, 1e300, 1e-46, float("nan"), float("inf"), None),
    "neuron.leak": (-0.1, 1.1, float("nan"), "half"),
    "dataset.normalisation.std": ([float("nan")], [1e-45], [1e39], 1.0, ["1"]),
    "scheduler.T_max": (-1, 0.5),
    "evaluate.chunk": (0, 10**19),
}


@pytest.mark.parametrize(
    "key, value",
    [(key, value) for key, values in VALUES.items() for value in values],
    ids=lambda each: str(each)[:20],
)
@pytest.mark.fault(
    WRONG, "a value of another type, out of range, not finite, or beyond float32 and int64"
)
def test_a_value_that_cannot_be_is_refused_with_its_range(key, value, happened):
    config = configuration()
    *owners, last = key.split(".")
    holder = config
    for owner in owners:
        holder = holder[owner]
    holder[last] = value
    lines = [line for line in faults(config) if line.startswith(f"{key}: expected ")]
    assert len(lines) == 1 and len(lines[0]) < 500 and ("got " in lines[0])
    happened(lines[0][:100])


@pytest.mark.parametrize(
    "start",
    [("neuron=plif", "neuron.time_constant"), ("synapse=exponential", "synapse.time_constant")],
    ids=str,
)
@pytest.mark.fault(
    WRONG, "time constants at 0, below, below 1 where the form needs that, and not a number"
)
def test_time_constants_have_their_ranges(start, happened):
    option, key = start
    for value in ("0", "-2.0", ".nan", "1e300", "0.5"):
        lines = problems(changed(configuration(), option, f"{key}={value}"))
        assert len(lines) == 1 and lines[0].startswith(f"{key}: expected a number"), (value, lines)
    happened(lines[0])


@pytest.mark.fault(WRONG, "six wrong values in one command")
def test_all_are_said_at_once(snnexp, happened):
    words = (
        "timesteps=0",
        "batch_size=2.5",
        "neuron.threshold=0",
        "optimizer.lr=-1",
        "seed=99999999999999999999",
        "neuron.leak=nan",
    )
    told = snnexp("train", *words)
    keys = {line.split(":")[0].strip() for line in told.err.splitlines()[1:]}
    assert told.code == 2 and keys == {each.partition("=")[0] for each in words}
    assert list(snnexp.folder.iterdir()) == []
    happened("exit 2: six lines, no run folder")


def test_what_float32_holds():
    assert all(map(computable, (0, 0.0, -0.0, SMALLEST, -LARGEST, 1.5, 2**63 - 1, -(2**63), True)))
    assert not any(
        map(
            computable,
            (SMALLEST / 2, LARGEST * 2, float("nan"), float("inf"), -float("inf"), 2**63, 10**400),
        )
    )


# Encoders


STRATEGIES = {
    "ann": (*MLP, "strategy=ann"),
    "bptt": (*MLP, "timesteps=4"),
    "conversion": (
        *MLP,
        "strategy=conversion",
        "neuron=if",
        "neuron.amplitude=threshold",
        "timesteps=8",
    ),
    "hybrid": (*MLP, "strategy=hybrid", "neuron=if", "neuron.amplitude=threshold", "timesteps=8"),
    "few_spikes": ("+experiment=digits_few_spikes", *MLP),
    **{
        name: (*MLP, f"+experiment=digits_{name}")
        for name in ("tandem", "spatial", "low_pass", "spikegrad", "single_spike")
    },
}
TAKEN = {
    "ann": ("count", "dct", "direct", "latency", "poisson"),
    "bptt": ("count", "crossings", "dct", "direct", "latency", "poisson", "scan"),
    # spike_time with a step of its own
    **dict.fromkeys(
        ("tandem", "spatial", "low_pass"),
        ("count", "crossings", "dct", "direct", "poisson", "scan"),
    ),  # latency at its T
    **dict.fromkeys(
        ("conversion", "hybrid"), ("direct", "poisson")
    ),  # dct with thresholds and norms of its own
    "few_spikes": ("direct", "poisson", "switch", "time_to_first_spike"),
    "spikegrad": ("count",),
    "single_spike": ("spike_time",),
}
"""The encoders that a strategy takes, all else being as is usual with it."""


def prepared(*start: str) -> dict:
    config = configuration(*start, *SMALL)
    shorten(config)
    return config


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.fault(MATRIX, "every encoder with every strategy")
def test_a_strategy_takes_its_encoders_and_names_them(strategy, happened):
    config = prepared(*STRATEGIES[strategy])
    found = {
        encoder: problems(changed(config, f"encoder={encoder}")) for encoder in options("encoder")
    }
    assert tuple(encoder for encoder, lines in found.items() if not lines) == TAKEN[strategy]
    for lines in filter(None, found.values()):
        assert any(
            re.search(r"(set|use) (encoder|neuron|threshold)[\w.]*=\w+", line) for line in lines
        ), lines
    happened(f"takes {', '.join(TAKEN[strategy])}; exit 2 with the remedy for the others")


@pytest.mark.soak
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.fault(
    MATRIX, "every encoder with every strategy and every neuron, and a step of those that pass"
)
def test_every_encoder_strategy_and_neuron(strategy, tmp_path, happened):
    config, codes = prepared(*STRATEGIES[strategy]), []
    for number, (encoder, neuron) in enumerate(
        itertools.product(options("encoder"), options("neuron"))
    ):
        chosen = changed(config, f"encoder={encoder}", f"neuron={neuron}")
        lines = problems(chosen)
        codes.append(2 if lines else outcome(chosen, f"{encoder} {neuron}", tmp_path / str(number)))
        assert codes[-1] in (0, 2)
    happened(f"{codes.count(0)} train a step, {codes.count(2)} are refused with their reasons")


# Codes


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (("train", "dataset=null"), 2, "these arguments cannot be composed"),
        (("train", f"seed={'9' * 5000}"), 2, "these arguments cannot be composed"),
        (("train", f"seed={'9' * 400}"), 2, "seed: expected a whole number in [0, 2^63 - 1]"),
        (
            ("train", f"neuron.leak={'[' * 3000}{']' * 3000}"),
            2,
            "brackets within brackets are too deep",
        ),
        (("train", "hydra.run.dir=null"), 2, "hydra.run.dir"),
        (("train", "--resolve"), 2, "--resolve"),
        (("train", "--config-dir", "nowhere"), 2, "nowhere"),
        (("train", "=3"), 2, "a key is missing"),
        (("evaluate", "/dev/null"), 3, "/dev/null/config.yaml: not there"),
        (("evaluate", "nowhere"), 3, "nowhere/config.yaml: not there"),
        (("evaluate", "broken"), 3, "broken/config.yaml: not there"),
        (("compare", "/dev/null", "/dev/zero", "broken"), 3, "/dev/zero: not a regular file"),
        (("table", "1", "--runs", "/dev/null"), 3, "no such folder"),
        (("table", "1", "--runs", "broken"), 3, "no such folder"),
        (("table", "5"), 2, "invalid choice"),
        (
            ("data", "verify", "digits", "dataset.mean=3"),
            2,
            "dataset.normalisation.mean: expected a list of a number, got 3",
        ),
        (("data", "list", "digits", "dataset._target_=os.system"), 2, "'os.system' is not allowed"),
        (("data", "list", "digits", "dataset.split_seed=-1"), 2, "dataset.split_seed: expected"),
        (("data", "list", "digits", "dataset.mean=[0,0]"), 2, "mean=[0.0, 0.0]"),
        (("data", "verify", "mnist", "data_dir=broken"), 3, "broken/MNIST"),
        (("doctor", "x"), 2, "it takes no arguments"),
        (("list", "nueron"), 2, "did you mean 'neuron'?"),
        (("lisst",), 2, "did you mean 'list'?"),
    ],
    ids=lambda each: " ".join(each)[:40] if isinstance(each, tuple) else None,
)
@pytest.mark.fault(CODES, "odd arguments, devices and broken links")
def test_odd_input_has_its_code_and_a_sentence(snnexp, arguments, code, words, happened):
    (snnexp.folder / "broken").symlink_to("nowhere")
    told = snnexp(*arguments)
    assert (
        told.code == code and words in sentence(told)
        if arguments[0] != "data"
        else (told.code, words in told.err) == (code, True)
    ), told
    assert "Traceback" not in told.err and {path.name for path in snnexp.folder.iterdir()} <= {
        "broken",
        "outputs",
    }
    happened(f"exit {told.code}: {told.err.strip().splitlines()[-1][:80]}")


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
@pytest.mark.fault(CODES, "the smallest and the largest seed")
def test_the_ends_of_the_seeds_run(tmp_path, seed, happened):
    _, _, code = attempted(
        tmp_path, *SMALL, "timesteps=1", f"seed={seed}", f"dataset.split_seed={seed}"
    )
    assert code == 0
    happened("exit 0")


@pytest.mark.parametrize(
    "sweep, words",
    [
        ("neuron=glob(zzz*)", "neuron: no option matches glob(zzz*)"),
        ("seed=range(3,3)", "seed: range(3,3) has no values"),
        ("seed=range(3,1)", "seed: range(3,1) has no values"),
        ("seed=glob(*)", "seed: no option matches glob(*)"),
        ("seed=range(0,1e9)", "seed: range(0,1e9) has more than"),
        ("optimizer.lr=range(0,1,0)", "optimizer.lr: range(0,1,0) has more than"),
    ],
)
@pytest.mark.fault(EMPTY, "a sweep over nothing, or without end")
def test_a_sweep_over_nothing_says_so(snnexp, sweep, words, happened):
    told = snnexp("train", "-m", "tracker=none", sweep)
    assert told.code == 2 and words in sentence(told) and list(snnexp.folder.iterdir()) == []
    happened(f"exit 2: {words}")


@pytest.mark.parametrize(
    "sweeps, counts",
    [
        (("seed=range(0,9000)", "batch_size=range(1,9000)"), "9000 of seed x 8999 of batch_size"),
        (
            ("seed=range(0,101)", "timesteps=range(1,51)", "neuron=lif,if"),
            "101 of seed x 50 of timesteps x 2 of neuron",
        ),
        (
            ("seed=range(0,9000)", "+search=long", "hydra.searchpath=[file://conf]"),
            "9000 of seed x 8999 of batch_size",
        ),
    ],
    ids=str,
)
@pytest.mark.fault(EMPTY, "sweeps that are bounded each, and endless together")
def test_a_grid_without_end_says_so(snnexp, sweeps, counts, happened):
    (snnexp.folder / "conf" / "search").mkdir(parents=True)
    (snnexp.folder / "conf" / "search" / "long.yaml").write_text(
        "# @package _global_\nhydra:\n  sweeper:\n    params:\n      batch_size: range(1,9000)\n"
    )
    told = snnexp("train", "-m", "tracker=none", *sweeps)
    assert told.code == 2 and f"more than 10000 combinations ({counts})" in sentence(told)
    assert [path.name for path in snnexp.folder.iterdir()] == ["conf"]
    happened(f"exit 2: more than 10000 combinations ({counts})")


def test_a_grid_has_an_end_and_a_search_another(monkeypatch):
    """What a sweeper chooses from has as many values as it likes."""
    large = ["seed=range(0,101)", "timesteps=range(1,101)"]
    assert extent.out_of_extent(["seed=range(0,100)", "timesteps=range(1,101)"], ["seed=0"]) == []
    assert len(extent.out_of_extent(large, ["seed=0"])) == 1
    monkeypatch.setattr(extent, "GRID", "another.sweeper")
    assert extent.out_of_extent(large, ["seed=0"]) == []


@pytest.mark.fault(KINDS, "one image per batch behind a fully-connected layer with a batch norm")
def test_a_batch_of_one_has_no_variance(happened):
    for norm in ("batch", "batch_per_step", "tdbn", "bntt"):
        (line,) = faults(changed(configuration(*MLP, "batch_size=1"), f"norm={norm}"))
        assert (
            line.startswith("batch_size: ") and "set batch_size=2 (or more), or norm=none" in line
        )
    assert not problems(configuration(*MLP, "batch_size=1", "norm=none"))
    assert not problems(
        configuration("architecture.layers=[4C3]", "batch_size=1")
    )  # a map has values enough
    happened("exit 2: set batch_size=2 (or more), or norm=none")


@pytest.mark.fault(
    KINDS, "data that leave a batch of one: 1 training image, or 1 beyond whole batches"
)
def test_what_is_left_over_is_no_batch_of_one(tmp_path, capsys, happened):
    _, error, code = attempted(
        tmp_path / "lone", *SMALL, *MLP, "timesteps=1", "norm=batch", "dataset.validation=1437"
    )
    assert code == BAD_DATA and "leaves 1 training sample" in str(error)
    _, _, code = attempted(
        tmp_path / "rest", *SMALL, *MLP, "timesteps=1", "norm=batch", "dataset.validation=1405"
    )  # 33 = 2 x 16 + 1
    assert code == 0
    happened("exit 3 for the lone image; the one left over waits for another epoch")


# Secrets


SECRET = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.fault(
    "25: secrets",
    "WANDB_API_KEY and a token in the environment of runs, one that fails and a sweep",
)
def test_a_secret_is_in_no_file(snnexp, happened):
    small = [*SMALL, *MLP, "timesteps=1"]
    secrets = {"WANDB_API_KEY": SECRET, "HF_TOKEN": SECRET[::-1]}
    codes = [snnexp("train", *small, "hydra.run.dir=run", **secrets).code]
    codes.append(
        snnexp(
            "train", *small, "dataset=mnist", "data_dir=nowhere", "hydra.run.dir=failed", **secrets
        ).code
    )
    codes.append(snnexp("train", "-m", *small, "seed=1,2", "hydra.sweep.dir=sweep", **secrets).code)
    told = snnexp(
        "train", "-m", *small, f"+hydra.job.env_set.WANDB_API_KEY={SECRET}", "hydra.sweep.dir=set"
    )
    assert told.code == 2 and "WANDB_API_KEY" in sentence(told) and SECRET not in told.err
    assert codes == [0, 3, 0] and not (snnexp.folder / "set").exists()
    written = [path for path in snnexp.folder.rglob("*") if path.is_file()]
    assert len(written) > 15
    for path in written:
        assert not any(secret.encode() in path.read_bytes() for secret in secrets.values()), path
    happened(
        f"in none of {len(written)} files; one typed as a value for the environment is refused"
    )
