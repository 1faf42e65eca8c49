"""The promises of every group that has some."""

from collections.abc import Callable

from snnexp.contracts import (
    architectures,
    encoders,
    losses,
    neurons,
    norms,
    optimizers,
    readouts,
    schedulers,
    surrogates,
    synapses,
)
from snnexp.contracts.drives import Build

Promise = Callable[[Build], None]
PROMISES: dict[str, tuple[Promise, ...]] = {
    "architecture": architectures.PROMISES,
    "encoder": encoders.PROMISES,
    "loss": losses.PROMISES,
    "neuron": neurons.PROMISES,
    "norm": norms.PROMISES,
    "optimizer": optimizers.PROMISES,
    "readout": readouts.PROMISES,
    "scheduler": schedulers.PROMISES,
    "surrogate": surrogates.PROMISES,
    "synapse": synapses.PROMISES,
}
"""By group. Each is a function that raises `AssertionError` where it is not kept."""
