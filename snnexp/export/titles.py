"""What classes say of themselves."""

from torch import nn


def title(module: nn.Module) -> str:
    """The first sentence that the class of a module says of itself; of one without words, its
    name.
    """
    said = (type(module).__doc__ or type(module).__name__).strip()
    return " ".join(said.split("\n\n")[0].split())
