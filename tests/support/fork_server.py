"""Answers on stdin and stdout: starts `snnexp` in processes forked from this one, which has
imported everything, and waits for them.
"""

import json
import os
import signal
import sys
from typing import Any


def started(
    words: list[str],
    folder: str,
    out: str,
    err: str,
    ignored: list[int],
    killed: str | None,
    variables: dict[str, str],
) -> int:
    """The number of a process that runs a command; `killed` names where it is to be killed as it
    writes a checkpoint.
    """
    number = os.fork()
    if number:
        return number
    os.setsid()
    for each in (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN if each in ignored else signal.SIG_DFL)
    os.chdir(folder)
    os.environ.update(variables)
    for place, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644), place)
    if killed is not None:
        _kill_at(killed)
    sys.argv, sys.stdout, sys.stderr = (
        ["snnexp", *words],
        open(1, "w", closefd=False),
        open(2, "w", closefd=False, buffering=1),
    )
    _leave()


def _kill_at(where: str) -> None:
    replace, count = os.replace, [0]

    def replacing(source: Any, target: Any) -> None:
        count[0] += ".pt" in str(target)
        if count[0] == 2 and where == "before the rename":
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
        if count[0] == 2 and where == "behind the rename":
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replacing


def _leave() -> None:
    from snnexp.cli.main import main

    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler) if signal.getsignal(
            signal.SIGINT
        ) == signal.SIG_DFL else None
        main()
    except SystemExit as end:
        code = end.code
    finally:
        os._exit(code)


if __name__ == "__main__":
    import sklearn.datasets  # noqa: F401

    import snnexp.cli.evaluate
    import snnexp.cli.job
    import snnexp.cli.train  # noqa: F401

    for line in sys.stdin:
        question = json.loads(line)
        answer = (
            started(**question)
            if "words" in question
            else os.waitstatus_to_exitcode(os.waitpid(question["wait"], 0)[1])
        )
        print(json.dumps(answer), flush=True)
