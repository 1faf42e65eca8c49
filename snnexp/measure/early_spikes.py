"""Spikes of a timed network before it has decided."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from snnexp.distributed import gathered
from snnexp.measure.tally import Tally


class EarlySpikes:
    """How many spikes of each layer came before the decision, over all images seen.

    Args:
        names: of the layers, in order.
    """

    def __init__(self, names: list[str]):
        self.by_layer = dict.fromkeys(names, 0)

    def see(self, name: str, times: Float[Tensor, "B *n"], until: Float[Tensor, "B"]) -> None:
        """Counts those of a layer that came before the time `until` of their image."""
        until = until.view(-1, *[1] * (times.dim() - 1))
        self.by_layer[name] += int((times < until).sum())

    def gather(self) -> None:
        """Adds up the counts of all processes, each of which has seen other images."""
        parts = gathered(self.by_layer)
        self.by_layer = {name: sum(part[name] for part in parts) for name in self.by_layer}

    def shown(self, tally: Tally) -> dict[str, Any]:
        """What the result file says of it; `tally` knows the images and the neurons."""
        neurons = sum(layer.neurons for layer in tally.layers.values())
        return {
            "spikes_per_neuron_until_decision": sum(self.by_layer.values())
            / tally.images
            / neurons,
            "spikes_by_layer_until_decision": {
                name: count / tally.images / tally.layers[name].neurons
                for name, count in self.by_layer.items()
            },
        }
