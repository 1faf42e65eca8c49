"""Weights of a network as a safetensors file that says which form it has."""

import hashlib
import json
from pathlib import Path
from typing import BinaryIO, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from snnexp.atomic import write_bytes
from snnexp.datasets.base import DataError
from snnexp.network import Blueprint, Network, connections, fold_norms, form_of


def save(network: Network, path: Path) -> str:
    """Writes all tensors of `network` and the name of its form, whole or not at all; the SHA-256 of the bytes, equal for equal weights."""
    # One key alone: safetensors writes several in random order.
    form = {"form": form_of(network)}
    # Copies: a cell that is known under two names shares its buffers, which the format does not allow.
    tensors = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in network.state_dict().items()}
    data = to_bytes(tensors, form)
    write_bytes(path, data)
    return hashlib.sha256(data).hexdigest()


def load(blueprint: Blueprint, path: Path, device: torch.device, encoder: Literal["saved", "own"] = "saved") -> Network:
    """Builds the network of `blueprint` in the form that was saved and loads every tensor strictly.

    Args:
        blueprint: of the network that was saved, perhaps with another encoder.
        path: of the file.
        device: where the network will be.
        encoder: whose statistics the encoder has: "saved", those of the training; "own", those it has taken itself, as an encoder
            with other settings must.

    Raises:
        DataError: the file is missing, damaged, or holds the weights of another network.
    """
    form, tensors = read(path, device)
    network = {"spiking": blueprint.spiking, "timed": blueprint.timed, "analog": blueprint.analog}[form]()
    if encoder == "own":
        tensors = {name: value for name, value in tensors.items() if name not in _encoder(tensors)} | _encoder(network.state_dict())
    try:
        if not any(".norm." in name for name in tensors):  # folded, unless there were none
            fold_norms(network)
        _make_room(network, tensors)
        network.load_state_dict(tensors)
    except (RuntimeError, TypeError) as error:
        raise DataError(f"{path}: holds the weights of another network. {error}") from error
    return network.to(device).eval()


def read(path: Path, device: torch.device | str = "cpu") -> tuple[str, dict[str, Tensor]]:
    """The form and all tensors of a network that was saved.

    Raises:
        DataError: they cannot be read, or are not those of which the result beside them has the SHA-256.
    """
    try:
        _compare(path)
        with safe_open(path, framework="pt", device=str(device)) as file:
            return (file.metadata() or {}).get("form", "analog"), {name: file.get_tensor(name) for name in file.keys()}
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: cannot be read ({error}). Expected: the weights.safetensors of a finished run") from error


def _compare(path: Path) -> None:
    """Raises `DataError` where a file is not what the run beside it has written. Results from before there were such sums have none."""
    wanted = _written(path.with_name("result.json"))
    if wanted is None:
        return
    with path.open("rb") as file:
        found = _digest(file)
    if found != wanted:
        raise DataError(
            f"{path}: is damaged or not that of this run: its SHA-256 is {found}, result.json beside it says {wanted}. "
            "Expected: the file as the run wrote it; copy it again, or train again"
        )


def _digest(file: BinaryIO) -> str:
    """SHA-256 of a file, a piece at a time."""
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()


def _written(result: Path) -> str | None:
    try:
        said = json.loads(result.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return said.get("weights_sha256") if isinstance(said, dict) else None


def _make_room(network: Network, tensors: dict[str, Tensor]) -> None:
    """What a calibration adds to a converted network: biases, and potentials at the start for each neuron."""
    for name, connection in connections(network).items():
        bias = tensors.get(f"{name}.weights.0.bias")
        if bias is not None and connection.layer.bias is None:
            connection.layer.bias = nn.Parameter(bias)
    for name, buffer in list(network.named_buffers()):
        owner, _, key = name.rpartition(".")
        if key == "initial_potential" and name in tensors and tensors[name].dim() > buffer.dim():
            setattr(network.get_submodule(owner), key, tensors[name])


def _encoder(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in tensors.items() if name.startswith("encoder.")}
