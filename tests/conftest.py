"""What all tests share."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # OmegaConf's DictConfig derives from typing.MutableMapping; beartype says so at every annotation that names it.
    config.addinivalue_line("filterwarnings", "ignore:.*deprecated by PEP 585")
