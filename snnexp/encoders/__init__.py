"""Encoders: from images to what the network receives at every timestep, one file each."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
