"""Early exit: what comes of stopping an image once the network is sure of it."""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from snnexp.distributed import gathered
from snnexp.energy.counts import Counts
from snnexp.measure.answers import decided
from snnexp.measure.confidence import confidences
from snnexp.measure.exit_rule import ExitRule
from snnexp.measure.flow import Flow


class Exits:
    """What rules come to over all images seen, chunk of timesteps by chunk.

    Nothing is kept of an image that is through. While its batch is under way, a rule takes a byte
    for each image, and 8 for each image and timestep of a chunk.

    Args:
        rules: any number of them.
    """

    def __init__(self, rules: list[ExitRule]):
        self.rules = rules
        self.images = 0
        self.sums: dict[str, Tensor] = {}
        """By what is added up, for each rule: `right`, `steps`, `early`, and the parts of the
        network, `[R]` or `[R, 2]`."""
        self._stays = torch.empty(0)
        """Which images have not stopped, `[R, B]`."""

    def begin(self, labels: Int[Tensor, "B"]) -> None:
        """A batch comes."""
        self.images += len(labels)
        shape = len(self.rules), len(labels)
        self._stays = torch.ones(shape, dtype=torch.bool, device=labels.device)

    def hidden(self, steps: int, flow: Flow | None) -> None:
        """Timesteps go by in which the network gives no answer."""
        stays = self._stays[:, None].expand(-1, steps, -1)
        self._spend(stays, flow)

    def see(
        self,
        scores: Float[Tensor, "t B K"],
        right: Bool[Tensor, "t B"],
        flow: Flow | None,
        ends: bool,
    ) -> None:
        """The next timesteps: scores, whether the class ahead is right, and what they cost.

        `ends` says that the last of them is T.
        """
        sure = self._sure(scores)
        stopped = torch.cat([~self._stays[:, None], sure[:, :-1]], 1).cumsum(1) > 0
        self._spend(~stopped, flow)
        self._stays = ~(stopped[:, -1] | sure[:, -1])
        early = ~stopped & sure
        if ends:
            early[:, -1] = False
            sure[:, -1] = True
        self._add("early", early.sum((1, 2)))
        self._add("right", (~stopped & sure & right).sum((1, 2)))

    def _sure(self, scores: Tensor) -> Bool[Tensor, "R t B"]:
        surenesses, ahead = confidences(scores), decided(scores)
        return torch.stack(
            [(surenesses[rule.confidence] >= rule.threshold) & ahead for rule in self.rules]
        )

    def _spend(self, stays: Bool[Tensor, "R t B"], flow: Flow | None) -> None:
        """Adds what the images that have not stopped cost."""
        mask = stays.to(torch.float64)
        by_step = mask.sum(2)
        self._add("steps", by_step.sum(1))
        if flow is None:
            return
        if flow.events:
            events = torch.stack([*flow.events.values()]).flatten(1) @ mask.flatten(1).T
            for name, each in zip(flow.events, events, strict=True):
                self._add(f"events {name}", each)
        for name, products in flow.products.items():
            self._add(f"products {name}", by_step[:, : products.shape[1]] @ products.T)

    def _add(self, name: str, values: Tensor) -> None:
        values = values.to(torch.float64)
        self.sums[name] = self.sums[name] + values if name in self.sums else values

    def gather(self) -> None:
        """Adds up what all processes have seen."""
        own = self.images, {name: values.cpu() for name, values in self.sums.items()}
        self.images, self.sums = 0, {}
        for images, sums in gathered(own):
            self.images += images
            for name, values in sums.items():
                self._add(name, values)

    def mean(self, name: str, place: int) -> Any:
        """The mean of what was added up, for the rule in this place."""
        return (self.sums[name][place] / self.images).tolist()

    def counts(self, place: int, flow: Flow) -> Counts:
        """What an image costs on average under the rule in this place."""
        found = {
            kind: {
                name.removeprefix(kind): self.mean(name, place)
                for name in self.sums
                if name.startswith(kind)
            }
            for kind in ("events ", "products ")
        }
        return flow.counts_of(found["events "], found["products "], self.mean("steps", place))
