"""A change given to `evaluate` takes effect or is refused with the reason: the stored weights
override none in silence.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from omegaconf import OmegaConf

from snnexp.cli.evaluate import evaluate
from snnexp.configuration.build import locate
from snnexp.configuration.check import faults
from snnexp.datasets.base import DataError
from snnexp.errors import ConfigError
from snnexp.reopen.changes import changed
from snnexp.reopen.effects import effective
from snnexp.reopen.opened import Reopened, opened
from snnexp.report.comparison import flat
from snnexp.runs.kept import Settled, carried_over
from tests.support.marks import case, soak
from tests.support.tiny_run import job

SMALL = ["epochs=1", "evaluate.images=40", "dataset.validation=1137"]
SMALL += ["architecture=mlp", "architecture.widths=[12]"]
KINDS = {
    "lif": [],
    "plif": ["neuron=plif", "norm=none"],
    "conversion": ["strategy=conversion", "neuron=if", "neuron.amplitude=threshold", "timesteps=8"],
    "qcfs": ["strategy=ann", "activation=qcfs"],
    "tandem": ["+experiment=digits_tandem"],
    "single spike": ["+experiment=digits_single_spike"],
}
WHERE = {"device", "data_dir", "dataset.data_dir", "evaluate.chunk", "evaluate.batch_size"}
"""Where and how it is evaluated: taken, and the numbers stay."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Any:
    """Finished runs by kind, made when they are asked for."""
    made: dict[str, Path] = {}

    def run(kind: str) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp("kinds") / kind.replace(" ", "_")
            job(made[kind], *KINDS[kind], *(SMALL if kind != "single spike" else SMALL[:3]))
        return made[kind]

    return run


def stored(folder: Path) -> dict[str, Any]:
    return OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))


TAKEN = {
    "lif": [
        "neuron.threshold=3.0",
        "neuron.leak=0.1",
        "neuron.reset=soft",
        "timesteps=5",
        "encoder=poisson",
        "readout=rate",
        "synapse=exponential",
    ],
    "plif": ["neuron.threshold=3.0", "neuron.initial_potential=0.9"],
    "conversion": ["timesteps=5", "presimulation=residual_potential", "dataset.mean=[0.3]"],
    "qcfs": ["strategy.stages.train.activation.levels=2", "dataset.std=[0.7]"],
    "single spike": ["strategy.stages.train.form.bits=2", "timesteps=16"],
}
SETTLED = {
    "lif": ["neuron=plif", "norm=none", "architecture.widths=[13]"],
    "plif": ["neuron.time_constant=9.0"],
    "conversion": ["neuron.threshold=2.0", "neuron.initial_potential=0.3", "norm.epsilon=0.1"],
    "qcfs": ["strategy.stages.train.activation.clip=3.0"],
    "tandem": ["norm=none"],
}
IDLE = {
    "lif": [
        "surrogate=sigmoid",
        "neuron.detach_reset=false",
        "optimizer.lr=0.5",
        "batch_size=7",
        "selection=best_test",
        "norm.momentum=0.3",
        "seed=8",
    ],
    "conversion": [
        "threshold.percentile=90.0",
        "strategy.stages.convert.threshold.percentile=90.0",
        "strategy.stages.convert.scale=0.5",
    ],
    "qcfs": ["timesteps=7", "neuron.threshold=2.0", "activation.levels=2", "encoder=poisson"],
    "tandem": ["strategy.stages.train.saturation=lower", "scheduler=constant"],
    "single spike": ["strategy.stages.train.redraw=0.5", "precision=bfloat16"],
}

AGAIN = {
    *("neuron.detach_reset=false", "batch_size=7", "selection=best_test", "norm.momentum=0.3"),
    *("strategy.stages.convert.threshold.percentile=90.0", "encoder=poisson"),
    *("neuron.initial_potential=0.3", "norm.epsilon=0.1", "scheduler=constant"),
}
"""Refused as those beside them are."""


def each(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(kind, change) for kind, changes in table.items() for change in changes]


def figures(folder: Path) -> dict[str, Any]:
    newest = max((folder / "evaluations").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    found = json.loads(newest.read_text())
    return {
        key: found.get(key)
        for key in (
            "accuracy_by_timestep",
            "test_loss",
            "spikes_per_inference",
            "operations",
            "resolution",
        )
    }


@pytest.mark.fault("A: evaluate takes changes", "changes that have a meaning without training")
@pytest.mark.parametrize("kind, change", each(TAKEN))
def test_a_change_takes_effect(kind, change, runs, happened):
    folder = runs(kind)
    if not (folder / "evaluations").exists():
        assert evaluate([str(folder)]) == 0
        (folder / "base.json").write_text(json.dumps(figures(folder)))
    assert evaluate([str(folder), change]) == 0
    assert figures(folder) != json.loads((folder / "base.json").read_text())
    happened("exit 0, other figures")


@pytest.mark.fault(
    "A: evaluate takes changes", "changes that stored weights override, or that nothing asks for"
)
@pytest.mark.parametrize(
    "kind, change",
    [(soak if pair[1] in AGAIN else case)(*pair) for pair in [*each(SETTLED), *each(IDLE)]],
)
def test_a_change_that_cannot_take_effect_is_refused(kind, change, runs, capsys, happened):
    folder = runs(kind)
    before = [*(folder / "evaluations").iterdir()] if (folder / "evaluations").exists() else []
    assert evaluate([str(folder), change]) == 2
    said = capsys.readouterr().err
    reason = (
        "has been learned, or set by a stage"
        if change in SETTLED.get(kind, [])
        else "has no effect on an evaluation"
    )
    told_by_a_rule = f"{change.partition('=')[0]}: " in said and (
        "would not count" in said or "spike times need float32" in said
    )
    assert (f"{change}: " in said and reason in said) or told_by_a_rule
    assert before == (
        [*(folder / "evaluations").iterdir()] if (folder / "evaluations").exists() else []
    )
    happened(f"exit 2: {reason}")


def test_of_several_changes_the_idle_one_is_named(runs, capsys):
    assert (
        evaluate([str(runs("lif")), "timesteps=5", "optimizer.lr=0.5", "neuron.threshold=2.0"]) == 2
    )
    said = capsys.readouterr().err
    assert "1 problem in the changes" in said and "optimizer.lr=0.5: has no effect" in said
    assert "the run has it as strategy.stages.train.optimizer.lr" in said


def test_changes_that_need_one_another_are_taken_and_the_same_again_is_no_change(runs):
    assert evaluate([str(runs("lif")), "encoder=poisson", "encoder.rate_scale=2.0"]) == 0
    assert evaluate([str(runs("lif")), "timesteps=3", "optimizer.lr=0.01"]) == 0


ZERO, ONE, TWO = torch.zeros(2), torch.ones(2), torch.full((2,), 2.0)


@pytest.mark.parametrize(
    "saved, before, after, learned, expected",
    [
        (
            {"a": TWO},
            {"a": ONE},
            {"a": ONE},
            {"a"},
            {"a": TWO},
        ),  # learned, and the change does not bear on it
        ({"a": ONE}, {"a": ONE}, {"a": TWO}, set(), {"a": TWO}),  # as configured: follows
        ({"a": ZERO}, {"a": ONE}, {"a": TWO}, set(), "a"),  # set by a stage
        ({"a": ONE}, {"a": ONE}, {}, set(), {}),  # goes with what had it
        ({"a": TWO}, {"a": ONE}, {}, set(), "a"),
        ({}, {}, {"b": ONE}, set(), {"b": ONE}),  # a new one that is only configured
        ({}, {}, {"b": ONE}, {"b"}, "b"),  # a new one that would have to be learned
        ({"bias": TWO}, {}, {}, set(), {"bias": TWO}),  # added by a calibration
        (
            {"a": torch.zeros(3)},
            {"a": ONE},
            {"a": ONE},
            set(),
            {"a": torch.zeros(3)},
        ),  # one number became one per neuron
        ({"a": torch.zeros(3)}, {"a": ONE}, {"a": TWO}, set(), "a"),
    ],
)
def test_what_becomes_of_a_tensor(saved, before, after, learned, expected):
    if isinstance(expected, str):
        with pytest.raises(Settled, match=f"^{expected} has been learned, or set by a stage"):
            carried_over(saved, before, after, learned)
        return
    found = carried_over(saved, before, after, learned)
    assert found.keys() == expected.keys() and all(
        torch.equal(found[name], expected[name]) for name in found
    )


# Every key of every kind, against what evaluations measure


def hints(node: dict[str, Any]) -> dict[str, Any]:
    if "_target_" not in node:
        return {}
    made = locate(node["_target_"])
    return get_type_hints(made.__init__ if isinstance(made, type) else made, include_extras=True)


def others(config: dict[str, Any], key: str) -> Iterator[Any]:
    """Values of the kind that a key has, other than its own."""
    node, value = config, config
    for part in key.split("."):
        node, value = value, value[part]
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (
            each
            for each in (value + 1, value * 2, value / 2, value / 2 + 0.3, 0.5)
            if each != value
        )
    elif isinstance(value, str):
        hint = hints(node).get(key.rpartition(".")[2])
        hint = Literal["float32", "bfloat16"] if key == "precision" else hint
        yield from (
            option
            for option in (get_args(hint) if get_origin(hint) is Literal else ())
            if option != value
        )
    elif isinstance(value, list) and value and all(isinstance(item, int | float) for item in value):
        yield [item + 1 for item in value]


def set_to(config: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(config)
    node: Mapping[str, Any] = config
    *path, last = key.split(".")
    for part in path:
        node = node[part]
    node[last] = value
    return config


def measured(reopened: Reopened) -> tuple:
    found = reopened.session.evaluator(reopened.network, reopened.session.test, count=True)
    return (
        found.accuracy_by_timestep,
        found.loss,
        found.tally.spikes_per_inference(),
        found.tally.ac,
        found.tally.mac,
        found.shown,
    )


@pytest.mark.soak
@pytest.mark.fault(
    "A: evaluate takes changes", "every key of a run, one by one, with another value"
)
@pytest.mark.parametrize("kind", KINDS)
def test_every_key_takes_effect_or_is_refused(kind, runs, happened):
    folder = runs(kind)
    trained, path = stored(folder), folder / "weights.safetensors"
    base = measured(opened(trained, trained, path))
    taken, refused, wrong = [], [], []
    for key in (
        key
        for key in flat(trained)
        if "_target_" not in key and not key.startswith(("reference", "tracker", "checkpoint"))
    ):
        config = next(
            (
                each
                for value in others(trained, key)
                if not faults(each := set_to(trained, key, value))
            ),
            None,
        )
        if config is None:
            continue
        under = lambda some, config=config: config if some else trained  # noqa: E731
        try:
            reopened = effective(path, trained, config, [key], under)
            taken.append(key)
            if key not in WHERE and measured(reopened) == base:
                wrong.append(f"{key} was taken, and changes nothing")
        except (ConfigError, DataError) as error:
            refused.append(key)
            if "no effect" in str(error) and measured(opened(config, trained, path)) != base:
                wrong.append(f"{key} was refused, and would change what is measured")
    assert not wrong and len(taken) >= 3 and len(refused) >= 15, wrong
    happened(
        f"{len(taken)} keys taken, {len(refused)} refused; evaluations measure the same of them"
    )


def test_changed_says_what_is_wrong_before_anything_is_built(runs):
    with pytest.raises(ConfigError, match="no such key"):
        changed(OmegaConf.create(stored(runs("lif"))), ["neuron.leek=1"])
