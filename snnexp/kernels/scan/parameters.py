"""Numbers of an integrate-and-fire neuron whose time loop runs as one operation."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Number = float | Tensor


@dataclass(frozen=True)
class ScanParameters:
    """Everything the fused time loop of an integrate-and-fire neuron depends on beside current and
    state.

        u_t = leak * v_{t-1} + gain * x_t                                   charge
        s_t = 1[u_t - threshold >= 0]                                       fire
        v_t = u_t * (1 - s_t)  (hard)   or   u_t - threshold * s_t  (soft)  reset
        y_t = s_t  (unit)   or   threshold * s_t  (threshold)               emit

    Backward, the step function has the derivative `scale * shape(q)` with `q = (u_t - threshold) /
    width`: rectangle `1[|q| < 1/2]`, triangle `max(0, 1 - |q|)`, sigmoid `4 sig(q) (1 - sig(q))`,
    arctan `1 / (1 + (pi q / 2)^2)`, gaussian `exp(-q^2 / 2)`, exponential `exp(-|q|)`, fast_sigmoid
    `1 / (1 + |q|)^2`, fired `1[q >= 0]`.

    Args:
        leak: share of the membrane kept per step; a 0-dim tensor may require grad.
        gain: factor on the input current; a 0-dim tensor may require grad.
        threshold: firing threshold; a 0-dim tensor may require grad.
        reset: to zero (hard) or by subtraction of the threshold (soft).
        detach_reset: the spike in the reset counts as a constant in the backward pass.
        leak_gradient: `straight_through` lets the leak count as 1 in the backward pass.
        amplitude: height of an emitted spike, one or the threshold.
        surrogate: name of the derivative's shape.
        scale: height of the derivative at the threshold.
        width: unit of the distance to the threshold.
    """

    leak: Number
    gain: Number
    threshold: Number
    reset: Literal["hard", "soft"]
    detach_reset: bool
    leak_gradient: Literal["exact", "straight_through"]
    amplitude: Literal["unit", "threshold"]
    surrogate: str
    scale: float
    width: float


@dataclass(frozen=True)
class Wanted:
    """Which gradients a backward pass is asked for beside that of the current: of the first
    potential; of leak, gain and threshold.
    """

    state: bool
    parameters: bool
