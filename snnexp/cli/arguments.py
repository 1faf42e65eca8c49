"""The parser of the arguments of a command that has options of its own."""

import argparse
from typing import Any

from snnexp.files.visible import visible


class Parser(argparse.ArgumentParser):
    """What argparse says of arguments repeats them as they are, and a shell may have taken them
    from the names of files.
    """

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(visible(message), file)
