"""Normalisation of the input current, one file per way of treating time."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
