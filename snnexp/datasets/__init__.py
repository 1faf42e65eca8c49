"""Data sets held as one uint8 tensor, one file per family."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
