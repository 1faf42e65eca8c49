"""`snnexp wandb`: files for W&B, on stdout. Nothing here imports torch."""

import sys

from snnexp.errors import ConfigError
from snnexp.files.visible import visible

HELP = """usage: snnexp wandb sweep [+search=NAME] [key=a,b,...] [key=value]
       snnexp wandb workspace

  sweep      the file for `wandb sweep`: what `snnexp train -m` with the same words would sweep
             over, for W&B's agents; intervals are searched, lists are run in every combination
  workspace  a script that lays out the runs of a project: panels for accuracy, T, spikes and
             energy, curves by stage, tables; a saved view, or a report with --report

examples:
  snnexp wandb sweep +search=surrogate > sweep.yaml && wandb sweep sweep.yaml
  snnexp wandb sweep strategy=bptt,hybrid seed=1,2,3 epochs=10 > sweep.yaml
  snnexp wandb workspace > workspace.py && python workspace.py ENTITY PROJECT
"""


def wandb(arguments: list[str]) -> int:
    """Prints the file that the first argument names, and returns the exit code."""
    name, *more = arguments or ["--help"]
    if name in ("-h", "--help") or "--help" in more or "-h" in more:
        print(HELP, end="")
        return 0
    if name == "sweep":
        return _sweep(more)
    if name == "workspace" and not more:
        from snnexp.track.wandb_workspace import workspace_script

        print(workspace_script(), end="")
        return 0
    words = "nothing behind it" if name == "workspace" else "sweep or workspace"
    return _refuse(f"wandb {' '.join(arguments)}: expected {words} (snnexp wandb --help)")


def _sweep(arguments: list[str]) -> int:
    import yaml

    from snnexp.composition.explain import MISTAKES
    from snnexp.jobs.mistakes import not_composable, told
    from snnexp.track.wandb_sweep import HEAD, spelled_out, sweep_file

    overrides = [each for each in arguments if each not in ("-m", "--multirun")]
    try:
        overrides = spelled_out(overrides)
        wrong = not_composable([each for each in overrides if not each.startswith("hydra.sweeper")])
        if wrong:
            return _refuse(wrong)
        found = sweep_file(overrides)
    except ConfigError as error:
        return _refuse(str(error))
    except MISTAKES as error:
        return _refuse(told(error, overrides))
    print(HEAD + yaml.safe_dump(found, sort_keys=False), end="")
    return 0


def _refuse(message: str) -> int:
    print(visible(f"snnexp: {message}"), file=sys.stderr)
    return 2
