"""Early exit: what comes of stopping an image once the network is sure of it."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from snnexp.distributed import gathered
from snnexp.measure.answers import decided
from snnexp.measure.confidence import CONFIDENCES, confidences
from snnexp.measure.exit_rule import ExitRule
from snnexp.measure.flow import Flow

EVENTS, PRODUCTS = "events ", "products "


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
        self._which = [[*CONFIDENCES].index(rule.confidence) for rule in rules]
        self._thresholds = torch.tensor([rule.threshold for rule in rules])
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
        found = torch.stack([*confidences(scores).values()]).where(decided(scores), -1.0)
        return found[self._which] >= self._thresholds.to(found.device)[:, None, None]

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
                self._add(f"{EVENTS}{name}", each)
        for name, products in flow.products.items():
            self._add(f"{PRODUCTS}{name}", by_step[:, : products.shape[1]] @ products.T)

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

    def means(self) -> list["Means"]:
        """What every rule comes to, per image."""
        means = {name: (values / self.images).tolist() for name, values in self.sums.items()}
        events = _of(means, EVENTS)
        products = _of(means, PRODUCTS)
        return [
            Means(
                right=means["right"][place],
                timesteps=means["steps"][place],
                early=means["early"][place],
                events={name: values[place] for name, values in events.items()},
                products={name: values[place] for name, values in products.items()},
            )
            for place in range(len(self.rules))
        ]


class Means(NamedTuple):
    """What a rule comes to, per image: shares of images, timesteps, and events and products of each
    part of the network.
    """

    right: float
    timesteps: float
    early: float
    events: dict[str, float]
    products: dict[str, list[float]]


def _of(means: dict[str, list], kind: str) -> dict[str, list]:
    return {name.removeprefix(kind): each for name, each in means.items() if name.startswith(kind)}
