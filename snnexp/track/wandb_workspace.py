"""A script that lays out the runs of a W&B project: as a saved view, or as a report."""

from collections.abc import Iterator
from importlib.resources import files

import yaml

from snnexp.track.wandb_environment import PROJECT

SCRIPT = '''\
"""Lays out the runs of `snnexp` in a W&B project.

    pip install wandb-workspaces
    python workspace.py ENTITY [PROJECT]               # a saved view of the workspace
    python workspace.py ENTITY [PROJECT] --report      # the same panels as a draft of a report
"""

import argparse

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

PRETRAINING = {pretraining}
TRAINING = {training}
"""Stages of strategies; the metrics of each stand under its name, against epochs of its own."""


def curves(title, stages, metric):
    names = "|".join(stages)
    return wr.LinePlot(title=title, x="stage_epoch", metric_regex=f"({{names}})/{{metric}}")


def bar(title, metric):
    return wr.BarPlot(title=title, metrics=[wr.SummaryMetric(metric)])


def against(title, metric):
    x, y = wr.SummaryMetric(metric), wr.SummaryMetric("accuracy")
    return wr.ScatterPlot(title=title, x=x, y=y)


SECTIONS = {{
    "Results": [
        bar("test accuracy, %", "accuracy"),
        bar("T", "timesteps"),
        bar("spikes per neuron and image", "spikes_per_neuron"),
        bar("energy per image, J", "energy_joule"),
        against("accuracy against spikes per neuron", "spikes_per_neuron"),
        against("accuracy against energy, J", "energy_joule"),
    ],
    "Training": [
        curves("test accuracy, %", TRAINING, "test/accuracy"),
        curves("training loss", TRAINING, "train/loss"),
        curves("test accuracy of pretraining, %", PRETRAINING, "test/accuracy"),
        curves("training loss of pretraining", PRETRAINING, "train/loss"),
    ],
    "Tables": [
        wr.WeavePanelSummaryTable(table_name="tables/accuracy_by_timestep"),
        wr.WeavePanelSummaryTable(table_name="tables/layers"),
        wr.WeavePanelSummaryTable(table_name="tables/stages"),
        wr.WeavePanelSummaryTable(table_name="tables/energies"),
        wr.WeavePanelSummaryTable(table_name="tables/exits"),
    ],
    "Configuration": [wr.RunComparer(diff_only="split")],
}}


def workspace(entity, project):
    sections = [
        ws.Section(name=name, panels=panels, is_open=True) for name, panels in SECTIONS.items()
    ]
    grouped = ws.RunsetSettings(groupby=[ws.Metric("Group"), ws.Config("strategy")])
    return ws.Workspace(
        entity=entity,
        project=project,
        name="snnexp",
        sections=sections,
        runset_settings=grouped,
    )


def report(entity, project):
    blocks = []
    for name, panels in SECTIONS.items():
        runs = wr.Runset(entity=entity, project=project)
        blocks += [wr.H2(name), wr.PanelGrid(runsets=[runs], panels=panels)]
    return wr.Report(entity=entity, project=project, title="snnexp", blocks=blocks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("entity")
    parser.add_argument("project", nargs="?", default={project!r})
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    page = (report if given.report else workspace)(given.entity, given.project)
    page.save()
    print(page.url)


if __name__ == "__main__":
    main()
'''


def workspace_script() -> str:
    """The script, with the stages of all strategies that come with this package."""
    first = ("pretrain",)
    return SCRIPT.format(
        pretraining=[*first],
        training=sorted({*_stages()} - {*first}),
        project=PROJECT,
    )


def _stages() -> Iterator[str]:
    for path in (files("snnexp.conf") / "strategy").iterdir():
        if path.name.endswith(".yaml"):
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
            for default in found.get("defaults", []):
                for key in default if isinstance(default, dict) else ():
                    yield from [key.partition("@stages.")[2]] if key.startswith("/stage@") else []
