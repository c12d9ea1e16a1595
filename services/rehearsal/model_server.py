"""A model on loopback that speaks the Responses API and says what a script tells it.

Both the Agents SDK (JSON or a stream) and the codex program (always a stream) take it
for their model. It listens on 127.0.0.1 only, on a port that the system chooses.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from foredeck.services.rehearsal.exchange import (
    Action,
    Call,
    CustomCall,
    CutStream,
    Fail,
    Garbage,
    ModelRequest,
    Pause,
    Say,
    Script,
    Think,
    ToolCall,
)
from foredeck.services.rehearsal.response import ResponseBuilder, build

__all__ = [
    "Action",
    "Call",
    "CustomCall",
    "CutStream",
    "Fail",
    "Garbage",
    "ModelRequest",
    "ModelServer",
    "Pause",
    "Say",
    "Script",
    "Think",
    "ToolCall",
    "write_codex_config",
]

LOOPBACK = "127.0.0.1"
NONSENSE = b'<html>\x1b[31m{"type": "response.comp\xff\xfe\n\n'


class ModelServer:
    """Serves one script until stopped; safe for many requests at once.

    `pace` scales the human speed of the answers: 1.0 is human, 0 immediate. `requests`
    are all requests so far, in order of arrival.
    """

    def __init__(self, script: Script, *, pace: float = 1.0) -> None:
        self.script = script
        self.pace = pace
        self.requests: list[ModelRequest] = []
        self._stopping = threading.Event()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """The address for a client's `base_url`; the server must have been started."""
        if self._server is None:
            raise RuntimeError("the model server has not been started")
        return f"http://{LOOPBACK}:{self._server.server_address[1]}/v1"

    def start(self) -> None:
        """Listen and serve on a thread of its own; does nothing when already serving."""
        if self._server is not None:
            return
        self._stopping.clear()
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="rehearsal-model"
        )
        self._thread.start()

    def stop(self) -> None:
        """End every answer, close the port and wait for all threads; may be called twice."""
        server, thread = self._server, self._thread
        if server is None or thread is None:
            return
        self._stopping.set()
        server.shutdown()
        thread.join()
        server.hang_up()
        server.server_close()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait(self, seconds: float, *, paced: bool = True) -> None:
        """Let time pass; raises ConnectionAbortedError when the server is being stopped."""
        if self._stopping.wait(seconds * self.pace if paced else seconds):
            raise ConnectionAbortedError("the model server is stopping")


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that no thread stays behind."""

    daemon_threads = False
    block_on_close = True

    def __init__(self, owner: ModelServer) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((LOOPBACK, 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Shut every open connection down: its thread wakes up and ends."""
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up is part of the tests, not an error."""


class _Handler(BaseHTTPRequestHandler):
    """One connection, one answer (every response closes its connection)."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet: the terminal belongs to the dashboard."""

    def do_POST(self) -> None:
        self.close_connection = True
        request = self._read()
        if self.path.partition("?")[0] != "/v1/responses":
            self._json(404, _error("not_found", f"There is no {self.path} in a rehearsal."))
        elif request is None:
            self._json(400, _error("invalid_request", "The body is not a JSON object."))
        else:
            self._answer(request)

    def do_GET(self) -> None:
        self.close_connection = True
        self._json(404, _error("not_found", f"There is no {self.path} in a rehearsal."))

    def _read(self) -> ModelRequest | None:
        size = int(self.headers.get("content-length") or 0)
        try:
            body = json.loads(self.rfile.read(size))
        except ValueError:
            return None
        headers = {name.lower(): value for name, value in self.headers.items()}
        return ModelRequest(body, headers) if isinstance(body, dict) else None

    def _answer(self, request: ModelRequest) -> None:
        owner = self.server.owner
        owner.requests.append(request)
        try:
            actions = owner.script.reply(request)
        except Exception as error:
            self._json(500, _error("script_error", f"The script of the rehearsal: {error!r}"))
            raise
        if request.streaming:
            _Stream(self, request).play(actions)
        else:
            self._whole(request, actions)

    def _whole(self, request: ModelRequest, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, Pause):
                self.server.owner.wait(action.seconds, paced=action.paced)
            elif isinstance(action, Fail):
                return self._json(action.status, action.body, action.headers)
            elif isinstance(action, CutStream):
                return None
            elif isinstance(action, Garbage):
                return self._reply(200, NONSENSE, {})
        response, seconds = build(request, actions)
        self.server.owner.wait(seconds)
        return self._json(200, response)

    def _json(self, status: int, body: dict[str, Any], headers: Mapping[str, str] = {}) -> None:
        self._reply(status, json.dumps(body).encode(), headers)

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


class _Stream:
    """An answer as server-sent events in a chunked body."""

    def __init__(self, handler: _Handler, request: ModelRequest) -> None:
        self._handler = handler
        self._owner = handler.server.owner
        self._builder = ResponseBuilder(request)
        self._begun = False

    def play(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if not self._perform(action):
                return
        self._begin()
        self._send(self._builder.completed())
        self._chunk(b"")

    def _perform(self, action: Action) -> bool:
        """Do one action; return whether the answer goes on after it."""
        if isinstance(action, Pause):
            self._owner.wait(action.seconds, paced=action.paced)
            return True
        if isinstance(action, Fail) and not self._begun:
            self._handler._json(action.status, action.body, action.headers)
            return False
        self._begin()
        if isinstance(action, Garbage):
            self._chunk(NONSENSE)
            self._chunk(b"")
        elif isinstance(action, Fail):
            self._send(self._builder.failed(action.body.get("error") or action.body))
            self._chunk(b"")
        else:
            self._speak(action)
        return not isinstance(action, Fail | Garbage | CutStream)

    def _speak(self, action: Action) -> None:
        due = time.monotonic()
        for event, seconds in self._builder.events(action):
            due += seconds * self._owner.pace
            self._owner.wait(max(0.0, due - time.monotonic()), paced=False)
            self._send(event)

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        handler = self._handler
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Connection", "close")
        handler.end_headers()
        self._send(self._builder.created())

    def _send(self, event: dict[str, Any]) -> None:
        self._chunk(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

    def _chunk(self, data: bytes) -> None:
        self._handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self._handler.wfile.flush()


def write_codex_config(codex_home: Path, base_url: str) -> Path:
    """Write the config.toml that makes codex ask the server at `base_url`; return its path.

    The directory is made (0700) if need be. Failing requests are retried once only, so
    that a failure shows within seconds.
    """
    codex_home.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = codex_home / "config.toml"
    config.touch(mode=0o600)
    config.write_text(
        f"""model = "gpt-5.5"
model_provider = "rehearsal"
model_reasoning_summary = "detailed"
check_for_update_on_startup = false

[model_providers.rehearsal]
name = "Foredeck rehearsal"
base_url = {json.dumps(base_url)}
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
stream_idle_timeout_ms = 60000

[analytics]
enabled = false

[features]
unbounded_connection_retries = false
"""
    )
    return config


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "type": code, "message": message, "param": None}}
