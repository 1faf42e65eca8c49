"""Several processes that train one network, as `torchrun` starts them; with one process every
function here does nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn


def rank() -> int:
    """The number of this process, from 0; process 0 writes the records."""
    return int(os.environ.get("RANK", 0))


def processes() -> int:
    """How many processes work together."""
    return int(os.environ.get("WORLD_SIZE", 1))


def local_device(device: torch.device) -> torch.device:
    """The device of this process: on CUDA, each process on a machine has one of its own."""
    if device.type != "cuda" or processes() == 1:
        return device
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Within the block the processes can talk to each other."""
    if processes() == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(
            device
        )  # what is passed on as a whole object goes through the current device
    distributed.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        device_id=device if device.type == "cuda" else None,
    )
    try:
        yield
    finally:
        distributed.destroy_process_group()


def share(places: Tensor) -> Tensor:
    """This process's part of `places`; the parts of all processes together are `places`, in
    order.
    """
    return places.tensor_split(processes())[rank()]


def summed(*numbers: int | float, device: torch.device | str = "cpu") -> tuple[int | float, ...]:
    """Each number summed over all processes, in float64."""
    if processes() == 1:
        return numbers
    return tuple(total(torch.tensor(numbers, dtype=torch.float64, device=device)).tolist())


def anywhere(here: bool) -> bool:
    """Whether it is so in any of the processes."""
    if processes() == 1:
        return here
    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    return summed(int(here), device=device) != (0.0,)


def total(values: Tensor) -> Tensor:
    """`values` summed over all processes, elementwise; in place."""
    if processes() > 1:
        distributed.all_reduce(values)
    return values


def stacked(values: Tensor) -> Tensor:
    """The `values` of every process, of one shape, along a new first dimension."""
    if processes() == 1:
        return values[None]
    parts = [torch.empty_like(values) for _ in range(processes())]
    distributed.all_gather(parts, values)
    return torch.stack(parts)


def from_first(value: Any, device: torch.device) -> Any:
    """What process 0 has for `value`, in every process."""
    if processes() == 1:
        return value
    box = [value]
    distributed.broadcast_object_list(box, src=0, device=device)
    return box[0]


def gathered(value: Any) -> list[Any]:
    """The `value` of every process, in their order."""
    if processes() == 1:
        return [value]
    values = [None] * processes()
    distributed.all_gather_object(values, value)
    return values


def align(network: nn.Module) -> None:
    """Sets the buffers of `network` to those of process 0, whose weights are saved: what modules
    keep of their own share differs.
    """
    for buffer in network.buffers() if processes() > 1 else ():
        distributed.broadcast(buffer, src=0)
