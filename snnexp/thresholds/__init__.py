"""Rules that choose the threshold of a converted layer, one per file."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
