"""AutoAugment: learned sequences of colour changes and distortions."""

from collections.abc import Callable
from functools import cache
from typing import Literal

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from snnexp.noise import mix

Policy = Literal["cifar10", "imagenet", "svhn"]
_DRAW = -5  # a number of its own, so that nothing else about the sample is drawn alike


def auto_augment(
    images: UInt8[Tensor, "B C H W"], keys: Int[Tensor, "B"], policy: Policy
) -> UInt8[Tensor, "B C H W"]:
    """Every image through one of the 25 pairs of operations of a policy, a pure function of its
    key.

    torchvision draws from torch's own generator, which is seeded for each image and put back in the
    end. It runs on the CPU, image by image, so that all devices see the same.

    Source: Cubuk et al. 2019, in torchvision's form.

    Args:
        images: pixels 0 to 255, C is 1 or 3.
        keys: one for each image.
        policy: the data set it was learned on.
    """
    augment, seeds = _operations(policy), mix(keys ^ _DRAW).tolist()
    with torch.random.fork_rng(devices=[]):
        augmented = [
            _seeded(augment, image, seed) for image, seed in zip(images.cpu(), seeds, strict=True)
        ]
    return torch.stack(augmented).to(images.device)


def _seeded(augment: Callable[[Tensor], Tensor], image: Tensor, seed: int) -> Tensor:
    torch.default_generator.manual_seed(seed)  # torch.manual_seed takes as long as the operations
    return augment(image)


@cache
def _operations(policy: Policy) -> Callable[[Tensor], Tensor]:
    from torchvision.transforms.v2 import (  # takes longer to import than a configuration to check
        AutoAugment,
        AutoAugmentPolicy,
    )

    return AutoAugment(AutoAugmentPolicy(policy))
