"""What a run tells the outside while it goes: the terminal, the files of the run folder, and
trackers, one file each.
"""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
