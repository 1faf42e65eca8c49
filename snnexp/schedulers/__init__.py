"""How the learning rate changes along a training, beside the schedules of torch."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
