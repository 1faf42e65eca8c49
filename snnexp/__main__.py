"""`python -m snnexp` is `snnexp`."""

from snnexp.cli.main import main

main()
