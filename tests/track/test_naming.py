"""Under what name, group and tags a run is filed, and who decides."""

import pytest

from snnexp.track.base import Labels
from snnexp.track.naming import differing, ending, fitting, name_of, short, short_value
from snnexp.track.wandb_environment import mode_of, project_of
from snnexp.track.wandb_names import Given, names_of

CONFIG = {
    "timesteps": 4,
    "evaluate": {"timesteps": 4},
    "neuron": {"leak": 0.9, "threshold": 1.0},
    "optimizer": {"lr": 0.1},
    "strategy": {"stages": {"train": {"epochs": 1, "optimizer": {"lr": 0.1}}}},
    "epochs": 1,
}
CHOICES = {"strategy": "bptt", "encoder": "direct", "norm": "none", "tracker": "wandb"}
CHOICES |= {"stage@strategy.stages.train": "bptt", "experiment": "digits_lif"}
STAMP = "2026-11-29_21-59-09_s1_8fb7"


def labels(*overrides: str, sweep: str | None = None, experiment="digits_lif") -> Labels:
    return Labels(experiment, CHOICES | {"experiment": experiment}, ("train",), overrides, sweep)


@pytest.mark.parametrize(
    "overrides, sweep, name",
    [
        ((), None, "digits_lif 8fb7"),
        (("neuron.leak=0.5", "seed=2"), None, "digits_lif leak=0.5 seed=2 8fb7"),
        (("+experiment=digits_lif", "seed=2"), "s", "digits_lif seed=2"),
        (("tracker.mode=online", "seed=1", "~epochs"), "s", "digits_lif seed=1 ~epochs"),
        (("evaluate.timesteps=8",), "s", "digits_lif evaluate.timesteps=8"),
    ],
)
def test_a_name_says_what_differs_from_the_experiment(overrides, sweep, name):
    assert name_of(labels(*overrides, sweep=sweep), CONFIG, STAMP) == name


def test_a_run_without_an_experiment_is_named_too():
    assert name_of(labels(experiment=None), CONFIG, "mine") == "train mine"
    alone = labels("strategy=bptt", sweep="s", experiment=None)
    assert name_of(alone, CONFIG, STAMP) == "strategy=bptt"


def test_keys_are_shortened_as_far_as_they_stay_clear():
    keys = frozenset({"timesteps", "evaluate.timesteps", "optimizer.lr", "epochs", "threshold"})
    keys |= {"strategy.stages.train.optimizer.lr", "strategy.stages.train.epochs"}
    keys |= {"neuron.threshold"}
    assert short("optimizer.lr", keys) == "lr"
    assert short("timesteps", keys) == "timesteps"
    assert short("evaluate.timesteps", keys) == "evaluate.timesteps"
    assert short("neuron.threshold", keys) == "neuron.threshold"
    assert short("strategy.stages.train.epochs", keys) == "train.epochs"
    assert short("strategy.stages.train.optimizer.lr", keys) == "train.optimizer.lr"


@pytest.mark.parametrize(
    "text, short",
    [
        ("0.83749821", "0.8375"),
        ("1.2345678e-4", "0.0001235"),
        ("16", "16"),
        ("'poisson'", "poisson"),
        ("/home/me/outputs/digits_ann/run_1", "digits_ann/run_1"),
        ("[4C3,AP4]", "[4C3,AP4]"),
        ("x" * 40, "x" * 31 + "…"),
    ],
)
def test_values_are_shortened(text, short):
    assert short_value(text) == short


def test_what_is_cut_off_still_tells_runs_apart():
    runs = [[f"architecture.layers={'8C3,' * 20}{number}", "seed=1"] for number in (1, 2)]
    names = [fitting(differing(overrides, ()), overrides) for overrides in runs]
    assert len({*names}) == 2 and names[0].startswith("layers=8C3,") and "seed=1" in names[0]
    long = [f"key{number}={number}" for number in range(40)]
    assert len(fitting(long, long)) == 128


def test_the_end_of_a_folder_name_is_its_digits_or_all_of_it():
    assert ending(STAMP) == "8fb7" and ending("my_run") == "my_run"


# Who decides

NOBODY = Given(None, None, None, None, None, None, None)
VARIABLES = {
    "WANDB_PROJECT": "their project",
    "WANDB_ENTITY": "their team",
    "WANDB_NAME": "their name",
    "WANDB_RUN_GROUP": "their group",
    "WANDB_JOB_TYPE": "their type",
    "WANDB_NOTES": "their notes",
    "WANDB_TAGS": "one, two,",
}
AUTOMATIC = ["strategy:bptt", "encoder:direct", "experiment:digits_lif"]


def test_where_nobody_says_anything_a_run_is_filed_under_what_it_is():
    names = names_of(NOBODY, labels(), "digits_lif 8fb7", {})
    assert names == {
        "project": "snnexp",
        "entity": None,
        "name": "digits_lif 8fb7",
        "group": "digits_lif",
        "job_type": "bptt",
        "notes": None,
        "tags": AUTOMATIC,
    }


def test_the_variables_of_wandb_are_obeyed():
    names = names_of(NOBODY, labels(), "automatic", VARIABLES)
    assert [*names.values()][:-1] == [
        *("their project", "their team", "their name", "their group", "their type", "their notes"),
    ]
    assert names["tags"] == [*AUTOMATIC, "one", "two"]


def test_the_configuration_decides_over_the_variables():
    given = Given("p", "e", "n", "g", ["t"], "", "j")
    names = names_of(given, labels(sweep="s"), "automatic", VARIABLES)
    assert [*names.values()][:-1] == ["p", "e", "n", "g", "j", ""]
    assert names["tags"] == [*AUTOMATIC, "t"]
    assert names_of(NOBODY._replace(tags=[]), labels(), "a", VARIABLES)["tags"] == AUTOMATIC


def test_the_jobs_of_a_sweep_are_a_group_and_one_variable_does_not_name_them_all():
    names = names_of(NOBODY, labels(sweep="my_sweep"), "digits_lif seed=1", {"WANDB_NAME": "mine"})
    assert (names["group"], names["name"]) == ("my_sweep", "mine digits_lif seed=1")
    assert names_of(NOBODY, labels(), "a", {"WANDB_SWEEP_ID": "abc"})["group"] == "abc"


def test_what_is_too_long_for_wandb_is_cut():
    given = NOBODY._replace(name="n" * 200, group="g" * 200, tags=["t" * 200])
    names = names_of(given, labels(), "automatic", {})
    assert (len(names["name"]), len(names["group"])) == (128, 128)
    assert names["tags"][-1] == "t" * 64


@pytest.mark.parametrize(
    "given, variable, mode",
    [
        (None, None, "offline"),
        (None, "disabled", "disabled"),
        (None, "dryrun", "offline"),
        ("online", "disabled", "online"),
    ],
)
def test_the_mode_is_that_of_the_configuration_then_of_the_environment(given, variable, mode):
    assert mode_of(given, {} if variable is None else {"WANDB_MODE": variable}) == mode


def test_the_project_is_that_of_the_configuration_then_of_the_environment():
    assert project_of(None, {}) == "snnexp"
    assert project_of(None, {"WANDB_PROJECT": "theirs"}) == "theirs"
    assert project_of("ours", {"WANDB_PROJECT": "theirs"}) == "ours"
