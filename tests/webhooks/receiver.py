"""A real HTTP server on loopback that plays an endpoint, well behaved or not."""

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self


@dataclass
class Got:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


Behaviour = Callable[[BaseHTTPRequestHandler], None]


def answer(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Answers with a status, a body and headers."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def silent(handler: BaseHTTPRequestHandler) -> None:
    """Says nothing."""
    handler.server.stopped.wait(30)  # type: ignore[attr-defined]


def trickles(handler: BaseHTTPRequestHandler) -> None:
    """Sends a header line a byte at a time, so that no single read ever takes long."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not handler.server.stopped.wait(0.05):  # type: ignore[attr-defined]
        handler.wfile.write(b"a")
        handler.wfile.flush()


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Sends a body without an end, after an error."""
    handler.send_response(500)
    handler.end_headers()
    while not handler.server.stopped.is_set():  # type: ignore[attr-defined]
        handler.wfile.write(b"x" * 65536)


@dataclass
class Receiver:
    """The server; `behaviours` are used up one by one, the last one for all that follow."""

    behaviours: list[Behaviour] = field(default_factory=lambda: [answer(200)])
    certificate: Path | None = None
    got: list[Got] = field(default_factory=list)

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.got.append(Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                many = len(receiver.behaviours) > 1
                (receiver.behaviours.pop(0) if many else receiver.behaviours[0])(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            stopped = threading.Event()

            def handle_error(self, *_: Any) -> None:
                pass  # a client that hangs up is what some tests are about

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.stopped = threading.Event()
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stopped.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its URL by address."""
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}/hook?from=portal"

    def wait_for(self, count: int, seconds: float = 60) -> list[Got]:
        """What arrived, once it is `count` requests."""
        deadline = time.monotonic() + seconds
        while len(self.got) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(self.got) >= count, f"{len(self.got)} of {count} requests arrived"
        return self.got
