"""The analog network as ONNX; what is written is looked at in tests/cli/test_export.py."""

import pytest
import torch

from snnexp.errors import ConfigError
from snnexp.export.onnx import onnx_file
from snnexp.network.spiking import spiking_network
from tests.support.networks import blueprint


def test_a_network_of_spikes_is_refused():
    with pytest.raises(ConfigError, match=r"of form spiking.*\.nir"):
        onnx_file(spiking_network(blueprint()), torch.rand(2, 1, 8, 8), {})
