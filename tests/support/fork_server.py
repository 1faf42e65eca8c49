"""Answers on stdin and stdout: starts `snnexp` in processes forked from this one, which has
imported everything, and waits for them.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pkgutil import extend_path
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

    def run() -> int:
        os.chdir(folder)
        os.environ.update(variables)
        _open(out, err)
        if killed is not None:
            _kill_at(killed)
        return _command(words)

    return _forked(run, ignored)


def serving(
    asked: str, answered: str, search: list[str], variables: dict[str, str], ignored: list[int]
) -> int:
    """The number of a process that answers many commands, asked and answered through two named
    pipes, with `search` first on Python's path.
    """

    def serve() -> int:
        from tests.support import command_server

        os.environ.clear()
        os.environ.update(variables)
        _find_in(search)
        for place in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), place)
        sys.stdout, sys.stderr = (open(place, "w", closefd=False) for place in (1, 2))
        with open(asked) as questions, open(answered, "w") as answers:
            command_server.serve(questions, answers)
        return 0

    return _forked(serve, ignored)


def _forked(act: Callable[[], int], ignored: list[int]) -> int:
    """The number of a process that does this and ends; it hears signals but those it ignores."""
    number = os.fork()
    if number:
        return number
    os.setsid()
    for each in (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN if each in ignored else signal.SIG_DFL)
    interrupt = signal.SIG_IGN if signal.SIGINT in ignored else signal.default_int_handler
    signal.signal(signal.SIGINT, interrupt)
    code = 1
    try:
        code = act()
    except SystemExit as end:
        code = end.code
    finally:
        os._exit(code)


def _open(out: str, err: str) -> None:
    for place, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644), place)
    sys.stdout = open(1, "w", closefd=False)
    sys.stderr = open(2, "w", closefd=False, buffering=1)


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


def _command(words: list[str]) -> int:
    from snnexp.cli.main import main

    sys.argv = ["snnexp", *words]
    main()
    return 1


def _find_in(search: list[str]) -> None:
    """Folders are found as if they had stood on Python's path from the start."""
    sys.path[:0] = search
    packages = [name for name in sys.modules if name.partition(".")[0] == "snnexp"]
    for name in sorted(packages) if search else ():
        package = sys.modules[name]
        if hasattr(package, "__path__"):
            package.__path__ = extend_path(package.__path__, name)


def _answer(question: dict[str, Any]) -> int | None:
    """The number of a process that begins, or the exit code of one that ends; `None` while one
    that is asked about goes on.
    """
    if "words" in question:
        return started(**question)
    if "asked" in question:
        return serving(**question)
    patience = 0 if "wait" in question else os.WNOHANG
    number, code = os.waitpid(question.get("wait", question.get("ended")), patience)
    return os.waitstatus_to_exitcode(code) if number else None


if __name__ == "__main__":
    import sklearn.datasets  # noqa: F401
    import torch._dynamo  # noqa: F401 - of every optimizer's first step

    import snnexp.cli.evaluate
    import snnexp.cli.job
    import snnexp.cli.train
    import snnexp.training.loop  # noqa: F401
    from snnexp.composition.compose import composed
    from tests.support.read_once import read_once

    with read_once():
        composed([])
        for line in sys.stdin:
            print(json.dumps(_answer(json.loads(line))), flush=True)
