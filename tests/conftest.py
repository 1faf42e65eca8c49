"""What all tests share."""

from collections.abc import Iterator

import pytest

from snnexp import stopping


@pytest.fixture(autouse=True)
def nobody_asks_to_stop() -> Iterator[None]:
    """What a test has asked of runs is not asked of those of the next."""
    yield
    stopping.forget()


def pytest_configure(config: pytest.Config) -> None:
    # OmegaConf's DictConfig derives from typing.MutableMapping; beartype says so at every
    # annotation that names it.
    config.addinivalue_line("filterwarnings", "ignore:.*deprecated by PEP 585")
