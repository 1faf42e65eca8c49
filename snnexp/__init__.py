"""snnexp: a bench on which every way of training deep spiking neural networks can be run, measured
and compared.
"""

from pkgutil import extend_path

# A user's own components live in a folder laid out like this package (`snnexp/neurons/mine.py`) on
# PYTHONPATH.
__path__ = extend_path(__path__, __name__)
__version__ = "0.1.0"
