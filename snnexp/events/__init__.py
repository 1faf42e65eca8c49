"""Events of a camera: recordings in their forms, frames that count them, and a simulated camera."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
