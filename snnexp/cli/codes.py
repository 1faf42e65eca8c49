"""Exit codes of the command line. Nothing here imports torch."""

FAILED, BAD_CONFIG, BAD_DATA, NO_ROOM, NOT_FINITE = 1, 2, 3, 4, 5
STOPPED, NOBODY_READS = 130, 141
"""As of SIGINT, and of SIGPIPE."""
