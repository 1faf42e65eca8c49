"""Network bodies as functions of a unit and a norm, one family per file."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
