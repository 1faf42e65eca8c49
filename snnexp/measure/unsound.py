"""What in an evaluation is not finite, and where."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from snnexp.cell import Over
from snnexp.distributed import gathered
from snnexp.errors import NumericalError
from snnexp.finite import REMEDY


class Unsound:
    """Watches the potentials and scores of an evaluation: a potential that is NaN never fires, so
    that the scores may still be numbers.

    A potential of minus infinity is one that a presimulation has silenced; spike times that are
    infinite never come.
    """

    def __init__(self, network: nn.Module):
        self.network = network
        self.found = ""

    def see(self, scores: Tensor, image: int) -> None:
        """Looks at a batch at its last timestep, before its states are gone; `image` is the number
        of its first.
        """
        largest = {
            f"the potential of {name}": potential for name, potential in _potentials(self.network)
        }
        lowest = {"the score of a class": torch.where(scores.isfinite(), 0.0, torch.nan).amin()}
        looked = torch.stack(
            [each.float() for each in (*largest.values(), *lowest.values())]
        ).tolist()
        bad = [
            name
            for name, value in zip((*largest, *lowest), looked, strict=True)
            if math.isnan(value) or value == math.inf
        ]
        if bad:
            self.found = f"{bad[0]}, from image {image} of the split on,"

    def locate(self, again: Callable[[], object]) -> None:
        """Finds the first module whose output is not finite by going through the batch `again`."""
        seen: list[str] = []

        def see(name: str, output: Any) -> None:
            if isinstance(output, Tensor) and not output.isfinite().all():
                seen.append(name)

        leaves = [
            (name, module)
            for name, module in self.network.named_modules()
            if not [*module.children()]
        ]
        hooks = [
            module.register_forward_hook(lambda _, __, output, name=name: see(name, output))
            for name, module in leaves
        ]
        try:
            again()
        finally:
            for hook in hooks:
                hook.remove()
        self.found += f" beginning with what {seen[0]} gives," if seen else ""

    def refuse(self) -> None:
        """Raises `NumericalError` in all processes alike where one of them has found something."""
        if found := [each for each in gathered(self.found) if each]:
            raise NumericalError(
                f"evaluation: {found[0]} is not finite (NaN or infinity); {REMEDY}"
            )


def _potentials(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The largest potential of every loop over time that is under way."""
    for name, module in network.named_modules():
        if isinstance(module, Over) and (states := [*_tensors(module.states)]):
            yield (
                name.removesuffix(".cells"),
                torch.stack([each.amax().float() for each in states]).amax(),
            )


def _tensors(states: Any) -> Iterator[Tensor]:
    if isinstance(states, list | tuple):
        for each in states:
            yield from _tensors(each)
    elif isinstance(states, Tensor) and states.is_floating_point() and states.numel():
        yield states
