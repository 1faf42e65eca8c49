"""The command line, one command per file."""

from snnexp.cli.uncover import uncover

uncover()
