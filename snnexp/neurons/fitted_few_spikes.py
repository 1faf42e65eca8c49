"""Few-spikes neuron for smooth activations."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Fraction
from snnexp.neurons.few_spikes_coefficients import COEFFICIENTS
from snnexp.neurons.windowed import Window, Windowed

Function = Literal["silu", "sigmoid"]


def steps(function: Function) -> int:
    """In how many steps a function is sent."""
    return len(COEFFICIENTS[function][0])


class FittedFewSpikes(Windowed):
    """Sends a smooth function of its value by a threshold, a reset and a weight of its own for
    every step.

        V = m                                    charge, m the mean current of the window before
        z = 1[V >= T_k],  k = 0..K-1          fire, and not in the steps of the window that are left
        V <- V - h_k z                           reset, after the spike
        y = N d_k z                              emit, so that the mean of a window is sum_k d_k z_k

    The coefficients are data, made by scripts/fit_few_spikes.py in this very order; a fit that
    takes h off before the spike of the next step must have its h moved by one. They fix the range
    of inputs too: silu (swish) on [-8, 12] in K = 16 steps, sigmoid on [-10, 10] in 12.

    Source: Stockl & Maass 2021 (survey [33]).

    Args:
        function: activation that the neuron stands for, which must be that of the analog network.
        window: timesteps N of a window, >= K.

    Raises:
        ValueError: the window is too short for the function.
    """

    thresholds: Float[Tensor, "N"]
    resets: Float[Tensor, "N"]
    weights: Float[Tensor, "N"]

    def __init__(self, function: Function, window: Window):
        super().__init__(window)
        self.steps = steps(function)
        if window < self.steps:
            raise ValueError(
                f"neuron.window: {function} is sent in {self.steps} steps, got {window}; set "
                f"neuron.window={self.steps}"
            )
        for name, values in zip(
            ("thresholds", "resets", "weights"), COEFFICIENTS[function], strict=True
        ):
            self.register_buffer(name, torch.tensor(values), persistent=False)

    def receive(self, value: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
        return value

    def send(
        self, k: int, memory: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        if k >= self.steps:
            return torch.zeros_like(memory), memory
        z = (memory >= self.thresholds[k]).to(memory.dtype)
        return self.window * self.weights[k] * z, memory - self.resets[k] * z

    def set_threshold(self, value: float, initial_potential: Fraction) -> None:
        """Nothing: the fit has a range of its own, and values are sent as they are."""
