"""Losses on the class scores, one file each."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
