"""What an activation function may say of itself."""

import abc
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn


class Activation(nn.Module, abc.ABC):
    """The function of a unit in the analog form. One with an upper bound has it as `clip`."""

    rectifier: ClassVar[bool] = False
    """Whether it is max(0, z) itself, for which one spike can stand exactly."""
    whole: ClassVar[bool] = False
    """Whether its values are whole numbers of spikes, each worth the setting `threshold`."""
    function: ClassVar[str | None] = None
    """Name of the smooth function it is, for which only neurons fitted to it stand, by their
    setting `function`; None for rectifiers of all kinds, for which the others stand."""

    @abc.abstractmethod
    def forward(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """The activation."""
