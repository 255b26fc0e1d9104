"""HTTP as the library does it, within our bounds: in bytes, in seconds, and without following anybody elsewhere.

The library reads an answer whole before it looks at it, and bounds the pauses between bytes alone. So a venue that
sends without end, or one byte now and then, would hold a thread and its memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Final, Protocol

from recon.errors import VenueError

#: Bytes of the largest answer taken, decompressed: lists of all markets of a venue have a few megabytes.
MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
#: Seconds to connect; between two pieces of an answer; and for a whole answer.
CONNECT_SECONDS: Final = 10.0
PIECE_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 30.0
#: Bytes of a piece.
PIECE_BYTES: Final = 64 * 1024


class Response(Protocol):
    """The part of an answer of the library requests that is used."""

    status_code: int
    reason: str
    headers: Mapping[str, str]

    def iter_content(self, chunk_size: int) -> Iterator[bytes]:
        """Yield the body, decompressed."""
        ...

    def raise_for_status(self) -> None:
        """Raise the library's error for a status from 400 on."""
        ...

    def close(self) -> None:
        """Give the connection back, or close it where something is left in it."""
        ...


class Session(Protocol):
    """The part of a session of the library requests that is used."""

    cookies: MutableMapping[str, str]
    headers: Mapping[str, str]
    trust_env: bool

    def request(self, method: str, url: str, **given: object) -> Response:
        """Send a request."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class WholeAnswer:
    """An answer that was read whole, as ccxt looks at it."""

    def __init__(self, response: Response, content: bytes) -> None:
        """Take the body of a response."""
        self._response = response
        self.content = content
        self.status_code, self.reason, self.headers = response.status_code, response.reason, response.headers
        self.encoding = "utf-8"

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.content.decode(self.encoding, "replace")

    def raise_for_status(self) -> None:
        """Raise the library's error for a status from 400 on."""
        self._response.raise_for_status()


class BoundedSession:
    """Stands in the place of a session of requests."""

    def __init__(
        self, session: Session, *, max_bytes: int = MAX_ANSWER_BYTES, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        """Bound each answer; nothing of the environment, such as a `.netrc`, has a part in it."""
        session.trust_env = False
        self._session = session
        self._max_bytes = max_bytes
        self._answer_seconds = answer_seconds
        #: Seconds from the sending of the last request to the whole of its answer.
        self.took = 0.0

    @property
    def cookies(self) -> MutableMapping[str, str]:
        """Return the cookies, which the library throws away before each request."""
        return self._session.cookies

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers of every request."""
        return self._session.headers

    def request(self, method: str, url: str, **given: object) -> WholeAnswer:
        """Send a request, and read its answer whole. Raise VenueError for one that is too large or too slow."""
        sent = time.monotonic()
        bounds = {"stream": True, "allow_redirects": False, "timeout": (CONNECT_SECONDS, PIECE_SECONDS)}
        response = self._session.request(method, url, **given | bounds)
        try:
            return WholeAnswer(response, self._read(response, sent + self._answer_seconds))
        finally:
            self.took = time.monotonic() - sent
            response.close()

    def _read(self, response: Response, until: float) -> bytes:
        pieces: list[bytes] = []
        size = 0
        for piece in response.iter_content(PIECE_BYTES):
            size += len(piece)
            if size > self._max_bytes:
                raise VenueError(f"its answer has more than {self._max_bytes} bytes")
            if time.monotonic() > until:
                raise VenueError.passing(f"its answer took longer than {self._answer_seconds:g} s")
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
