"""What each part of a network does, timestep by timestep."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.distributed import gathered
from snnexp.energy.counts import Counts, Neurons, Synapses


@dataclass(frozen=True)
class Place:
    """What is known of a part before any image comes; see `Synapses` and `Neurons`."""

    weights: int = 0
    inputs: int = 0
    outputs: int = 0
    leaks: bool = False


@dataclass
class Flow:
    """Counts by part, and by timestep if that is asked for: of the chunk of timesteps that has come
    last image by image, of all before it their sums. Where it is not, all counts as one timestep,
    and a batch as one image.
    """

    by_timestep: bool = True
    synapses: dict[str, Place] = field(default_factory=dict)
    neurons: dict[str, Place] = field(default_factory=dict)
    mac_ann: dict[str, float] = field(default_factory=dict)
    """Of the analog network, for one image."""
    events: dict[str, Float[Tensor, "t B"]] = field(default_factory=dict)
    """In the last chunk, of each part: accumulates, or spikes of neurons."""
    products: dict[str, Float[Tensor, "2 steps"]] = field(default_factory=dict)
    """In the last chunk, for an image: multiply-accumulates, once and per step."""
    start: int = 0
    """Timesteps that have been counted before the last chunk."""
    _events: dict[str, Tensor] = field(default_factory=dict)
    _products: dict[str, Tensor] = field(default_factory=dict)

    def begin(self, start: int) -> None:
        """A chunk begins, behind so many timesteps."""
        self.start = start if self.by_timestep else 0
        self.events.clear()
        self.products.clear()

    def came(self, name: str, events: Float[Tensor, "t B"]) -> None:
        """Takes in the events of a part."""
        self.events[name] = events
        _add(self._events, name, events.sum(1), self.start)

    def multiplied(self, name: str, macs: int, steps: int, output: Float[Tensor, "t B *n"]) -> None:
        """Takes in that a part multiplies at `steps` timesteps of its `output`, `macs` for an image
        each.
        """
        products = torch.zeros(2, len(output), dtype=torch.float64, device=output.device)
        products[0, :steps] = macs
        products[1] = macs
        products = products if self.by_timestep else products.sum(1, keepdim=True)
        self.products[name] = products
        _add(self._products, name, products * output.shape[1], self.start)

    def gather(self) -> None:
        """Adds up the sums of all processes, some of which may have seen no image."""
        own = self.synapses, self.neurons, self.mac_ann, self._events, self._products
        self._events, self._products = {}, {}
        for synapses, neurons, mac_ann, events, products in gathered(own):
            self.synapses, self.neurons = self.synapses | synapses, self.neurons | neurons
            self.mac_ann |= mac_ann
            for sums, others in ((self._events, events), (self._products, products)):
                for name, values in others.items():
                    _add(sums, name, values.cpu(), 0)

    @property
    def timesteps(self) -> int:
        """How many have been counted."""
        lengths = [sums.shape[-1] for sums in (*self._events.values(), *self._products.values())]
        return max(lengths, default=0)

    def curve(self, images: int) -> list[Counts]:
        """The mean of all images, up to each timestep in turn."""
        steps = self.timesteps
        events = {name: _grown(each, steps, images) for name, each in self._events.items()}
        products = {name: _grown(each, steps, images) for name, each in self._products.items()}
        return [
            self.counts_of(
                {name: each[step] for name, each in events.items()},
                {name: [once[step], per[step]] for name, (once, per) in products.items()},
                step + 1.0,
            )
            for step in range(steps)
        ]

    def counts_of(
        self, events: dict[str, float], products: dict[str, list[float]], timesteps: float
    ) -> Counts:
        """Counts from the mean events and products of the parts, and the mean of timesteps."""
        return Counts(
            {
                name: Synapses(
                    place.weights,
                    place.inputs,
                    place.outputs,
                    *products.get(name, (0.0, 0.0)),
                    ac=events.get(name, 0.0),
                    mac_ann=self.mac_ann.get(name, 0.0),
                )
                for name, place in self.synapses.items()
            },
            {
                name: Neurons(
                    place.outputs, place.leaks, place.outputs * timesteps, events.get(name, 0.0)
                )
                for name, place in self.neurons.items()
            },
        )


def _grown(values: Tensor, steps: int, images: int) -> list:
    """The running sums of an image over so many timesteps; nothing comes after the last value."""
    longer = values.new_zeros(*values.shape[:-1], steps)
    longer[..., : values.shape[-1]] = values
    return (longer.cumsum(-1) / images).tolist()


def _add(sums: dict[str, Tensor], name: str, values: Tensor, start: int) -> None:
    """Adds `values` behind the first `start` timesteps, the last axis."""
    end = start + values.shape[-1]
    known = sums.get(name)
    if known is None or known.shape[-1] < end:
        longer = values.new_zeros(*values.shape[:-1], end, dtype=torch.float64)
        if known is not None:
            longer[..., : known.shape[-1]] = known
        sums[name] = known = longer
    known[..., start:end] += values
