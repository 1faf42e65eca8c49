"""Losses on what a network gives, one file each, and the reading they take."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
