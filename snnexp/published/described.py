"""`config.json` of a published network: what programs that look for one find in it."""

from typing import Any

import snnexp
from snnexp.published.source import Source

MODEL_TYPE = "snnexp"


def described(source: Source) -> dict[str, Any]:
    """What the network is, with the whole configuration; names as the Hub has them where it has
    any.
    """
    result, last = source.result, source.result.last
    return {
        "model_type": MODEL_TYPE,
        "snnexp_version": snnexp.__version__,
        "trained_with": result.versions,
        "experiment": last.experiment,
        "form": last.form,
        "timesteps": last.timesteps,
        "id2label": {str(place): name for place, name in enumerate(result.classes or [])},
        "requires": list(source.packages),
        "config_hash": result.config_hash,
        "git_commit": result.git_commit,
        "weights_sha256": result.weights_sha256,
        "configuration": source.config,
    }
