"""Readouts: cells that turn the output layer into running class scores, one file each."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
