"""Names that the configuration asks code for: `${snnexp.experiment:}`, `stamp`, `real` and
`product`.
"""

import math
import os
from datetime import datetime
from typing import Any

from omegaconf import DictConfig, OmegaConf

from snnexp.composition import own


def register() -> None:
    """Makes the resolvers known to OmegaConf, and options of the user's own to Hydra; may be called
    again.
    """
    own.register()
    OmegaConf.register_new_resolver("snnexp.experiment", _experiment, replace=True)
    # Cached with the configuration, so that all jobs of a sweep get the same folder.
    OmegaConf.register_new_resolver("snnexp.stamp", stamp, use_cache=True, replace=True)
    OmegaConf.register_new_resolver("snnexp.real", _real, replace=True)
    OmegaConf.register_new_resolver("snnexp.product", product, replace=True)


def _experiment(*, _root_: DictConfig) -> str:
    return OmegaConf.select(_root_, "hydra.runtime.choices.experiment") or "train"


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
