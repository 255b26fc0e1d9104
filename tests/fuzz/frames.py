"""The level of single frames: from the socket's bytes to a record and a message, and from a REST body to an answer."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from recon.ems.protocol.decode import decode
from recon.ems.protocol.messages import Decoded
from recon.ems.protocol.rest_requests import RestRequest, build_response, decode_response, encode_response
from recon.ems.protocol.session import Heartbeats, Session, Watchdog
from recon.exact import bounded
from tests.fuzz.grammar import ACCOUNTS
from tests.fuzz.mutations import Mutator
from tests.fuzz.own_events import OwnEvents

#: How often a body of REST is tried instead of a frame.
REST_SHARE: Final = 0.1
_AT: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
_REQUESTS: Final = {
    "status": RestRequest("status", ACCOUNTS[0], "c:a", "a"),
    "history": RestRequest("history", from_us=0, until_us=1),
    "orders": RestRequest("orders", ACCOUNTS[0]),
    "balances": RestRequest("balances", ACCOUNTS[0]),
    "positions": RestRequest("positions", ACCOUNTS[0]),
}
_STATUSES: Final = (200, 200, 200, 400, 404, 490, 504, 999)


class OutOfBounds(Exception):
    """A message carries a number that no later part can take."""


class FrameLevel:
    """Makes frames and bodies, and reads them."""

    def __init__(self, mutator: Mutator) -> None:
        self._mutator = mutator
        self._own = OwnEvents(mutator)
        self._session = Session("s", lambda payload: (payload, False), Heartbeats(), Watchdog(10.0, 0.0))

    def drawn(self, seed: str) -> tuple[str, bytes]:
        """Return what is read (`frame`, or the kind of a question) and its bytes."""
        draw = random.Random(seed)
        if draw.random() >= REST_SHARE:
            return "frame", self._mutator.frame(draw)
        what = draw.choice(list(_REQUESTS))
        return what, self._own.body(draw, what)

    def read(self, what: str, content: bytes) -> None:
        """Read a frame as the session and the projector do, or a body as the REST client and the projector do."""
        if what == "frame":
            self._session.frame(content, _AT, 0.0)
            _check(decode(content))
            return
        status = _STATUSES[len(content) % len(_STATUSES)]
        response = build_response(_REQUESTS[what], run="r", attempts=1, status=status, content=content)
        for message in decode_response(encode_response(response)).messages:
            _check(Decoded(message))


def _check(decoded: Decoded) -> None:
    message = decoded.message
    for row in getattr(message, "rows", (message,)):
        for name in row.__struct_fields__:
            value = getattr(row, name)
            if isinstance(value, Decimal) and not bounded(value):
                raise OutOfBounds(name)
