"""Activation functions of the analog form, one file each."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
