"""An evaluation in the course of a training."""

from snnexp.datasets.batches import Batches
from snnexp.errors import NumericalError
from snnexp.finite import require_figures
from snnexp.network.network import Network
from snnexp.training.session import Session


def evaluated(network: Network, session: Session, place: str) -> dict[str, float]:
    """Loss and accuracy on the test set, and on the validation set if there is one, by the names
    that records have.

    Raises:
        NumericalError: a figure, potential or score is not finite, at `place`.
    """
    splits = {"test": session.test, "validation": session.validation}
    figures = {}
    for split, batches in splits.items():
        if batches is not None:
            figures |= _figures(split, network, batches, session, place)
    require_figures(figures, place)
    return figures


def _figures(
    split: str, network: Network, batches: Batches, session: Session, place: str
) -> dict[str, float]:
    try:
        measured = session.evaluator(network, batches)
    except NumericalError as error:
        raise NumericalError(f"{place}: {error}") from error
    return {f"{split}/loss": measured.loss, f"{split}/accuracy": measured.accuracy}
