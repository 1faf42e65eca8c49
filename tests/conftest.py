"""What all tests share."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from snnexp import stopping
from tests.support.warm import WarmShell, warm


@pytest.fixture(autouse=True)
def nobody_asks_to_stop() -> Iterator[None]:
    """What a test has asked of runs is not asked of those of the next."""
    yield
    stopping.forget()


@pytest.fixture(scope="session", autouse=True)
def warm_process() -> Iterator[None]:
    """The process from which others are forked ends with the tests."""
    yield
    if warm.cache_info().currsize:
        warm().close()


@pytest.fixture(scope="session", autouse=True)
def options_are_read_once() -> Iterator[None]:
    """Compositions of this process take less time."""
    from tests.support.read_once import read_once

    with read_once():
        yield


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmShell]:
    """Many commands in one process."""
    shell = WarmShell(tmp_path_factory.mktemp("shell"))
    yield shell
    shell.close()


@pytest.fixture
def snnexp(shell: WarmShell, tmp_path: Path) -> WarmShell:
    """The same in a folder of the test's own."""
    shell.folder = tmp_path
    return shell


@pytest.fixture(scope="session")
def torchvision() -> ModuleType:
    """It takes longer to import than most tests."""
    import_module("torchvision.transforms.v2.functional")
    return import_module("torchvision")


@pytest.fixture
def double() -> Iterator[None]:
    """Tensors are in float64, and weights the same at every call."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(before)


def pytest_configure(config: pytest.Config) -> None:
    # OmegaConf's DictConfig derives from typing.MutableMapping; beartype says so at every
    # annotation that names it.
    config.addinivalue_line("filterwarnings", "ignore:.*deprecated by PEP 585")
