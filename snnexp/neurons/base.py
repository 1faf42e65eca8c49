"""What every neuron may say of itself."""

import abc
from typing import ClassVar

from snnexp.cell import Cell
from snnexp.neurons.firing import Amplitude


class Neuron(Cell, abc.ABC):
    """A cell from current to spikes, and what it can do beyond `initial` and `step`.

    The check asks a class for these abilities, never for its name. A neuron that states none is
    trained through time as it is. Methods are abilities too, had by whoever defines them:

        set_threshold(value, initial_potential)     conversion sets its threshold, see `Convertible`
        charge(potential)                           each starts from its own, see `Chargeable`
        spikes(y, before)                           how many spikes an output stands for
        spread(value), shift(change), ...           low-pass signals, see `TracedNeuron`
        bound()                                     puts learned values back into their range
        pooling()                                   the neuron in its place behind a pool that fires
        dynamics()                                  what it does in numbers, see `Leaky`; for export
        with_gradient(x, s, across)                 spikes with the gradient of their counts
        solve, factors, slopes, reaches, ...        exact spike times, see `snnexp.timed.neuron`

    So are settings: `leak`, `reset`, `order`, `threshold`, `initial_potential`, `inhibition`,
    `function`, `horizon` and `window` mean the same in whatever neuron has them.
    """

    differentiable: ClassVar[bool] = True
    """Whether a gradient passes through its spikes; False for neurons made for conversion."""
    integrates: ClassVar[bool] = False
    """Whether its potential is the sum of its input minus a threshold per spike, in settings
    `reset=soft`. It then keeps its threshold in `firing` and its potential as its only state."""
    leaks: ClassVar[bool] = False
    """Whether it forgets its input whatever its settings; else a setting `leak` below 1 says so."""
    latches: ClassVar[bool] = False
    """Whether its output stays on after the spike. In the end every neuron with positive input has
    fired, so that only the first spikes of output neurons are right."""
    settles: ClassVar[bool] = False
    """Whether it takes spikes back until it has sent its input in thresholds, rounded."""
    windowed: ClassVar[bool] = False
    """Whether it answers in a window of its own when the window of its inputs is over."""
    keeps_potential: ClassVar[bool] = True
    """Whether its state, or the first of it, is its potential after the reset; False where the
    potential is worked out anew at every timestep."""
    amplitude: ClassVar[Amplitude] = "unit"
    """What a spike carries: 1 (unit), or the threshold. A setting where a neuron can do both."""
