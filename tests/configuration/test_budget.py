"""What a run was given less than its experiment asks for."""

import pytest

from snnexp.configuration.budget import shortfall
from snnexp.results.share import as_fields
from tests.support.composed import changed, configuration


def reduced(start: tuple[str, ...], *changes: str) -> dict[str, tuple]:
    intended = configuration(*start)
    told = as_fields(shortfall(changed(intended, *changes), intended))
    assert told["reduced"] == list(told["full_budget"]) == list(told["given_budget"])
    return {
        name: (told["given_budget"][name], told["full_budget"][name]) for name in told["reduced"]
    }


TRAIN, TUNE = "strategy.stages.train", "strategy.stages.finetune"
HYBRID = ("strategy=hybrid", "neuron=if")


@pytest.mark.slow
@pytest.mark.parametrize(
    "start, changes, found",
    [
        ((), (), {}),
        ((), (f"{TRAIN}.epochs=30", "evaluate.timesteps=9", "epochs=30"), {}),  # more
        ((), (f"{TRAIN}.epochs=19",), {"epochs": (19, 20)}),
        ((), ("evaluate.timesteps=3", f"{TRAIN}.timesteps=3"), {"timesteps": (3, 4)}),
        ((), (f"{TRAIN}.timesteps=3",), {"train.timesteps": (3, 4)}),
        ((), ("dataset.validation=5",), {"dataset.validation": (5, 0)}),
        ((), ("evaluate.images=5",), {"evaluate.images": (5, None)}),
        (("evaluate.images=9",), ("evaluate.images=5",), {"evaluate.images": (5, 9)}),
        (("evaluate.images=9",), ("evaluate.images=null",), {}),
        (HYBRID, (f"{TUNE}.epochs=1",), {"finetune.epochs": (1, 5)}),
        (HYBRID, ("strategy.stages.convert.samples=9",), {"convert.samples": (9, 1000)}),
        (
            (*HYBRID, "threshold=snn_max", "threshold.timesteps=99"),
            ("threshold.timesteps=9",),
            {"threshold.timesteps": (9, 99)},
        ),
        ((*HYBRID, "threshold=snn_max"), ("threshold=ann_max",), {}),
        (
            HYBRID,
            ("strategy=ann",),
            {"pretrain.epochs": (0, 20), "finetune.epochs": (0, 5), "finetune.timesteps": (0, 4)},
        ),
    ],
)
def test_what_is_less_is_named(start, changes, found):
    assert reduced(start, *changes) == found


def test_a_run_without_an_experiment_has_nothing_to_fall_short_of():
    assert shortfall(configuration(), None) == []
    assert as_fields([]) == {"reduced": [], "given_budget": {}, "full_budget": {}}
