"""Connections as nodes: pools, and weights with their norm folded."""

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from snnexp.architectures.scale import Scale
from snnexp.architectures.subsample import Subsample
from snnexp.export.graph import Graph, Part, Value
from snnexp.export.settings import Pools
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.connection import Connection, fold


def obstacles(connection: Connection) -> Iterator[str]:
    """Why a connection cannot be written."""
    norm, layer = connection.norm, connection.layer
    if not isinstance(norm, nn.Identity) and not hasattr(norm, "affine"):
        yield (
            f"a {type(norm).__name__} norm is another map at every timestep, and weights are the "
            "same at all; train with norm=batch, tdbn or none"
        )
    if isinstance(layer, nn.Conv2d) and layer.groups > 1:
        yield "a convolution in groups, whose shapes the package nir takes for those of one group"
    for module in connection.preceding:
        yield from pool_obstacles(module)


def pool_obstacles(module: nn.Module) -> Iterator[str]:
    """Why a layer without weights cannot be written."""
    if isinstance(module, nn.MaxPool2d):
        yield "NIR has no max pool; train with architecture.pooling=average, or AP2 in place of MP2"
    elif not isinstance(module, AveragePool | nn.Flatten | Scale | Subsample):
        yield f"a {type(module).__name__} layer has no node in NIR"


def write_connection(
    graph: Graph, name: str, connection: Connection, value: Value, pools: Pools
) -> Value:
    """Pools and weights of a connection behind a value; the current."""
    for module in connection.preceding:
        value = write_pool(graph, name, module, value, pools)
    if not isinstance(connection.norm, nn.Identity):
        connection = copy.deepcopy(connection)
        fold(connection)
    layer = connection.layer
    shape = _after(layer, value.shape)
    part = (
        _convolution(layer, value) if isinstance(layer, nn.Conv2d) else linear(layer, value.factor)
    )
    return graph.add(f"{name}_weights", part, value, shape)


def write_pool(graph: Graph, name: str, module: nn.Module, value: Value, pools: Pools) -> Value:
    """A layer without weights behind a value."""
    shape = _after(module, value.shape)
    match module:
        case AveragePool():
            return _pooled(graph, name, module, value, pools)
        case nn.Flatten():
            fields = {"input_type": np.array(value.shape), "start_dim": 0, "end_dim": -1}
            flat = Part("Flatten", fields)
            return graph.add(f"{name}_flatten", flat, value, shape, value.factor)
        case Scale():
            return Value(value.sources, shape, value.factor * module.factor)
        case Subsample():
            picked = _picked(module, value)
            return graph.add(f"{name}_subsample", picked, value, shape, value.factor)
    raise TypeError(f"{type(module).__name__} has no node")


def linear(layer: nn.Linear, factor: float) -> Part:
    """Weights times a factor; with a bias of 0 where there is none, for some programs read no
    other.
    """
    bias = layer.weight.new_zeros(layer.out_features) if layer.bias is None else layer.bias
    return Part("Affine", {"weight": array(layer.weight * factor), "bias": array(bias)})


def array(tensor: Tensor) -> np.ndarray:
    """A tensor as an array in single precision, in which all is computed."""
    return np.ascontiguousarray(tensor.detach().cpu().float().numpy())


def _pooled(graph: Graph, name: str, pool: AveragePool, value: Value, pools: Pools) -> Value:
    kind, share = {
        "average": ("AvgPool2d", 1.0),
        "sum": ("SumPool2d", 1 / float(np.prod(pool.window))),
    }[pools]
    window = np.array(pool.window)
    fields = {"kernel_size": window, "stride": window, "padding": np.zeros_like(window)}
    factor = value.factor * pool.gain * share
    shape = _after(pool, value.shape)
    return graph.add(f"{name}_pool", Part(kind, fields), value, shape, factor)


def _convolution(layer: nn.Conv2d, value: Value) -> Part:
    return _conv(
        value,
        layer.weight * value.factor,
        layer.weight.new_zeros(layer.out_channels) if layer.bias is None else layer.bias,
        layer.stride,
        layer.padding,
        layer.dilation,
    )


def _picked(layer: Subsample, value: Value) -> Part:
    """Every s-th pixel as a convolution of 1 x 1, whose new channels get nothing."""
    channels = value.shape[0]
    weight = torch.eye(channels + layer.padding, channels)[..., None, None]
    bias = torch.zeros(channels + layer.padding)
    return _conv(value, weight, bias, (layer.stride, layer.stride), (0, 0), (1, 1))


def _conv(
    value: Value,
    weight: Tensor,
    bias: Tensor,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> Part:
    return Part(
        "Conv2d",
        {
            "input_shape": value.shape[1:],
            "weight": array(weight),
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": 1,
            "bias": array(bias),
        },
    )


def _after(module: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a sample behind a layer."""
    with torch.no_grad():
        device = next((each.device for each in module.parameters()), None)
        return tuple(module(torch.zeros(1, *shape, device=device)).shape[1:])
