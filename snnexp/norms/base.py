"""What a norm is."""

import abc
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn


class Norm(nn.Module, abc.ABC):
    """From current to current, behind the weights, or from spikes to values behind the neurons. No
    norm at all is an `nn.Identity`.

    Methods are abilities, had by whoever defines them: `affine()` gives scale and shift, by which
    conversion folds the norm into the weights; `again(x)` repeats `forward` for memory=lean;
    `sizes()` gives the mean size of its scales at every timestep, for an early exit.
    Settings mean the same in whatever norm has them: `timesteps` is how many it has statistics
    for, `learn_scale` whether the size of currents is learned, `epsilon` is added to the variance,
    `exit_scale` is the size of scales below which a layer has no more to say.
    """

    per_step: ClassVar[bool] = False
    """Whether every timestep has learned values of its own. An analog network has one timestep."""
    over_batch: ClassVar[bool] = False
    """Whether training takes statistics over the batch, of which one value has none."""
    behind_neurons: ClassVar[bool] = False
    """Whether it takes spikes in place of the current: the spiking form, and no other, puts it
    behind the neurons. It says in `passed` what it sends on, as in layers/dropout.py."""

    @abc.abstractmethod
    def forward(self, x: Float[Tensor, "T B *m"]) -> Float[Tensor, "T B *m"]:
        """The normalised current."""
