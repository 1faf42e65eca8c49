"""From what ended a run to its exit code."""

from snnexp.cli.codes import BAD_CONFIG, BAD_DATA, FAILED, NO_ROOM, NOT_FINITE, STOPPED
from snnexp.composition.explain import MISTAKES
from snnexp.datasets.base import DataError
from snnexp.errors import ConfigError, NumericalError, OutOfMemory
from snnexp.files.disk import FULL
from snnexp.files.foreign import Unreadable
from snnexp.runs.status import RunFolderTaken
from snnexp.stopping import Stopped


def exit_code(error: BaseException) -> int:
    """The exit code of the command line for `error`."""
    from snnexp.errors import ran_out

    if isinstance(error, Stopped):
        return 128 + error.number
    if isinstance(error, KeyboardInterrupt):
        return STOPPED
    if (
        ran_out(error)
        or isinstance(error, OutOfMemory)
        or (isinstance(error, OSError) and error.errno in FULL)
    ):
        return NO_ROOM
    kinds = (
        ((ConfigError, RunFolderTaken, *MISTAKES), BAD_CONFIG),
        ((DataError, Unreadable), BAD_DATA),
        (NumericalError, NOT_FINITE),
    )
    return next((code for kind, code in kinds if isinstance(error, kind)), FAILED)
