"""Step functions whose derivative is replaced by a finite slope in the backward pass."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
