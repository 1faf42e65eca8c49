"""A small stand-in for a W&B server on this machine: it takes runs, and can stop answering in the
middle of one.
"""

import gzip
import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0123456789abcdef" * 2 + "01234567"


class Server:
    """Listens on a free port, in threads of this process. `asked` are the names of what was asked,
    `history` the steps it was sent.

    Args:
        knows: the steps that it says to have of a run that is gone on with.
        status: the code it answers with, 200 for a server that works.
    """

    def __init__(self, knows: int = 0, status: int = 200):
        self.knows, self.status = knows, status
        self.asked: list[str] = []
        self.history: list[dict[str, Any]] = []
        self.silent = threading.Event()
        self.http = _Quiet(("127.0.0.1", 0), type("Handler", (_Handler,), {"server_of": self}))
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """What leads W&B here."""
        return {
            "WANDB_API_KEY": KEY,
            "WANDB_BASE_URL": f"http://127.0.0.1:{self.http.server_address[1]}",
        }

    def vanish(self) -> None:
        """From here on nobody is answered."""
        self.silent.set()

    def close(self) -> None:
        """Gives the port back."""
        self.silent.set()
        self.http.shutdown()
        self.http.server_close()

    def answer(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        """What the server says to a request."""
        name = asked.get("operationName") or path.rpartition("/")[2]
        self.asked.append(name)
        if name == "file_stream":
            lines = (asked.get("files") or {}).get("wandb-history.jsonl", {}).get("content", [])
            self.history += map(json.loads, lines)
        run = {
            "id": "x",
            "name": "r",
            "displayName": "r",
            "config": "{}",
            "historyLineCount": self.knows,
        }
        run |= {"project": {"id": "p", "name": "p", "entity": {"id": "e", "name": "someone"}}}
        files = [
            {"name": each, "uploadUrl": self.environment["WANDB_BASE_URL"]}
            for each in asked.get("variables", {}).get("files", [])
        ]
        viewer = {
            "id": "e",
            "username": "someone",
            "entity": "someone",
            "flags": "{}",
            "email": "",
            "name": "s",
            "teams": {"edges": []},
        }
        return {
            "Viewer": {"viewer": viewer},
            "UpsertBucket": {"upsertBucket": {"bucket": run, "inserted": not self.knows}},
            "CreateRunFiles": {
                "createRunFiles": {"runID": "x", "uploadHeaders": [], "files": files}
            },
            "RunResumeStatus": {
                "model": {
                    "id": "p",
                    "name": "p",
                    "entity": {"id": "e", "name": "someone"},
                    "bucket": self._resumed(run),
                }
            },
        }.get(name, {})

    def _resumed(self, run: dict[str, Any]) -> dict[str, Any] | None:
        if not self.knows:
            return None
        tail = json.dumps([json.dumps({"_step": self.knows - 1, "_runtime": 1.0})])
        counts = {"historyLineCount": self.knows, "eventsLineCount": 0, "logLineCount": 0}
        tails = {
            "historyTail": tail,
            "eventsTail": "[]",
            "summaryMetrics": "{}",
            "wandbConfig": '{"t": 1}',
            "tags": [],
        }
        return {**run, **counts, **tails}


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, address: Any) -> None:
        """Whoever hangs up in the middle may do so."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: Server

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
        if self.server_of.silent.is_set():
            threading.Event().wait()  # for ever; the thread ends with the process
        with suppress(ValueError):
            asked = json.loads(body or "{}")
            self._say(
                {"data": self.server_of.answer(self.path, asked if isinstance(asked, dict) else {})}
            )
            return
        self._say({})

    do_GET = do_PUT = do_POST

    def _say(self, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(self.server_of.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words: Any) -> None:
        """Nothing on the terminal."""
