"""A look at the neurons of a network that has begun to learn: layers in which none fires, or those
that fire do so at every timestep.
"""

import logging

from snnexp.cell import streaming
from snnexp.conversion.probe import chunks
from snnexp.distributed import rank
from snnexp.measure.evaluator import autocast, in_evaluation
from snnexp.measure.flags import idle
from snnexp.measure.record import recording
from snnexp.network.network import Network
from snnexp.timed.layers import timed_layers
from snnexp.training.session import Session

IMAGES = 64
"""Training images that are looked at."""

logger = logging.getLogger(__name__)


def warn_of_idle(network: Network, steps: range, session: Session) -> None:
    """Says by name which layers are silent or saturated on some training images: they cannot tell
    images apart.
    """
    if rank() > 0:
        return
    for flag in _idle(network, steps, session):
        logger.warning("%s", f"{flag}, after the first epoch; {REMEDIES[flag.partition(':')[0]]}")


REMEDIES = {
    "silent": (
        "no neuron of the layer fires, so nothing passes it: lower neuron.threshold, or raise "
        "the weights or the learning rate"
    ),
    "saturated": (
        "neurons of the layer fire at every timestep or not at all: raise neuron.threshold, or "
        "lower the weights"
    ),
}


def _idle(network: Network, steps: range, session: Session) -> list[str]:
    if network.form != "spiking":
        silent = [layer for layer in timed_layers(network) if not int(layer.timed.fired)]
        return [f"silent: {layer.name}" for layer in silent]  # in the last batch
    batch = session.train.sample(IMAGES)
    with (
        in_evaluation(network),
        recording(network) as tally,
        streaming(network),
        autocast(session.device, session.precision),
    ):
        for part in chunks(len(steps), len(batch.labels)):
            network(batch.input, part, batch.keys)
    tally.images, tally.timesteps = len(batch.labels), len(steps)
    return idle(tally)
