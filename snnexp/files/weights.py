"""Under which name a folder has the weights of its network."""

from pathlib import Path

WEIGHTS = "weights.safetensors"
"""In the folder of a run."""
PUBLISHED = "model.safetensors"
"""In that of a published network: the name that the Hugging Face Hub knows."""


def weights_in(folder: Path) -> Path:
    """The file of the weights of a run or a published network, whether or not it is there."""
    own = folder / WEIGHTS
    return folder / PUBLISHED if is_published(folder) else own


def is_published(folder: Path) -> bool:
    """Whether this is the folder of a published network, and no run."""
    return (folder / PUBLISHED).exists() and not (folder / WEIGHTS).exists()
