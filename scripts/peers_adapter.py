"""This package as a library of a side-by-side benchmark: a file with `ADAPTERS = {name: build}`
that such a harness loads.

`build(case)` gives `(module, forward)` for `case.name` conv, mlp or neuron and `case.T` timesteps;
`forward(module, x, T)` gives logits `[B, 10]`, or the spikes of `x` for the neuron alone. The model
is the one all libraries build:

    neuron  u = v / 2 + x,  s = 1[u >= 1],  v = u (1 - s) with s detached;  slope 1 / (1 + (pi z)^2)
    conv
        64C3 - 128C3 - AP2 - 256C3 - AP2 - 256C3 - AP2 - 10, batch norm before each neuron, no bias
    mlp      784 - 800 - 10, no norm, no bias
    input    x at every timestep; output the mean over time of the last layer's current

`snnexp` trains as the default does, `snnexp lean` with lean memory. What lean memory keeps out of
autograd's sight is declared to it here, so that a harness that counts saved tensors counts it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from snnexp.cell import Over
from snnexp.cli.job import resolved
from snnexp.composition.compose import composed
from snnexp.configuration import build
from snnexp.kernels.bits import Bits
from snnexp.layers import lean
from snnexp.network.parts import set_lean
from snnexp.network.spiking import spiking_network

NEURON = [
    "neuron=lif",
    "neuron.leak=0.5",
    "neuron.threshold=1",
    "neuron.reset=hard",
    "neuron.detach_reset=true",
]
SLOPE = ["surrogate=arctan", "surrogate.scale=1", "surrogate.width=0.5"]
AROUND = ["encoder=direct", "readout=potential", "readout.leak=1", "readout.average=true"]
PLAIN = ["architecture.bias=false", "architecture.initialization=default", "architecture.gain=1"]
CONVOLUTIONS = [
    "architecture=cnn",
    "architecture.layers=[64C3,128C3,AP2,256C3,AP2,256C3,AP2]",
    "norm=batch",
]
LINEAR = ["architecture=mlp", "architecture.widths=[800]", "architecture.dropout=0", "norm=none"]
NETWORKS = {"conv": (CONVOLUTIONS, (3, 32, 32)), "mlp": (LINEAR, (1, 28, 28))}

Built = tuple[nn.Module, Callable[[nn.Module, Tensor, int], Tensor]]


def default(case: Any) -> Built:
    """The module and its forward pass, as a run has them."""
    if case.name == "neuron":
        config = resolved(composed([*NEURON, *SLOPE]))
        surrogate = build.component(config["surrogate"])
        return Over(
            build.component(config["neuron"], surrogate=surrogate)
        ), lambda module, x, T: module(x)
    overrides, shape = NETWORKS[case.name]
    config = resolved(composed([*NEURON, *SLOPE, *AROUND, *overrides, *PLAIN]))
    return spiking_network(build.blueprint(config, shape, classes=10)), _forward(shape)


def _forward(shape: tuple[int, int, int]) -> Callable[[nn.Module, Tensor, int], Tensor]:
    def forward(network: nn.Module, x: Tensor, T: int) -> Tensor:
        return network(x.view(-1, *shape), range(T), torch.arange(len(x), device=x.device)).scores[
            -1
        ]

    return forward


def lean_memory(case: Any) -> Built:
    """The same with lean memory."""
    if case.name == "neuron":
        raise NotImplementedError("lean memory is a matter of whole units")
    network, forward = default(case)
    set_lean(network, True)
    hidden = _Hidden()

    def declared(network: nn.Module, x: Tensor, T: int) -> Tensor:
        hidden.tensors.clear()
        logits = forward(network, x, T)
        return _Declared.apply(logits, *hidden.tensors) if hidden.tensors else logits

    return network, declared


class _Hidden:
    """Collects what lean memory keeps in the course of a forward pass, which hooks around the pass
    cannot see.
    """

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.pack, self.recalled = lean.pack, lean._recalled
        lean.pack, lean._recalled = self._packed, self._recalled

    def _packed(self, spikes: Tensor) -> Bits | None:
        bits = self.pack(spikes)
        self.tensors += [] if bits is None else [bits.bits]
        return bits

    def _recalled(self, tensor: Tensor, recall: Callable[[], Tensor]) -> AbstractContextManager:
        hooks = self.recalled(tensor, recall)
        pack = hooks.pack_hook

        def packed(saved: Tensor) -> Any:
            kept, form = pack(saved)
            self.tensors += [] if kept is None else [kept.detach()]
            return kept, form

        hooks.pack_hook = packed
        return hooks


class _Declared(torch.autograd.Function):
    """The logits, with tensors that the backward pass will need elsewhere."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, *hidden: Tensor) -> Tensor:
        ctx.save_for_backward(*hidden)
        return logits.view_as(logits)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return gradient, *(None for _ in ctx.needs_input_grad[1:])


ADAPTERS = {"snnexp": default, "snnexp lean": lean_memory}
