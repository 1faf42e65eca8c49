"""Answers many commands of `snnexp` in one process: each line of stdin asks for one, each line of
stdout answers it, both in JSON.
"""

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO


def answered(words: list[str], folder: str, variables: dict[str, str]) -> dict[str, Any]:
    """Exit code, stdout and stderr of a command in `folder`; and whether torch has been imported by
    now.
    """
    from snnexp.cli.main import main

    os.chdir(folder)
    before = dict(os.environ)
    os.environ.update(variables)
    sys.argv = ["snnexp", *words]
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        try:
            code = main()
        except SystemExit as end:
            code = end.code
    os.environ.clear()
    os.environ.update(before)
    return {
        "code": code,
        "out": out.getvalue(),
        "err": err.getvalue(),
        "torch": "torch" in sys.modules,
    }


def serve(questions: Iterable[str], answers: TextIO) -> None:
    """Answers until nobody asks any more."""
    for question in questions:
        print(json.dumps(answered(**json.loads(question))), file=answers, flush=True)


if __name__ == "__main__":
    from tests.support.read_once import read_once

    with read_once():
        serve(sys.stdin, sys.stdout)
