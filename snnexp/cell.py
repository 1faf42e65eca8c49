"""Cells, the one loop over time, and streaming.

Legend of shapes: T time, B batch, C H W image, N features, K classes; `*n` is any feature shape.
"""

import abc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.kernels.layout import once

# a tensor or a tuple of tensors, each [B, ...]; beside them whole numbers that all samples share
State = Any


class Cell(nn.Module, abc.ABC):
    """Something that lives in time: `step(x_t, state) -> (y_t, state)`, a pure function of its
    arguments.

    Neurons, synapses, readouts and per-step norms are cells. A cell never loops over time and keeps
    nothing between calls.
    """

    memoryless: ClassVar[bool] = False
    """True where `step` ignores the state, so that a constant input gives a constant output."""
    identity: ClassVar[bool] = False
    """True where `step` returns its input, so that `Over` may leave the cell out."""
    first_order: ClassVar[bool] = False
    """True where it is the filter y = y + (x - y) / time_constant, with that setting."""
    own_gradient: ClassVar[bool] = False
    """True where `through` (see `Whole`) has a backward pass of its own, not that of the loop over
    `step`; "Source:" says whose.
    """

    @abc.abstractmethod
    def initial(self, x: Float[Tensor, "B *n"]) -> State:
        """State before the first timestep, for an input like `x`."""

    @abc.abstractmethod
    def step(self, x: Float[Tensor, "B *n"], state: State) -> tuple[Float[Tensor, "B *m"], State]:
        """One timestep: input and state to output and next state."""


def at_rest(x: Float[Tensor, "B *n"], value: float | Tensor = 0.0) -> Float[Tensor, "B *n"]:
    """A state shaped like `x`, `value` everywhere, in float32 at least: half precision cannot
    integrate small currents.

    One number in memory, expanded: a state at rest costs a backward pass nothing. Not to be written
    to.
    """
    dtype = torch.promote_types(x.dtype, torch.float32)
    state = (
        value.to(dtype, copy=True)
        if isinstance(value, Tensor)
        else torch.full((), value, dtype=dtype, device=x.device)
    )
    return state.expand(x.shape)


def is_static(x: Float[Tensor, "T B *n"]) -> bool:
    """Whether `x` is one timestep expanded over time (stride 0), so that stateless layers need to
    see it once only.
    """
    return x.shape[0] > 1 and x.stride(0) == 0


def changes(
    y: Float[Tensor, "T B *n"], before: Float[Tensor, "B *n"] | None
) -> Float[Tensor, "T B *n"]:
    """Where `y` differs from the timestep before: the spikes of what spikes switch on and off.
    `before` precedes the first, None is 0.
    """
    earlier = torch.zeros_like(y[:1]) if before is None else before[None]
    return (y != torch.cat([earlier, y[:-1]])).to(y.dtype)


@runtime_checkable
class Whole(Protocol):
    """A cell that also brings its whole sequence: all timesteps of a call as one operation.

    For a cell whose loop a fused kernel runs faster, or whose backward pass needs all timesteps at
    once. `step` stays the definition of the values: `through` returns what `stepwise` returns,
    spikes to the last bit. So do its gradients, to rounding, unless the class states
    `own_gradient`.
    """

    def through(
        self, x: Float[Tensor, "T B *n"], state: State, count: bool
    ) -> tuple[Float[Tensor, "T B *m"], State, Float[Tensor, "B *m"] | None] | None:
        """Output of all timesteps and the state after them; None where the cell has to be run step
        by step after all.

        Called wherever `Over` meets the cell: in training, in evaluation, in chunks under
        `streaming`, where `state` is what the chunk before has left, and while a compiler traces
        the network. A cell whose operation a compiler cannot see through returns None there
        (`torch.compiler.is_compiling()`).

        Args:
            x: the input, perhaps one timestep expanded over time (`is_static`).
            state: before the first timestep of `x`; what `initial` or an earlier call returned.
            count: whether the spikes of each neuron are asked for too, as the third value. No
                gradients are taken then. None is always a possible answer: the caller then counts
                by itself.
        """


@runtime_checkable
class Sized(Protocol):
    """A cell with numbers of its own for every channel, neuron or place, such as thresholds or
    coefficients that are learned.

    A constructor knows settings, but not where in a network its cell will stand; that is told here.
    The output has the shape of the input.
    """

    def sized(self, shape: tuple[int, ...]) -> None:
        """Takes the shape of one sample of the input, `(N,)` or `(C, H, W)`; called once, before
        any weights are loaded.
        """


@runtime_checkable
class Roomy(Protocol):
    """A module some of whose tensors a stage may give another shape than they are built with, such
    as a potential for each neuron in place of one for all.

    What `Sized` tells is where the module stands; this is what has been made of it there.
    """

    def make_room(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Gives its tensors the shapes of those that are about to be loaded.

        Args:
            shapes: of the saved tensors, by the names that they have in this module.
        """


class Over(nn.Module):
    """Runs a chain of cells over the leading time axis: `[T, B, *n] -> [T, B, *m]`. The only loop
    over time in the package.

    Outside `streaming` nothing is kept between calls. The output has the dtype of the input; states
    keep their own. A spike that carries its threshold is therefore rounded in half precision, as
    the weights are that it meets; what the reset subtracts is not. A cell that brings its whole
    sequence (`Whole`) runs as one operation, every other step by step; the cell stays the
    definition.
    """

    def __init__(self, *cells: Cell):
        super().__init__()
        self.cells = nn.ModuleList(cell for cell in cells if not cell.identity)
        self.states: list[State] | None = None  # lent by `streaming`, never owned
        self.counting = False  # whether the next calls leave `counts`; for whoever records
        self.counts: Tensor | None = None
        """Spikes [B, *n] of each neuron in the last call, by-product of `through`; None where it
        gave none.
        """

    def forward(self, x: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *m"]:
        self.counts, y = None, x
        for place, cell in enumerate(cast("Iterable[Cell]", self.cells)):
            y = self._through(place, cell, y)
        return y.to(x.dtype)

    def _through(self, place: int, cell: Cell, x: Tensor) -> Tensor:
        """One cell over all timesteps; cells of a chain feed forward only, so this is the chain
        step by step.
        """
        if cell.memoryless and is_static(x):
            return cell.step(once(x), cell.initial(x[0]))[0].expand(len(x), *[-1] * (x.dim() - 1))
        state = (
            cell.initial(x[0])
            if self.states is None or self.states[place] is None
            else self.states[place]
        )
        whole = self._whole(cell, x, state)
        y, state = stepwise(cell, x, state) if whole is None else whole
        if self.states is not None:
            self.states[place] = state
        return y

    def _whole(self, cell: Cell, x: Tensor, state: State) -> tuple[Tensor, State] | None:
        if not isinstance(cell, Whole):
            return None
        result = cell.through(x, state, self.counting and not torch.is_grad_enabled())
        if result is None:
            return None
        y, state, self.counts = result
        return y, state


def stepwise(
    cell: Cell, x: Float[Tensor, "T B *n"], state: State
) -> tuple[Float[Tensor, "T B *m"], State]:
    """Output of all timesteps and the state after them, by the loop over `step`: the definition of
    what a cell does.
    """
    outputs = []
    for x_t in x.unbind(0):
        y_t, state = cell.step(x_t, state)
        outputs.append(y_t)
    return torch.stack(outputs), state


@contextmanager
def streaming(network: nn.Module) -> Iterator[None]:
    """Within the block, consecutive calls of `network` are consecutive chunks of timesteps of one
    input; no gradients.

    States carry over from call to call and are gone when the block ends, so chunks of any length
    give what one call over all steps gives.
    """
    loops = [module for module in network.modules() if isinstance(module, Over)]
    for loop in loops:
        loop.states = [None] * len(loop.cells)
    try:
        with torch.no_grad():
            yield
    finally:
        for loop in loops:
            loop.states = None
