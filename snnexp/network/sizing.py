"""Shapes for the cells of a network that has just been built."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call

from snnexp.cell import Over, Sized
from snnexp.layers.analog import AnalogUnit
from snnexp.layers.spiking import SpikingUnit
from snnexp.network.network import Network


def size_cells(network: nn.Module, shape: tuple[int, ...]) -> None:
    """Tells every cell that asks for it (`Sized`) the shape of its input, by one pass on the device
    `meta`, which computes nothing.

    Costs nothing where no cell asks. Draws no random numbers.

    Args:
        network: from its input to the current of the output layer, or to the output spikes; not
            trained yet.
        shape: of one sample of the input.
    """
    loops = [
        module for module in network.modules() if isinstance(module, Over) and any(_asking(module))
    ]
    if not loops:
        return
    for loop, own in _input_shapes(network, loops, shape).items():
        for cell in _asking(loop):
            cell.sized(own)


def _asking(loop: Over) -> Iterator[Sized]:
    return (cell for cell in loop.cells if isinstance(cell, Sized))


def _input_shapes(
    network: nn.Module, loops: Sequence[Over], shape: tuple[int, ...]
) -> dict[Over, tuple[int, ...]]:
    shapes: dict[Over, tuple[int, ...]] = {}

    def see(loop: nn.Module, arguments: tuple) -> None:
        shapes[loop] = tuple(arguments[0].shape[2:])

    hooks = [loop.register_forward_pre_hook(see) for loop in loops]
    try:
        with torch.no_grad(), _transparent(network, loops):
            functional_call(network, _on_meta(network), torch.empty(1, 1, *shape, device="meta"))
    finally:
        for hook in hooks:
            hook.remove()
    return shapes


def _on_meta(network: nn.Module) -> dict[str, Tensor]:
    tensors = (*network.named_parameters(), *network.named_buffers())
    return {name: tensor.to("meta") for name, tensor in tensors}


def _of_zeros(network: nn.Module) -> dict[str, Tensor]:
    tensors = (*network.named_parameters(), *network.named_buffers())
    return {name: torch.zeros(tensor.shape, dtype=tensor.dtype) for name, tensor in tensors}


@contextmanager
def _transparent(network: nn.Module, loops: Sequence[Over]) -> Iterator[None]:
    """Within the block, `loops` hand on what they get: their cells do not run before they know
    their shape, which they keep.
    """
    cells = [loop.cells for loop in loops]
    training = network.training
    network.eval()  # batch statistics of one sample do not exist, and dropout would draw
    for loop in loops:
        loop.cells = nn.ModuleList()
    try:
        yield
    finally:
        for loop, own in zip(loops, cells, strict=True):
            loop.cells = own
        network.train(training)


def neurons(network: Network, shape: tuple[int, ...]) -> int:
    """How many neurons or activations a network of spikes or real values has, by one pass with
    weights of zero. On the device `meta` torch would import its compiler for it.

    Args:
        network: in either form.
        shape: of one sample of the input behind the encoder.
    """
    seen: dict[nn.Module, int] = {}

    def see(module: nn.Module, _: tuple, output: Tensor) -> None:
        seen[module] = output[0, 0].numel()

    body = nn.Sequential(network.body, network.output)
    loops = [module for module in body.modules() if isinstance(module, SpikingUnit)]
    units = loops or [module for module in body.modules() if isinstance(module, AnalogUnit)]
    hooks = [unit.register_forward_hook(see) for unit in units]
    try:
        with torch.no_grad(), _transparent(body, [unit.cells for unit in loops]):
            functional_call(body, _of_zeros(body), torch.zeros(1, 1, *shape))
    finally:
        for hook in hooks:
            hook.remove()
    return sum(seen.values())
