"""A receiver of webhooks for the demonstration: it checks signatures and keeps the last deliveries."""

from __future__ import annotations

import base64
import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError

from recon.clock import utc_now

#: Largest body that is read, in bytes.
MAX_BODY_BYTES: Final = 1 << 20
#: Deliveries kept to be shown.
KEPT: Final = 50
#: Longest wait for the rest of a request, in seconds.
PATIENCE_SECONDS: Final = 10.0
_SECRET_BYTES: Final = 24


class ReceivedAlert(msgspec.Struct, frozen=True):
    """The fields of an alert that the screen shows."""

    type: str
    gateway: str
    account: str
    unit: str
    amount: Decimal
    cause: str


class _Data(msgspec.Struct, frozen=True):
    count: int
    alerts: msgspec.Raw


class _Body(msgspec.Struct, frozen=True):
    type: str
    data: _Data


class Delivery(msgspec.Struct, frozen=True):
    """A message with a valid signature: when it came, its id, and its alerts."""

    at: datetime
    message_id: str
    alerts: list[ReceivedAlert]


class Receiver:
    """The alerts received so far; written by the server's threads, read by any thread."""

    def __init__(self) -> None:
        self.secret = "whsec_" + base64.b64encode(os.urandom(_SECRET_BYTES)).decode("ascii")
        self._lock = threading.Lock()
        self._latest: deque[Delivery] = deque(maxlen=KEPT)
        self._seen: set[str] = set()
        self._alerts = self._refused = 0
        self.url = ""

    @property
    def alerts(self) -> int:
        """Return how many alerts came with a valid signature; a repeated message counts once."""
        with self._lock:
            return self._alerts

    @property
    def refused(self) -> int:
        """Return how many requests had no valid signature."""
        with self._lock:
            return self._refused

    def latest(self) -> list[Delivery]:
        """Return the last deliveries, the newest last."""
        with self._lock:
            return list(self._latest)

    def take(self, headers: dict[str, str], body: bytes) -> bool:
        """Take a request; True if its signature is valid and its body an alert."""
        try:
            Webhook(self.secret).verify(body, headers, json_parse=False)
            message = msgspec.json.decode(body, type=_Body)
            # The screen shows breaks; what recon says of itself is counted.
            about_breaks = message.type.startswith("break.")
            alerts = msgspec.json.decode(message.data.alerts, type=list[ReceivedAlert]) if about_breaks else []
        except (WebhookVerificationError, ValueError):
            with self._lock:
                self._refused += 1
            return False
        message_id = headers["webhook-id"]
        with self._lock:
            if message_id not in self._seen:
                self._seen.add(message_id)
                self._alerts += message.data.count
                self._latest.append(Delivery(utc_now(), message_id, alerts))
        return True


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Serve a receiver on a free port of this machine, in threads that end with the block."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE_SECONDS

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not length.isdigit() or int(length) > MAX_BODY_BYTES:
                self.send_error(413 if length.isdigit() else 411)
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            valid = receiver.take(headers, self.rfile.read(int(length)))
            self.send_response(204 if valid else 401)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's
            """Write nothing: the screen shows what came."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Write nothing: a sender that disconnected will try again."""

    server = Server(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/alerts"
    thread = threading.Thread(target=server.serve_forever, name="webhook receiver", daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
