"""Weights & Biases as a mirror of the run folder."""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from snnexp.limits import Positive
from snnexp.track.base import Labels, Tracker

AGAINST_EPOCH = ("train/*", "validation/*", "test/*", "spikes/*", "operations/*", "conversion/*", "learning_rate", "spikes_per_neuron")
LONGEST_TAG = 64
logger = logging.getLogger(__name__)


class WandbTracker(Tracker):
    """Mirrors a run to Weights & Biases, one W&B run per job; neither command line, host name nor secrets are stored.

    A run that is resumed goes on under its W&B id: offline, all it has recorded is told again, and the folder of the attempt before is
    taken away, since two of one id cannot both be synchronised.

    The metrics go against `epoch`, which counts on through the stages of a run; `stage_epoch` starts again with each stage.

    Args:
        mode: "offline" keeps files in the run folder, for `wandb sync`; "online" needs an account and falls back to offline.
        project: name of the W&B project.
        entity: user or team that owns it, null for the default one.
        start_timeout: longest wait for the server at the start, in seconds.
        finish_timeout: longest wait for the last upload, in seconds.
    """

    def __init__(
        self,
        mode: Literal["offline", "online", "disabled"],
        project: str,
        entity: str | None,
        start_timeout: Positive,
        finish_timeout: Positive,
    ):
        self.mode = mode
        self.project = project
        self.entity = entity
        self.start_timeout = start_timeout
        self.finish_timeout = finish_timeout
        self.run: Any = None
        self.stage, self.before, self.epoch = None, 0, 0

    def start(self, run_dir: Path, config: dict[str, Any], labels: Labels) -> None:
        """Opens a W&B run; an unreachable server is waited for briefly, then the run is kept offline."""
        try:
            self.run = self._open(self.mode, run_dir, config, labels)
            if self.mode == "online":
                logger.info("W&B run %s", self.run.url)
        except Exception as error:
            if self.mode != "online":
                raise
            reason = str(error).partition("\n")[0]
            logger.warning("W&B cannot be reached (%s): this run is kept offline, `wandb sync` can send it later", reason)
            self.run = self._open("offline", run_dir, config, labels)
        self._describe()

    def log(self, record: dict[str, Any]) -> None:
        """One W&B step; what is None has no point to draw."""
        known = {key: value for key, value in record.items() if value is not None}
        self.run.log({**known, **self._epochs(record)})

    def result(self, result: dict[str, Any]) -> None:
        """The scalars as summary, and accuracy against timestep as table and line."""
        scalars = {key: value for key, value in result.items() if isinstance(value, int | float | str)}
        stages = {f"stages/{name}/accuracy": block["accuracy"] for name, block in (result.get("stages") or {}).items()}
        self.run.summary.update({**scalars, **stages})
        self._plot(result.get("accuracy_by_timestep") or [])

    def finish(self, exit_code: int) -> None:
        """Closes the W&B run, which exit code 0 marks as finished and any other as failed."""
        if self.run is not None:
            run, self.run = self.run, None
            run.finish(exit_code=exit_code)

    def _open(self, mode: str, run_dir: Path, config: dict[str, Any], labels: Labels) -> Any:
        import wandb  # half a second, and a run without it must start

        wandb.setup(wandb.Settings(silent=True))  # or the login asks the server for the user's name, however long that takes
        if mode == "online" and not wandb.login(prompt=False, verify=False):
            raise ConnectionError("no API key: `wandb login` stores one")
        earlier = _folders(run_dir)
        known = earlier[-1].name.rpartition("-")[2] if earlier else None
        run = wandb.init(
            mode=mode,
            dir=str(run_dir),
            id=known,
            resume="allow" if known and mode == "online" else None,
            project=self.project,
            entity=self.entity,
            group=labels.group,
            job_type=labels.stages[-1],
            name=f"{labels.group} {run_dir.name}",
            tags=[tag[:LONGEST_TAG] for tag in labels.tags],
            config={**flat(config), **labels.choices},
            reinit="create_new",  # a run that crashed without an end would otherwise swallow the next one
            settings=wandb.Settings(**self._settings()),
        )
        if len(_folders(run_dir)) > len(earlier):
            for folder in (each for each in earlier if each.name.endswith(f"-{known}")):
                shutil.rmtree(folder, ignore_errors=True)
        return run

    def _settings(self) -> dict[str, Any]:
        waits = {"init_timeout": self.start_timeout, "finish_timeout": self.finish_timeout, "x_disable_viewer": True}
        # The metadata hold the command line with all that was typed on it; an empty host keeps the real one out.
        private = {"x_disable_meta": True, "host": "", "disable_git": True, "disable_code": True, "console": "off"}
        return {**waits, **private, "x_save_requirements": False, "x_disable_stats": True, "silent": True}

    def _describe(self) -> None:
        self.run.define_metric("epoch")
        for metric in AGAINST_EPOCH:
            self.run.define_metric(metric, step_metric="epoch")

    def _epochs(self, record: dict[str, Any]) -> dict[str, int]:
        if record.get("stage") != self.stage:
            self.stage, self.before = record.get("stage"), self.epoch
        stage_epoch = record.get("epoch", self.epoch - self.before)
        self.epoch = self.before + stage_epoch
        return {"epoch": self.epoch, "stage_epoch": stage_epoch}

    def _plot(self, accuracies: list[float]) -> None:
        if not accuracies:
            return
        import wandb

        rows = [[step, accuracy] for step, accuracy in enumerate(accuracies, start=1) if accuracy is not None]
        table = wandb.Table(columns=["timestep", "accuracy"], data=rows)
        plot = wandb.plot.line(table, "timestep", "accuracy", title="test accuracy against timestep")
        self.run.log({"test/accuracy_by_timestep": table, "test/accuracy_by_timestep_plot": plot, "epoch": self.epoch})


def _folders(run_dir: Path) -> list[Path]:
    """What attempts at the run have left of W&B, oldest first."""
    return sorted((run_dir / "wandb").glob("*run-*-*"), key=lambda folder: folder.name.partition("run-")[2])


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under the dotted keys of the command line: `{"neuron": {"leak": 0.9}}` becomes `{"neuron.leak": 0.9}`."""
    settings: dict[str, Any] = {}
    for key, value in config.items():
        settings |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) and value else {f"{prefix}{key}": value}
    return settings
