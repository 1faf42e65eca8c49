"""Calibrations: corrections of a converted network for a number of timesteps, one per file."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
