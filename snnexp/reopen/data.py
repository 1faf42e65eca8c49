"""Where the data of a run are now."""

import os

from omegaconf import DictConfig, OmegaConf

from snnexp.reopen.changes import places_of

VARIABLE = "SNNEXP_DATA"


def with_data_here(config: DictConfig) -> DictConfig:
    """The configuration of a run with its data in the folder that the environment names, if it
    names one: that in which they were may be of another machine.
    """
    folder = os.environ.get(VARIABLE)
    for place in places_of("data_dir", config) if folder else ():
        if OmegaConf.select(config, place) is not None:
            OmegaConf.update(config, place, folder)
    return config
