"""The analog network as a file of ONNX."""

import warnings
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.errors import ConfigError
from snnexp.export.missing import need
from snnexp.network.network import Network

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
IMAGES, SCORES = "images", "scores"
"""Names of what goes into the graph, and of what comes out."""
TOLERANCE = 1e-5
"""Difference of a score, as a share of the largest, that rounding explains."""


def refuse(network: Network) -> None:
    """Raises `ConfigError` where a network is not of form analog."""
    if network.form != "analog":
        raise ConfigError(
            f"an .onnx file is of the analog network, and this one is of form {network.form}, "
            "whose neurons keep potentials from timestep to timestep; write a .nir file"
        )


def onnx_file(
    network: Network, images: Float[Tensor, "B *sample"], metadata: dict[str, str]
) -> bytes:
    """A network of form analog as the bytes of an .onnx file: images as the data set gives them, as
    many as there are, to scores.

    Args:
        network: as trained.
        images: two or more of the data set, whose values do not matter.
        metadata: what is known of it beside its nodes.

    Raises:
        ConfigError: the network is not of form analog.
        MissingPackage: a package that this needs is not installed.
    """
    refuse(network)
    need(*PACKAGES)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that the exporter needs
        program: Any = torch.onnx.export(
            _Scores(network).eval(),
            (images.to(_device(network)),),
            input_names=[IMAGES],
            output_names=[SCORES],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            verbose=False,
        )
    program.model.metadata_props.update(metadata)
    return program.model_proto.SerializeToString()


def apart(file: bytes, network: Network, images: Float[Tensor, "B *sample"]) -> float:
    """The largest difference of a score that onnxruntime finds from ours, as a share of the largest
    score, or of 1 where that is more.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (theirs,) = session.run([SCORES], {IMAGES: images.cpu().numpy()})
    with torch.no_grad():
        ours = _Scores(network).eval()(images.to(_device(network))).cpu()
    return float((torch.from_numpy(theirs) - ours).abs().max() / ours.abs().max().clamp(min=1))


class _Scores(nn.Module):
    """Images to scores: all of a network of one timestep."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        keys = torch.zeros(images.shape[0], dtype=torch.int64, device=images.device)
        return self.network(images, range(1), keys).scores[-1]


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device
