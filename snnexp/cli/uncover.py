"""The package itself, where a folder of the same name hides it.

Components of one's own may live in a folder laid out like this package (`mine/snnexp/neurons`). An
editable installation is asked for `snnexp` only after all folders on Python's path, so that such a
folder is then taken for the whole package, and this module is the first that is found elsewhere.
"""

import sys
from importlib.util import spec_from_file_location
from pathlib import Path


def uncover() -> None:
    """Makes `snnexp` what it is again, with folders of that name beside its own."""
    package, folder = sys.modules["snnexp"], Path(__file__).parents[1]
    if getattr(package, "__file__", None) is not None:
        return
    spec = spec_from_file_location("snnexp", folder / "__init__.py")
    package.__spec__, package.__file__ = spec, spec.origin
    package.__path__ = [str(folder)]
    spec.loader.exec_module(package)  # which looks for the others itself
