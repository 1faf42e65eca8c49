"""Names that the configuration asks code for: `${snnexp.experiment:}`, `stamp`, `differing`,
`sweep`, `real` and `product`.
"""

import math
import os
import re
from datetime import datetime
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from snnexp.composition import own

LONGEST = 100
"""Letters of a folder's name that say what tells its job from others."""


def register() -> None:
    """Makes the resolvers known to OmegaConf, and options of the user's own to Hydra; may be called
    again.
    """
    own.register()
    OmegaConf.register_new_resolver("snnexp.experiment", _experiment, replace=True)
    # Cached with the configuration, so that all jobs of a sweep get the same folder.
    OmegaConf.register_new_resolver("snnexp.stamp", stamp, use_cache=True, replace=True)
    OmegaConf.register_new_resolver("snnexp.differing", differing, replace=True)
    OmegaConf.register_new_resolver("snnexp.sweep", _sweep, replace=True)
    OmegaConf.register_new_resolver("snnexp.real", _real, replace=True)
    OmegaConf.register_new_resolver("snnexp.product", product, replace=True)


def _experiment(*, _root_: DictConfig) -> str:
    return OmegaConf.select(_root_, "hydra.runtime.choices.experiment") or "train"


def _sweep() -> str | None:
    """The folder of the sweep that the job of this process belongs to."""
    settings = HydraConfig.get() if HydraConfig.initialized() else None
    sweeping = settings is not None and settings.mode == RunMode.MULTIRUN
    return str(settings.sweep.dir) if settings is not None and sweeping else None


def differing(*, _root_: DictConfig) -> str:
    """What tells a job of a sweep from the others, as part of a folder's name with a `_` behind it;
    the seed, which has a part of its own, is left out.
    """
    swept = OmegaConf.select(_root_, "hydra.callbacks.sweep.swept") or []
    given = [each.lstrip("+").partition("=") for each in _root_.hydra.overrides.task]
    parts = [_part(key, value) for key, _, value in given if key in swept and key != "seed"]
    return "".join(f"{part}_" for part in parts)[:LONGEST]


def _part(key: str, value: str) -> str:
    name = key.rpartition(".")[2]
    option = name == key and not re.fullmatch(r"[\d.+-]+(e[\d+-]+)?|true|false", value)
    words = value if option else f"{name}-{value}"
    return re.sub(r"[^A-Za-z0-9.+_-]+", "-", words).strip("-")


def _real(value: Any) -> Any:
    """A whole number as a real one, such as a threshold that is as large as T; what is no number is
    left to the check.
    """
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def product(*factors: Any) -> Any:
    """The product of numbers, such as T = (layers + 1) x window; what is no number is left to the
    check.
    """
    strange = [factor for factor in factors if not _is_number(factor)]
    return strange[0] if strange else math.prod(factors)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def stamp(label: int | str) -> str:
    """A folder name: time, label (a seed becomes `s<seed>`), four random hex digits."""
    label = f"s{label}" if isinstance(label, int) else label
    return f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{label}_{os.urandom(2).hex()}"
