"""Runs and sweeps tracked by W&B, as a user has them: where files go, under which id, what a killed
run leaves, names that W&B refuses.
"""

import signal
from pathlib import Path

import pytest

from snnexp.cli.sweep import ONE_RUN
from snnexp.configuration.rules import tracker as tracker_rule
from snnexp.configuration.rules.tracker import fault_of, tracker_takes_the_names
from snnexp.track.wandb_environment import environment as seen
from tests.support.command_line import answer, start
from tests.support.wandb_records import below, eventually, exit_codes, goes_on, kept, told

TINY = (
    "dataset.validation=1300",
    "epochs=2",
    "progress=plain",
    "architecture=mlp",
    "architecture.widths=[8]",
    "timesteps=1",
    "evaluate.images=20",
)


@pytest.mark.fault("B: tracker", "HOME cannot be written, and nothing may be written beside it")
def test_everything_is_in_the_run_folder(snnexp, tmp_path, happened):
    folders = dict.fromkeys(
        ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(tmp_path / "home")
    )
    said = snnexp("train", *TINY, "hydra.run.dir=run", HOME="/dev/null/nowhere", **folders)
    warnings = [
        line for line in said.err.splitlines() if "warning" in line and "undecided" not in line
    ]
    assert said.code == 0 and warnings == [], said
    assert exit_codes(kept(tmp_path / "run")) == [0]
    assert [each.name for each in tmp_path.iterdir()] == ["run"]
    happened("the record in the run folder is whole, and nothing is anywhere else")


@pytest.mark.soak
@pytest.mark.fault("13: multirun with tracker", "ids and more in the environment, and job 0 fails")
def test_every_job_of_a_sweep_is_a_run_of_its_own(snnexp, tmp_path, happened):
    (tmp_path / "more.yaml").write_text("seed: {value: 99}\n")
    variables = {
        "WANDB_RUN_ID": "one",
        "WANDB_RESUME": "must",
        "WANDB_CONFIG_PATHS": str(tmp_path / "more.yaml"),
        "WANDB_MODE": "disabled",
    }
    words = ("data_dir=nowhere", "dataset=mnist,digits", "hydra.sweep.dir=sweep")
    words += ("tracker.mode=offline",)
    said = snnexp("train", "-m", *TINY, *words, **variables)
    assert said.code == 1 and "WANDB_RUN_ID, WANDB_RESUME left aside" in said.err, said
    jobs = [kept(tmp_path / "sweep" / name) for name in ("0_mnist_s1", "1_digits_s1")]
    (failed, good) = (job["run"][0] for job in jobs)
    assert len({failed["run_id"], good["run_id"], "one"}) == 3
    settings = [
        (run["config"]["update"]["dataset"], run["config"]["update"]["seed"])
        for run in (failed, good)
    ]
    assert settings == [("mnist", 1), ("digits", 1)]
    assert [exit_codes(job) for job in jobs] == [[1], [0]]
    assert [told(job) for job in jobs] == [[], [("train", 1), ("train", 2), ("train", 2)]]
    happened("2 runs under 2 ids of their own, each with its own configuration and end")


@pytest.mark.fault(
    "soak: a killed run leaves a process behind", "kill -9 in the middle of a tracked run"
)
def test_a_killed_run_leaves_its_record_closed_and_no_process(tmp_path, happened):
    process = start("train", *TINY, "epochs=1000", "hydra.run.dir=run", folder=tmp_path)
    metrics = tmp_path / "run" / "metrics.jsonl"
    assert eventually(lambda: any("wandb-core" in each for each in below(process.pid).values()))
    before = metrics.read_text().count("\n") if metrics.exists() else 0
    assert eventually(lambda: metrics.exists() and metrics.read_text().count("\n") >= before + 3)
    children = below(process.pid)
    process.kill()
    process.communicate()
    assert len(children) == 2 and eventually(lambda: not any(map(goes_on, children)))
    lines = metrics.read_text().count("\n")
    record = kept(tmp_path / "run")
    assert exit_codes(record) == [1] and lines - 1 <= len(told(record)) <= lines
    happened(
        f"the record holds all {lines} epochs and is closed as failed; its two processes are gone"
    )


@pytest.mark.soak
@pytest.mark.fault("B: tracker", "SIGTERM in the middle of a tracked run")
def test_a_stopped_run_leaves_its_record_closed_and_no_process(tmp_path, happened):
    process = start("train", *TINY, "epochs=1000", "hydra.run.dir=run", folder=tmp_path)
    assert eventually(lambda: any("wandb-core" in each for each in below(process.pid).values()))
    children = below(process.pid)
    process.send_signal(signal.SIGTERM)
    assert answer(process).code == 143 and not any(map(goes_on, children))
    assert exit_codes(kept(tmp_path / "run")) == [1]
    happened("the record is closed as failed; no process is left")


# Names


REFUSED = ["a\nb", "team/vision", "a\\b", "a#b", "a?b", "a%b", "a:b", "x" * 129, " ", "a ", ""]


def said_of(monkeypatch, project="snnexp", entity=None, **variables) -> list[str]:
    for name in ("WANDB_ENTITY", "WANDB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    node = {
        "_target_": "snnexp.track.wandb.WandbTracker",
        "mode": "offline",
        "project": project,
        "entity": entity,
    }
    return list(tracker_takes_the_names({"tracker": node}))


@pytest.mark.fault("B: tracker", "names that W&B refuses for project and entity")
def test_a_name_that_wandb_refuses_is_found_before_the_run(snnexp, tmp_path, happened):
    said = snnexp(
        "train",
        *TINY,
        "tracker.project=team/vision",
        "tracker.entity='my team:'",
        "hydra.run.dir=run",
    )
    assert (
        said.code == 2
        and "tracker.project: 'team/vision' contains /; W&B takes 1 to 128 characters" in said.err
    ), said
    assert (
        "tracker.entity: 'my team:' contains :; W&B takes 1 to 128 characters without any of "
        "/ \\ # ? % :"
    ) in said.err, said
    assert not list(tmp_path.iterdir())
    happened("exit 2 with the rule for names; no folder is made")


@pytest.mark.parametrize("name", REFUSED)
def test_names_are_held_to_one_rule_wherever_they_come_from(monkeypatch, name):
    for place, said in (
        ("tracker.project", said_of(monkeypatch, project=name)),
        ("tracker.entity", said_of(monkeypatch, entity=name)),
        ("WANDB_ENTITY", said_of(monkeypatch, WANDB_ENTITY=name)),
        ("WANDB_RUN_ID", said_of(monkeypatch, WANDB_RUN_ID=name)),
    ):
        assert (
            len(said) == 1
            and said[0].startswith(f"{place}: ")
            and "W&B takes 1 to 128 characters" in said[0]
        )
    assert not said_of(monkeypatch, WANDB_ENTITY="team", WANDB_RUN_ID="my run-1")
    assert not said_of(monkeypatch, entity="team", WANDB_ENTITY=name)


def test_what_is_taken_here_is_taken_by_wandb():
    """And what is refused by it is refused here; ends and emptiness of a project are left to the
    server by it.
    """
    import wandb

    for name in ["snnexp", "SNN experiments, 2nd", "é", "a.b-c_d", "x" * 128, *REFUSED[1:8]]:
        assert (fault_of(name, tracker_rule.REFUSED) is None) == _takes(
            lambda name=name: wandb.Settings(project=name)
        ), name
    for name in [
        "abc",
        "my-run_1",
        "a b",
        *(f"a{character}" for character in ":;,#?/'"),
        " ",
        "a ",
        "",
    ]:
        assert (fault_of(name, tracker_rule.REFUSED_IN_ID) is None) == _takes(
            lambda name=name: wandb.Settings(run_id=name)
        ), name


def _takes(settings) -> bool:
    try:
        settings()
    except Exception:
        return False
    return True


# What W&B sees of the environment


def test_of_the_environment_wandb_sees_where_the_server_is_and_no_more():
    around = {
        "PATH": "p",
        "WANDB_API_KEY": "k",
        "WANDB_BASE_URL": "u",
        "WANDB_MODE": "disabled",
        "WANDB_RUN_ID": "i",
        "WANDB_NOTES": "n",
    }
    around |= {
        "WANDB_SERVICE": "s",
        "WANDB_CONFIG_PATHS": "c",
        "WANDB_RESUME_FROM": "r",
        "WANDB_DIR": "d",
        "WANDB_CACHE_DIR": "/home",
    }
    online, offline = (seen(mode, Path("/run/wandb"), around) for mode in ("online", "offline"))
    places = {"WANDB_CACHE_DIR": "/run/wandb/cache", "WANDB_DATA_DIR": "/run/wandb/data"}
    quiet = {"WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}
    assert online == {
        "PATH": "p",
        "WANDB_API_KEY": "k",
        "WANDB_BASE_URL": "u",
        "WANDB_NOTES": "n",
        **places,
        **quiet,
    }
    assert offline == {
        "PATH": "p",
        "WANDB_NOTES": "n",
        "WANDB_CONFIG_DIR": "/run/wandb/config",
        **places,
        **quiet,
    }
    agent = {"WANDB_SWEEP_ID": "s", "WANDB_RUN_ID": "i", "WANDB_PROJECT": "p"}
    assert agent.items() <= seen("online", Path("/run/wandb"), {**around, **agent}).items()
    assert {"WANDB_RUN_ID", "WANDB_SWEEP_ID"} <= set(ONE_RUN)
