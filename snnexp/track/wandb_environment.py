"""What W&B sees of the environment, and where it may write."""

import os
from collections.abc import Mapping
from pathlib import Path

SERVER = (
    "WANDB_API_KEY WANDB_BASE_URL WANDB_APP_URL WANDB_CONFIG_DIR WANDB_IDENTITY_TOKEN_FILE "
    "WANDB_CREDENTIALS_FILE WANDB_HTTP_TIMEOUT "
    "WANDB_HTTP_PROXY WANDB_HTTPS_PROXY WANDB_INSECURE_DISABLE_SSL WANDB__EXTRA_HTTP_HEADERS"
).split()
"""Where the server is and who asks: for the mode online only."""

LABELS = ("WANDB_ENTITY", "WANDB_NOTES", "WANDB_USERNAME", "WANDB_USER_EMAIL")
"""What a run may be labelled with beyond what the configuration says."""

AGENT = ("WANDB_SWEEP_ID", "WANDB_SWEEP_PARAM_PATH", "WANDB_RUN_ID", "WANDB_PROJECT")
"""How W&B's agent tells a run of its sweep which it is."""

MODES = {"dryrun": "offline", "run": "online"}
"""Names that modes of W&B had before."""
PROJECT = "snnexp"


def mode_of(given: str | None, around: Mapping[str, str] = os.environ) -> str:
    """How W&B keeps a run: as the configuration says, else as `WANDB_MODE` does, else offline."""
    mode = given or around.get("WANDB_MODE") or "offline"
    return MODES.get(mode, mode)


def project_of(given: str | None, around: Mapping[str, str] = os.environ) -> str:
    """The project: of the configuration, else of `WANDB_PROJECT`, else "snnexp"."""
    return around.get("WANDB_PROJECT") or PROJECT if given is None else given


def environment(mode: str, folder: Path, around: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables for a process that speaks with W&B in `mode`.

    Others of W&B's variables would change what the configuration says (the mode, the id, the
    folder, values of the configuration), and mix runs that are to be told apart. All files go to
    `folder` in the run folder: HOME is only read, and offline not even that.
    """
    kept = {
        *LABELS,
        *(SERVER if mode == "online" else ()),
        *(AGENT if "WANDB_SWEEP_ID" in around else ()),
    }
    theirs = {
        name: value
        for name, value in around.items()
        if not name.startswith("WANDB") or name in kept
    }
    places = {"WANDB_CACHE_DIR": str(folder / "cache"), "WANDB_DATA_DIR": str(folder / "data")}
    places |= {} if mode == "online" else {"WANDB_CONFIG_DIR": str(folder / "config")}
    return {**theirs, **places, "WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}
