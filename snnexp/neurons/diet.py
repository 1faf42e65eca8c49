"""Leaky integrate-and-fire neuron with a learned threshold and a learned leak."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import at_rest
from snnexp.kernels.scan.dispatch import through
from snnexp.kernels.scan.parameters import ScanParameters
from snnexp.limits import Fraction, Positive
from snnexp.neurons.base import Neuron
from snnexp.neurons.dynamics import Dynamics

SMALLEST_THRESHOLD = 1e-3


class DIET(Neuron):
    """Leaky integrate-and-fire neurons that learn the threshold and the leak they share.

        u = leak v + x / threshold        charge
        s = 1[u - 1 >= 0]                 fire
        v = u - s                         reset

    Potentials are in units of the threshold: with V = threshold v this is V <- leak V + x, s = 1[V
    / threshold >= 1], V <- V - threshold s. The surrogate sees V / threshold - 1, so the threshold
    gets its gradient through the quotient and through the reset, in which s counts as a constant.
    Threshold and leak are one number each for all neurons of a layer. The state is v after the
    reset.

    Source: Rathi & Roy 2021 (survey [70]). Learning neither, the threshold, or both are the rows of
    the paper's ablation.

    Args:
        threshold: potential at which a spike is fired, > 0, in units of the input current; before
            training.
        leak: share of the potential kept from one timestep to the next, in [0, 1]; before training.
        train_threshold: whether the threshold is learned; it stays above 0.001.
        train_leak: whether the leak is learned; it stays in [0, 1].
        initial_potential: potential before the first timestep, in [0, 1], as a fraction of the
            threshold.
        surrogate: u - 1 to spikes, with a slope for the backward pass; its width is in units of the
            threshold.
    """

    undecayed: ClassVar[tuple[str, ...]] = ("threshold", "leak")
    """Parameters that weight decay would pull towards a network that always fires or never
    remembers.
    """

    def __init__(
        self,
        threshold: Positive,
        leak: Fraction,
        train_threshold: bool,
        train_leak: bool,
        initial_potential: Fraction,
        surrogate: nn.Module,
    ):
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(float(threshold)), requires_grad=train_threshold)
        self.leak = nn.Parameter(torch.tensor(float(leak)), requires_grad=train_leak)
        self.register_buffer("initial_potential", torch.tensor(float(initial_potential)))
        self.surrogate = surrogate

    def initial(self, x: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
        return at_rest(x, self.initial_potential)

    def step(
        self, x: Float[Tensor, "B *n"], state: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        # The input takes the state's dtype first: half precision would round the product.
        u = self.leak * state + self.threshold.reciprocal() * x.to(state.dtype)
        s = self.surrogate(u - 1)
        return s, u - s.detach()

    @torch.no_grad()
    def set_threshold(self, value: float, initial_potential: Fraction) -> None:
        """Changes the threshold, and the potential at the start, given as a fraction of the
        threshold.
        """
        self.threshold.fill_(value)
        self.initial_potential.fill_(initial_potential)

    @torch.no_grad()
    def bound(self) -> None:
        """Puts what was learned back into its range, to be called after every step of the
        optimizer.
        """
        self.threshold.clamp_(min=SMALLEST_THRESHOLD)
        self.leak.clamp_(0.0, 1.0)

    def dynamics(self) -> Dynamics:
        """What it does with what it has learned so far, in numbers; in units of its threshold."""
        return Dynamics(
            leak=float(self.leak.detach()),
            gain=1 / float(self.threshold.detach()),
            threshold=1.0,
            reset="soft",
            height=1.0,
            order="fire_after",
            initial_potential=self.initial_potential,
        )

    def scan_parameters(self) -> ScanParameters | None:
        """What a fused scan over time needs; None where the surrogate is not one a kernel knows."""
        if self.surrogate.shape is None:
            return None
        return ScanParameters(
            leak=self.leak,
            gain=self.threshold.reciprocal(),
            threshold=1.0,
            reset="soft",
            detach_reset=True,
            leak_gradient="exact",
            amplitude="unit",
            surrogate=self.surrogate.shape,
            scale=self.surrogate.scale,
            width=self.surrogate.width,
        )

    def through(
        self, x: Float[Tensor, "T B *n"], state: Float[Tensor, "B *n"], count: bool
    ) -> tuple[Float[Tensor, "T B *n"], Float[Tensor, "B *n"], Float[Tensor, "B *n"] | None] | None:
        """All timesteps by a fused scan; None where the surrogate is not one a kernel knows, or a
        compiler traces the loop.
        """
        parameters = None if torch.compiler.is_compiling() else self.scan_parameters()
        return None if parameters is None else through(x, state, parameters, count)
