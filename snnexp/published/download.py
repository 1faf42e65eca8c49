"""A file of somebody else's server: of bounded size, in bounded time, by HTTP alone."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

import snnexp
from snnexp.files.atomic import replacing
from snnexp.files.disk import writing
from snnexp.files.foreign import PART, Absent, Unreadable
from snnexp.files.visible import one_line
from snnexp.published.address import is_safe

SILENCE = 30.0
"""Seconds after which a server that says nothing is given up."""
LONGEST = 3600.0
"""Seconds that a file may take."""


def download(url: str, path: Path, limit: int) -> None:
    """Writes what a server has at `url` to `path`, whole or not at all.

    Args:
        url: of the file, by https, or by http on this machine.
        path: where to.
        limit: bytes that it may have.

    Raises:
        Absent: there is no such file.
        Unreadable: it cannot be fetched, is larger, or takes too long.
    """
    with _explained(url), _opener(url).open(_request(url), timeout=SILENCE) as answer:
        _refuse_large(url, int(answer.headers.get("Content-Length") or 0), limit)
        with writing(path, limit), replacing(path) as draft, draft.open("xb") as file:
            for piece in _pieces(url, answer, limit):
                file.write(piece)


def _pieces(url: str, answer: Any, limit: int) -> Iterator[bytes]:
    left, end = limit, time.monotonic() + LONGEST
    while piece := answer.read1(PART):
        left -= len(piece)
        _refuse_large(url, limit - left, limit)
        if time.monotonic() > end:
            raise Unreadable(url, f"took longer than {LONGEST:.0f} s")
        yield piece
    if answer.length:
        raise Unreadable(url, f"ended {answer.length} bytes too early")


def _refuse_large(url: str, size: int, limit: int) -> None:
    if size > limit:
        raise Unreadable(url, f"more than the {limit} bytes that such a file may have")


@contextmanager
def _explained(url: str) -> Iterator[None]:
    try:
        yield
    except HTTPError as error:
        with error:
            kind = Absent if error.code in (404, 410) else Unreadable
            raise kind(url, f"cannot be fetched ({error.code} {error.reason})") from None
    except URLError as error:
        raise Unreadable(url, f"cannot be fetched ({error.reason})") from error
    except (TimeoutError, ConnectionError, HTTPException, ValueError) as error:
        why = one_line(f"{type(error).__name__} {error}".strip())
        raise Unreadable(url, f"cannot be fetched ({why})") from error


def _request(url: str) -> Request:
    return Request(url, headers={"User-Agent": f"snnexp/{snnexp.__version__}"})


class _Redirects(HTTPRedirectHandler):
    """Follows to where the answer is still from whom it names; no server leads to a file of this
    machine or to an open line.
    """

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if not is_safe(newurl) or (newurl.startswith("http:") and req.type == "https"):
            raise URLError(f"it leads to {newurl}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(url: str) -> OpenerDirector:
    """Of nothing but HTTP: urllib's own one reads files and FTP, too. No proxy knows this
    machine.
    """
    opener = OpenerDirector()
    proxies = ProxyHandler(None if url.startswith("https:") else {})
    ways = (proxies, HTTPHandler(), HTTPSHandler(), _Redirects())
    for handler in (*ways, HTTPDefaultErrorHandler(), HTTPErrorProcessor(), UnknownHandler()):
        opener.add_handler(handler)
    return opener
