"""Hydra reads every file of the package's options anew at every composition, which takes a quarter
of the time; in tests it reads each once.
"""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource


@contextmanager
def read_once() -> Iterator[None]:
    """Within it a file of options that has not changed is not read again."""
    Plugins.instance()  # registers the sources
    source = SourcesRegistry.instance().resolve("pkg")
    read, kept = source._read_config, {}

    def remembered(self: ConfigSource, file: Any) -> ConfigResult:
        key = (str(file), file.stat().st_mtime_ns, self.provider, self.path)
        if key not in kept:
            kept[key] = pickle.dumps(read(self, file))
        return pickle.loads(kept[key])

    with patch.object(source, "_read_config", remembered):
        yield
