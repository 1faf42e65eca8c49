"""Published networks, and a server that has them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FILES = {"README.md", "config.json", "config.yaml", "model.safetensors", "result.json"}


class _Quiet(SimpleHTTPRequestHandler):
    """Files of a folder; keeps what was asked for, and can lead elsewhere."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        elsewhere = self.server.elsewhere.get(self.path.rpartition("/")[2])
        if elsewhere is None:
            return super().do_GET()
        self.send_response(302)
        self.send_header("Location", elsewhere)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    """Says nothing of clients that go away, as those do that find a file too large."""

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[ThreadingHTTPServer]:
    """A server of the files of a folder: `address`, what was `asked` for, and by the names of
    files where it leads `elsewhere`.
    """
    server = _Server(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    server.asked, server.elsewhere = [], {}
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
