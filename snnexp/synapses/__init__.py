"""Cells that filter the input current of a neuron over time."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
