"""Gated leaky integrate-and-fire neuron."""

import math
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import at_rest
from snnexp.limits import Count, Interval
from snnexp.neurons.base import Neuron

Open = Annotated[float, Interval(0.0, 1.0, low_open=True, high_open=True)]
"""What is learned through a sigmoid, which reaches neither end."""


LEARNED = (
    "leak_gate",
    "input_gate",
    "reset_gate",
    "leak",
    "linear_leak",
    "subtraction",
    "threshold",
)
"""Names of the parameters, which are all learned."""


class GLIF(Neuron):
    """Neurons that learn, per channel, between two kinds of leak, of input and of reset.

        u_t = (1 - a (1 - leak)) u_(t-1) (1 - c s_(t-1))      exponential leak, hard reset
              - (1 - a) linear_leak                           linear leak
              + (1 - b (1 - g_t)) x_t                         input, with a weight per timestep
              - (1 - c) subtraction s_(t-1)                   soft reset
        s_t = 1[u_t >= threshold]                             fire

    with gates a, b, c in (0, 1). Gates, leaks, subtraction, threshold and the conductances g_t are
    all learned, as the sigmoid of a number per channel (g_t: per timestep and channel). The state
    is (u, s) of the timestep before and the number of the timestep. No fused scan knows it: a step
    costs several of neuron=lif. Worth choosing where channels are to find their own dynamics.

    Source: Yao 2022 (GLIF), in the form of the authors' public code.

    Args:
        timesteps: number of timesteps T that have a conductance; running longer is an error.
        leak_gate: a before training: 1 leaks by a share, 0 by an amount.
        input_gate: b before training: 1 weights the input by timestep, 0 takes it as it is.
        reset_gate: c before training: 1 resets to zero, 0 by subtraction.
        leak: share of the potential that is kept, before training.
        linear_leak: what is lost per timestep, before training, in units of the input current.
        subtraction: what a spike takes off, before training, in the same unit.
        threshold: potential at which a spike is fired, before training, in the same unit.
        conductance: of every timestep, before training.
        surrogate: potential minus threshold to spikes, with a slope for the backward pass, which
            goes through the reset as well.
    """

    leaks: ClassVar[bool] = True

    def __init__(
        self,
        timesteps: Count,
        leak_gate: Open,
        input_gate: Open,
        reset_gate: Open,
        leak: Open,
        linear_leak: Open,
        subtraction: Open,
        threshold: Open,
        conductance: Open,
        surrogate: nn.Module,
    ):
        super().__init__()
        self.surrogate = surrogate
        values = leak_gate, input_gate, reset_gate, leak, linear_leak, subtraction, threshold
        for name, value in zip(LEARNED, values, strict=True):
            self.register_parameter(name, nn.Parameter(torch.tensor([_logit(value)])))
        self.conductance = nn.Parameter(torch.full((timesteps, 1), _logit(conductance)))

    @torch.no_grad()
    def sized(self, shape: tuple[int, ...]) -> None:
        """Takes the number of channels, or of neurons of a linear layer."""
        for name in LEARNED:
            value = getattr(self, name)
            self.register_parameter(name, nn.Parameter(value.expand(shape[0]).clone()))
        steps = len(self.conductance)
        self.conductance = nn.Parameter(self.conductance.expand(steps, shape[0]).clone())

    def initial(self, x: Float[Tensor, "B *n"]) -> tuple[Tensor, Tensor, int]:
        return at_rest(x), at_rest(x), 0

    def step(
        self, x: Float[Tensor, "B *n"], state: tuple[Tensor, Tensor, int]
    ) -> tuple[Float[Tensor, "B *n"], tuple[Tensor, Tensor, int]]:
        u, s, t = state
        a, b, c, leak, linear_leak, subtraction, threshold = (
            _per_channel(getattr(self, name), u) for name in LEARNED
        )
        g = _per_channel(self._conductance(t), u)
        kept = (1 - a * (1 - leak)) * u * (1 - c * s) - (1 - a) * linear_leak
        u = kept + (1 - b * (1 - g)) * x.to(u.dtype) - (1 - c) * subtraction * s
        s = self.surrogate(u - threshold)
        return s, (u, s, t + 1)

    def _conductance(self, t: int) -> Tensor:
        steps = len(self.conductance)
        if t >= steps:
            raise ValueError(
                f"neuron=glif has conductances for {steps} timesteps and was asked for timestep "
                f"{t + 1}; evaluate at most {steps} timesteps, train with more, or choose "
                "neuron=plif"
            )
        return self.conductance[t]


def _logit(value: float) -> float:
    return math.log(value / (1 - value))


def _per_channel(parameter: Tensor, x: Float[Tensor, "B *n"]) -> Float[Tensor, "c *m"]:
    """The sigmoid in the form that goes with a potential `[B, *n]`."""
    return parameter.to(x.dtype).sigmoid().view(-1, *[1] * (x.dim() - 2))
