"""A webhook receiver for tests: real HTTP, planned answers, and a list of received messages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Answer:
    """One answer of the receiver; `stall` delays it until the receiver closes, `drop` closes the connection."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"ok"
    stall: bool = False
    drop: bool = False


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Receiver:
    """The received messages and the planned answers, then 200."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def answer(self, *answers: Answer) -> None:
        self.answers += answers


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run a receiver on a free local port."""
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            headers = {key.lower(): value for key, value in self.headers.items()}
            state.received.append(Received(self.path, headers, body))
            answer = state.answers.pop(0) if state.answers else Answer()
            if answer.stall:
                state.closing.wait()
                self.close_connection = True
                return
            if answer.drop:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for key, value in answer.headers:
                self.send_header(key, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                # Clients may disconnect in the middle of a request; some tests do.
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is the library's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield state
    finally:
        state.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
