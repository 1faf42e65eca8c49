"""Weights from one form of a network to another, and norms into weights."""

from collections.abc import Iterator

from torch import nn

from snnexp.layers.connection import Connection, absorb, fold
from snnexp.network.network import Network
from snnexp.network.parts import connections


def transfer(source: Network, target: Network) -> None:
    """Copies connections (weights and norms) from one form to another; the encoder is shared, what
    belongs to neurons stays.

    Raises:
        RuntimeError: the two forms do not have the same connections with tensors of the same
            shapes; then nothing has been copied.
    """
    ours, theirs = connections(source), connections(target)
    if ours.keys() != theirs.keys():
        raise RuntimeError(
            f"forms differ in their connections: {sorted(ours.keys() ^ theirs.keys())}"
        )
    faults = [
        fault
        for name, connection in ours.items()
        for fault in _mismatches(name, connection, theirs[name])
    ]
    if faults:
        raise RuntimeError("\n".join(["forms differ in their weights:", *faults]))
    for name, connection in ours.items():
        if _is_folded(connection, theirs[name]):
            fold(theirs[name])
        theirs[name].load_state_dict(connection.state_dict(), strict=True)


def _is_folded(source: Connection, target: Connection) -> bool:
    return isinstance(source.norm, nn.Identity) and not isinstance(target.norm, nn.Identity)


def _mismatches(name: str, source: Connection, target: Connection) -> Iterator[str]:
    given, wanted = (
        {key: value.shape for key, value in each.state_dict().items()} for each in (source, target)
    )
    if _is_folded(source, target):  # which leaves a bias in place of the norm
        wanted = {key: shape for key, shape in wanted.items() if not key.startswith("norm.")}
        wanted["weights.0.bias"] = wanted["weights.0.weight"][:1]
    for key in sorted(given.keys() | wanted.keys()):
        if given.get(key) != wanted.get(key):
            said = (
                " x ".join(map(str, shape)) if shape is not None else "not there"
                for shape in (given.get(key), wanted.get(key))
            )
            yield "  {}.{}: size mismatch, {} in the source, {} in the target".format(
                name, key, *said
            )


def absorb_norms(network: nn.Module) -> None:
    """Folds every norm of the network into its weights, in place, and gives weights without a bias
    one.
    """
    for connection in connections(network).values():
        absorb(connection)


def fold_norms(network: nn.Module) -> None:
    """Folds every norm of the network into its weights, in place."""
    for connection in connections(network).values():
        fold(connection)
