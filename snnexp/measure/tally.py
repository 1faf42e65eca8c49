"""What has been counted of spikes and synaptic operations, and what it costs."""

from dataclasses import dataclass, field

from torch import Tensor

from snnexp.distributed import gathered
from snnexp.measure.flow import Flow

MAC_JOULE = 4.6e-12
AC_JOULE = 0.9e-12
INTEGER_JOULE = 3.2e-12, 0.1e-12
"""MAC and AC in 32-bit integers, 45 nm, 0.9 V (Horowitz 2014), with which some efficiencies of the
survey were computed.
"""
ENERGY_MODEL = (
    "45 nm CMOS, 0.9 V, float32: 4.6 pJ per multiply-accumulate, 0.9 pJ per accumulate (Horowitz "
    "2014)"
)


@dataclass
class Layer:
    """Totals of one layer over all images and timesteps seen."""

    neurons: int = 0
    spikes: int | Tensor = 0  # stays on the device until it is read
    active: int | Tensor = 0
    """Neurons that fire at all, summed over images."""
    largest: int = 1
    """Most spikes that a neuron can send in one timestep."""


@dataclass
class Tally:
    """Counts over all images seen.

    A multiply-accumulate (MAC) is a weight times a real number; an accumulate (AC) is a weight
    added because a spike arrived. AC are exact: every spike, of either sign, times the number of
    weights it reaches from its position, borders included. An average pool is linear, so a spike
    passes it to the weights behind, whether the two are one connection or dropout stands between
    them. A shortcut without weights adds every spike that passes it once. A spike of a recurrent
    layer is also added for every neuron of that layer; the analog network has those weights once.
    Biases, leaks and resets are not counted. MAC follow the convention k^2 C_in C_out H W (borders
    counted as if padded, shortcuts without weights free). A real-valued input that does not change
    with time is multiplied once per image; one that changes, at every timestep. An event of a
    camera is a spike: weights behind frames of events are accumulated event by event, as a chip
    does that gets the events, and what a clocked first layer would take stands beside it, a MAC
    for every weight and frame. Source: Dampfhoffer et al. 2023, energy values of [21].
    """

    layers: dict[str, Layer] = field(default_factory=dict)
    images: int = 0
    mac: int = 0
    ac: float | Tensor = 0.0
    mac_ann: int = 0
    frames_mac: int = 0
    """MAC of the layers that see frames of events, if they multiplied every frame."""
    frames_ac: float | Tensor = 0.0
    """AC of these layers, which are among `ac`."""
    timesteps: int | None = None
    """At how many timesteps spikes were counted; None where a neuron fires once at most."""
    flow: Flow = field(default_factory=Flow)
    """The same counts by part, and by timestep where that was asked for."""

    def gather(self) -> None:
        """Adds up the counts of all processes, each of which has seen other images; `images` is the
        total already.
        """
        self.flow.gather()
        layers = {
            name: (layer.neurons, layer.largest, int(layer.spikes), int(layer.active))
            for name, layer in self.layers.items()
        }
        frames = self.frames_mac, float(self.frames_ac)
        own = self.mac, float(self.ac), self.mac_ann, *frames, layers
        self.mac, self.ac, self.mac_ann, self.layers = 0, 0.0, 0, {}
        self.frames_mac, self.frames_ac = 0, 0.0
        for mac, ac, mac_ann, frames_mac, frames_ac, seen in gathered(own):
            self.mac, self.ac, self.mac_ann = self.mac + mac, self.ac + ac, self.mac_ann + mac_ann
            self.frames_mac, self.frames_ac = (
                self.frames_mac + frames_mac,
                self.frames_ac + frames_ac,
            )
            for name, (
                neurons,
                largest,
                spikes,
                active,
            ) in seen.items():  # a process that saw no image knows no layer
                layer = self.layers.setdefault(name, Layer(neurons, largest=largest))
                layer.spikes, layer.active = layer.spikes + spikes, layer.active + active

    def spikes_by_layer(self) -> dict[str, dict[str, int | float]]:
        """Per layer: number of neurons, mean spikes per neuron and inference."""
        return {
            name: {
                "neurons": layer.neurons,
                "spikes_per_neuron": int(layer.spikes) / (layer.neurons * self.images),
            }
            for name, layer in self.layers.items()
        }

    def spikes_per_inference(self) -> float:
        """Mean number of spikes of all spiking neurons per image."""
        return sum(int(layer.spikes) for layer in self.layers.values()) / self.images

    def spikes_per_neuron(self) -> float | None:
        """The survey's figure: spikes per inference over the number of spiking neurons; None for a
        network without them.
        """
        neurons = sum(layer.neurons for layer in self.layers.values())
        return self.spikes_per_inference() / neurons if neurons else None

    def operations(self) -> dict[str, float | str]:
        """Operations and energy per image, those of the analog network of the same shape beside
        them.
        """
        mac, ac, mac_ann = (
            self.mac / self.images,
            float(self.ac) / self.images,
            self.mac_ann / self.images,
        )
        return {
            "mac": mac,
            "ac": ac,
            "mac_ann": mac_ann,
            "energy_joule": energy(mac, ac),
            "energy_ann_joule": energy(mac_ann, 0.0),
            "energy_model": ENERGY_MODEL,
            **self._clocked(),
        }

    def _clocked(self) -> dict[str, float]:
        """The same of a network that multiplies every frame of events, where it sees some."""
        if not self.frames_mac:
            return {}
        mac = (self.mac + self.frames_mac) / self.images
        ac = float(self.ac - self.frames_ac) / self.images
        return {"mac_clocked": mac, "ac_clocked": ac, "energy_clocked_joule": energy(mac, ac)}


def energy(mac: float, ac: float, joule: tuple[float, float] = (MAC_JOULE, AC_JOULE)) -> float:
    """Energy in joule of so many multiply-accumulates and accumulates, at `joule` each."""
    return mac * joule[0] + ac * joule[1]
