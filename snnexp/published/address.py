"""Where a published network lies that is not on this machine."""

import os
import re
from urllib.parse import quote, urlsplit

from snnexp.errors import ConfigError

HUB = "https://huggingface.co"
ENDPOINT = "HF_ENDPOINT"
"""The environment variable with the address of another hub, as Hugging Face's programs know it."""
NAME = r"[A-Za-z0-9][\w.-]{0,95}"
SHORT = re.compile(rf"hf://({NAME}/{NAME})(?:@([\w./-]{{1,255}}))?", re.ASCII)
PAGE = re.compile(rf"/({NAME}/{NAME})(?:/tree/([\w./-]{{1,255}}))?/?", re.ASCII)
LOOPBACK = ("localhost", "127.0.0.1", "::1")
FORMS = (
    "hf://ORG/NAME, hf://ORG/NAME@REVISION, https://huggingface.co/ORG/NAME, https://HOST/FOLDER"
)


def is_address(text: str) -> bool:
    """Whether something is the address of a published network, and no folder."""
    return "://" in text


def base_of(address: str) -> str:
    """The address below which the files lie, without a slash at its end.

    Raises:
        ConfigError: it is no address, or none that can be trusted to be answered by whom it names.
    """
    short = SHORT.fullmatch(address)
    if short is not None:
        return _on_hub(*short.groups())
    parts = _parts(address)
    if not is_safe(address) or parts.query or parts.fragment or parts.username is not None:
        raise ConfigError(f"{address}: no address of a published network; there are {FORMS}")
    page = PAGE.fullmatch(parts.path) if f"{parts.scheme}://{parts.netloc}" == _hub() else None
    return address.rstrip("/") if page is None else _on_hub(*page.groups())


def is_safe(url: str) -> bool:
    """Whether what comes from there is from whom it names: encrypted, or of this machine."""
    parts = _parts(url)
    if not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def _parts(url: str):
    try:
        return urlsplit(url)
    except ValueError:  # such as of brackets that do not close
        return urlsplit("")


def _hub() -> str:
    return os.environ.get(ENDPOINT, HUB).rstrip("/")


def _on_hub(name: str, revision: str | None) -> str:
    return f"{_hub()}/{name}/resolve/{quote(revision or 'main', safe='')}"
