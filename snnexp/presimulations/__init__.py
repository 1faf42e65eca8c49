"""Presimulations: hidden timesteps that choose the potentials from which neurons start, one file
each.
"""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
