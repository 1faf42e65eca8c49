"""Gradients of weights less their mean over the inputs of a neuron."""

from jaxtyping import Float
from torch import Tensor


def centralized(weight: Float[Tensor, "O *n"]) -> Float[Tensor, "O *n"]:
    """The weights as they are, with the gradient g_ji - mean_i g_ji: plain gradient descent leaves
    the sum of a neuron's weights alone.

    A spike that comes too early asks less of every input that made it, so that the plain gradient
    points along the sum first of all. An optimizer that brings each weight's step to the same
    length, such as Adam, then changes the sum by lr N for N inputs, and layers with many of them
    fall silent or fire as one. With centred gradients its steps hardly agree in sign, and the sum
    changes by a part of that.

    Source: gradient centralization, Yong et al. 2020, beyond the survey.
    """
    mean = weight.mean(tuple(range(1, weight.dim())), keepdim=True)
    return weight - (mean - mean.detach())
