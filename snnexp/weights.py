"""Weights of a network as a safetensors file that says which form it has."""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from snnexp.atomic import write_bytes
from snnexp.datasets.base import DataError
from snnexp.network import Blueprint, Network, fold_norms, is_spiking


def save(network: Network, path: Path) -> None:
    """Writes all tensors of `network` and its form ("spiking" or "analog"), whole or not at all; equal weights give equal bytes."""
    # One key alone: safetensors writes several in random order.
    form = {"form": "spiking" if is_spiking(network) else "analog"}
    # Copies: a cell that is known under two names shares its buffers, which the format does not allow.
    tensors = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in network.state_dict().items()}
    write_bytes(path, to_bytes(tensors, form))


def load(blueprint: Blueprint, path: Path, device: torch.device) -> Network:
    """Builds the network of `blueprint` in the form that was saved and loads every tensor strictly.

    Raises:
        DataError: the file is missing, damaged, or holds the weights of another network.
    """
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            form, tensors = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: cannot be read ({error}). Expected: the weights.safetensors of a finished run") from error
    network = blueprint.spiking() if form.get("form") == "spiking" else blueprint.analog()
    if _encoder(tensors).keys() != _encoder(network.state_dict()).keys():  # evaluated with another encoder than it was trained with
        tensors = {name: value for name, value in tensors.items() if name not in _encoder(tensors)} | _encoder(network.state_dict())
    try:
        if not any(".norm." in name for name in tensors):  # folded, unless there were none
            fold_norms(network)
        network.load_state_dict(tensors)
    except (RuntimeError, TypeError) as error:
        raise DataError(f"{path}: holds the weights of another network. {error}") from error
    return network.to(device).eval()


def _encoder(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in tensors.items() if name.startswith("encoder.")}
