"""Weights that torchvision publishes: where they are cached, and under which names they stand in a
network of this package.

torchvision is imported only when it is needed: it takes longer to import than a configuration to
check.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from snnexp.datasets.base import fault
from snnexp.files.foreign import regular, sha256
from snnexp.network.network import Network
from snnexp.network.parts import connections

Model = Literal["resnet34", "resnet50", "vgg16_bn", "alexnet", "googlenet", "efficientnet_b7"]
State = dict[str, Tensor]


@dataclass(frozen=True)
class Expected:
    """What a model was trained with.

    Args:
        options: the overrides that choose it here.
        mean, std: normalisation of the images, per channel.
        epsilon: of its norms; None without norms.
        activation: class of its activation.
    """

    options: str
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    epsilon: float | None = 1e-5
    activation: str = "ReLU"


EXPECTED: dict[str, Expected] = {
    "resnet34": Expected("architecture=resnet34 norm=batch"),
    "resnet50": Expected("architecture=resnet50 norm=batch"),
    "vgg16_bn": Expected("architecture=vgg16_imagenet norm=batch"),
    "alexnet": Expected("architecture=alexnet norm=none", epsilon=None),
    "googlenet": Expected(
        "architecture=googlenet norm=batch norm.epsilon=0.001", (0.5,) * 3, (0.5,) * 3, 1e-3
    ),
    "efficientnet_b7": Expected(
        "architecture=efficientnet_b7 norm=batch norm.epsilon=0.001",
        epsilon=1e-3,
        activation="SiLU",
    ),
}


@dataclass
class Layer:
    """Tensors of one layer of a published model: weights and bias, and those of the norm behind
    it.
    """

    name: str
    weights: State
    norm: State = field(default_factory=dict)


def versions(model: Model) -> list[str]:
    """Names of the published sets of weights of a model."""
    from torchvision.models import get_model_weights

    return [version.name for version in get_model_weights(model)]


def cached_file(model: Model, version: str) -> Path:
    """Where torchvision keeps these weights once it has downloaded them."""
    from torchvision.models import get_model_weights

    return (
        Path(torch.hub.get_dir())
        / "checkpoints"
        / get_model_weights(model)[version].url.rpartition("/")[2]
    )


def read(model: Model, version: str) -> State:
    """The published tensors from the cache. Raises `DataError` where they are not there or damaged;
    nothing is downloaded.
    """
    path = cached_file(model, version)
    fetch = f"torchvision.models.get_model({model!r}, weights={version!r})"
    remedy = f'python -c "import torchvision; {fetch}" on a machine with network'
    expected = f"torchvision's weights {version} of {model}"
    if not path.is_file():
        raise fault(path, "not there, and nothing is downloaded by itself", expected, remedy)
    if not has_published_hash(path):
        raise fault(
            path,
            "damaged, its SHA-256 is not the one in its name",
            expected,
            f"delete it, then {remedy}",
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (
        Exception
    ) as error:  # bytes that mean something else to the reader can make it raise anything
        raise fault(
            path, f"cannot be read ({type(error).__name__})", expected, f"delete it, then {remedy}"
        ) from error


def has_published_hash(path: Path) -> bool:
    """Whether the file has the hash whose beginning torchvision puts into file names."""
    with regular(path) as file:
        return sha256(file).startswith(path.stem.rpartition("-")[2])


def skeleton(model: Model) -> State:
    """The tensors of a published model without their numbers, in the order of its definition."""
    from torchvision.models import get_model

    with torch.device("meta"):
        more: dict[str, Any] = {"init_weights": False} if model == "googlenet" else {}
        return get_model(model, weights=None, **more).state_dict()


def layers(model: Model, state: State) -> list[Layer]:
    """The layers of a published model in the order of its definition, which is that of the forward
    pass; auxiliary classifiers left out.

    Raises:
        KeyError: a tensor is missing.
    """
    found: list[Layer] = []
    for name, expected in skeleton(model).items():
        owner, _, key = name.rpartition(".")
        if (
            owner.startswith("aux") or key == "num_batches_tracked"
        ):  # which old files do not have, and nothing here reads
            continue
        if not found or owner != found[-1].name and expected.dim() > 1:
            found.append(Layer(owner, {}))
        (found[-1].weights if owner == found[-1].name else found[-1].norm)[key] = state[name]
    return found


def misfits(published: list[Layer], network: nn.Module) -> Iterator[str]:
    """Where a network differs from the published layers, in words."""
    ours = connections(network)
    if len(ours) != len(published):
        yield f"it has {len(ours)} layers with weights, the published model {len(published)}"
    for layer, (name, connection) in zip(published, ours.items(), strict=False):
        for part, tensors in (("weights", layer.weights), ("norm", layer.norm)):
            here = {key: tuple(tensor.shape) for key, tensor in _part(connection, part).items()}
            there = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
            if here != there:
                yield (
                    f"{part} of {name} are {here or 'none'}, published as {layer.name} "
                    f"{there or 'none'}"
                )


def load(published: list[Layer], network: Network) -> None:
    """Copies published layers into a network that they fit."""
    for layer, connection in zip(published, connections(network).values(), strict=True):
        for part, tensors in (("weights", layer.weights), ("norm", layer.norm)):
            for key, own in _part(connection, part).items():
                own.copy_(tensors[key])


def _part(connection: nn.Module, part: str) -> State:
    """Tensors of the weights or the norm of a connection under their last names."""
    own = getattr(connection, part).state_dict()
    return {
        name.rpartition(".")[2]: tensor
        for name, tensor in own.items()
        if not name.endswith("num_batches_tracked")
    }
