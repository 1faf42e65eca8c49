"""Networks that lie on somebody else's server."""

import shutil
import socket
import threading
from pathlib import Path

import pytest

import snnexp
from snnexp.cli.evaluate import evaluate
from snnexp.cli.publish import publish
from snnexp.errors import ConfigError
from snnexp.files.documents import read_json
from snnexp.files.foreign import Unreadable
from snnexp.published import download, fetched
from snnexp.published.address import base_of
from tests.support.published import served
from tests.support.tiny_run import job

ASKED = ["/config.json", "/config.yaml", "/result.json", "/model.safetensors"]
ADDRESSES = {
    "hf://org/name": "https://huggingface.co/org/name/resolve/main",
    "hf://org/name@v1/a": "https://huggingface.co/org/name/resolve/v1%2Fa",
    "https://huggingface.co/org/name": "https://huggingface.co/org/name/resolve/main",
    "https://huggingface.co/org/na.me-2/": "https://huggingface.co/org/na.me-2/resolve/main",
    "https://huggingface.co/o/n/tree/dev": "https://huggingface.co/o/n/resolve/dev",
    "https://example.org/a/b/": "https://example.org/a/b",
    "http://127.0.0.1:80/a": "http://127.0.0.1:80/a",
}
NONE = (
    *("http://example.org/a", "file:///etc", "ftp://example.org/a", "hf://org", "hf://../name"),
    *("https://", "https://user:secret@example.org/a", "https://example.org/a?b=c", "https://[x"),
    "hf://org/name@../../x?",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_leads_to_files(address):
    assert base_of(address) == ADDRESSES[address]


@pytest.mark.parametrize("address", NONE)
def test_what_is_no_address_is_refused_with_those_there_are(address):
    with pytest.raises(ConfigError, match=r"no address of a published network; there are hf://ORG"):
        base_of(address)


def test_another_hub_can_be_named(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example.org/")
    assert base_of("hf://org/name") == "https://hub.example.org/org/name/resolve/main"


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fetched")
    job(folder / "run", "epochs=1", "dataset.validation=1400", "evaluate.images=40")
    assert publish([str(folder / "run"), "--to", str(folder / "network")]) == 0
    return folder / "network"


@pytest.fixture
def server(network, tmp_path, monkeypatch):
    """It has a copy of the network, which tests may change; what is fetched has a place below."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(network, tmp_path / "site")
    with served(tmp_path / "site") as server:
        server.folder = tmp_path / "site"
        yield server


@pytest.mark.slow
def test_a_network_is_evaluated_where_it_lies(server, network, capsys):
    assert evaluate([server.address]) == 0
    folder = fetched.fetched(server.address)
    (path,) = (folder / "evaluations").iterdir()
    before = read_json(network / "result.json")
    assert read_json(path)["accuracy"] == before["accuracy"]
    assert str(path) in capsys.readouterr().out
    assert server.asked == [*ASKED, *ASKED[:3]], "weights are fetched once, and nothing else is"
    assert {each.name for each in folder.iterdir()} == {each[1:] for each in ASKED} | {
        "evaluations"
    }
    assert snnexp.load(server.address).network.form == "spiking"


def _without(name):
    return lambda server: (server.folder / name).unlink()


def _written(name, text):
    return lambda server: (server.folder / name).write_text(text)


def _leading(name, where):
    return lambda server: server.elsewhere.update({name: where})


WRONG = {
    "config.json: cannot be fetched (404 File not found). Expected: a folder as": _without(
        "config.json"
    ),
    "model.safetensors: cannot be fetched (404": _without("model.safetensors"),
    "a model of type 'bert'. Expected: a folder as": _written(
        "config.json", '{"model_type": "bert"}'
    ),
    "no model that says its type": _written("config.json", "[]"),
    "not the result of a run": _written("result.json", "{}"),
    "more than the 4194304 bytes": _written("result.json", "x" * (2**22 + 1)),
    "302 Found - Redirection to url 'file:///etc/passwd' is not allowed": _leading(
        "config.yaml", "file:///etc/passwd"
    ),
    "it leads to http://example.org/x, which": _leading("config.yaml", "http://example.org/x"),
    "not the weights of the result beside it": _written("model.safetensors", "x"),
}


@pytest.mark.slow
@pytest.mark.parametrize("words", WRONG)
def test_what_is_no_network_is_said(words, server, capsys):
    WRONG[words](server)
    assert evaluate([server.address]) == 3
    told = capsys.readouterr().err
    assert words in told and "Traceback" not in told


def test_nobody_is_waited_for_for_ever(monkeypatch, tmp_path):
    monkeypatch.setattr(download, "SILENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(Unreadable, match="cannot be fetched .*timed out"):
            download.download(url, tmp_path / "x", 10)
    with pytest.raises(Unreadable, match="cannot be fetched .*refused"):
        download.download(url, tmp_path / "x", 10)
    assert not any(tmp_path.iterdir())


ANSWERS = {
    "ended 5 bytes too early": b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n0123456789",
    "more than the 20 bytes": b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n",
    "more than the 20  bytes": b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100,
    "cannot be fetched": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "cannot be fetched .BadStatusLine": b"\r\n",
    "cannot be fetched .500": b"HTTP/1.1 500 Ouch\r\n\r\n",
    "took longer": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
}


@pytest.mark.parametrize("words", ANSWERS)
def test_answers_that_are_none(words, tmp_path, monkeypatch):
    if words == "took longer":
        monkeypatch.setattr(download, "LONGEST", -1.0)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            with listening.accept()[0] as line:
                line.recv(2**16)
                line.sendall(ANSWERS[words])

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/x"
        with pytest.raises(Unreadable, match=words.replace("  ", " ")):
            download.download(url, tmp_path / "x", 20)
        thread.join()
    assert not any(tmp_path.iterdir())
