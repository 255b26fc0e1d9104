"""One WebSocket connection to a gateway, from the dial to the end, over trio-websocket.

Three things differ from the library's own `open_websocket`:

* The reader's own task hands messages over, whole text frames in lists (`FrameLists`). The library makes an event of
  each frame, and its channel costs two task switches a message. `FrameSink` takes the channel's place for what is left,
  so the library's bound on the size of a message and its closing stay in force. The function called must not block:
  it takes the messages or refuses them.
* The TLS handshake precedes the upgrade, and the stream keeps its error, so a certificate problem is reported as one
  instead of as a timeout.
* An error in the library's reader ends this connection and nothing else. The reader is known to raise wsproto's
  LocalProtocolError when a ping arrives after we sent our close.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec
import trio
import trio.abc
import trio_websocket
from wsproto.utilities import ProtocolError

from recon.ems.close_reasons import (
    MAX_DETAIL_CHARS,
    CloseReason,
    close_reason_of,
    lost_before_upgrade,
    rejected_upgrade,
)
from recon.ems.credentials import Credentials
from recon.ems.protocol.session import Watchdog
from recon.ems.urls import authority
from recon.ems.websocket.frame_lists import FrameLists
from recon.ems.websocket.stream import FrameSink, RecordingStream, dial
from recon.errors import ConfigError, Overrun, Restarted
from recon.network_errors import describe

#: Bytes read from the socket at once; the library's 4 KiB cost a tenth of the throughput.
RECEIVE_BYTES: Final = 64 * 1024
#: How often per heartbeat bound the watchdog is asked.
WATCHES_PER_BOUND: Final = 8
#: Close codes that mean that our data was no proper WebSocket or text (RFC 6455, 7.4.1).
_PROTOCOL_CODES: Final = frozenset({1002, 1003, 1007})
_TOO_BIG: Final = 1009


class ConnectionBounds(msgspec.Struct, frozen=True):
    """The bounds of one connection: seconds, and bytes for the message."""

    connect: float
    close: float
    heartbeat: float
    message_bytes: int


class Connection:
    """One attempt: `run` it once.

    `on_open` and then `on_frames` are called in order, and may raise Overrun or Restarted. `on_watch` is called several
    times per heartbeat bound while the session is open.
    """

    def __init__(
        self,
        bounds: ConnectionBounds,
        *,
        on_open: Callable[[], None],
        on_frames: Callable[[Sequence[str | bytes]], None],
        on_watch: Callable[[], None],
        watchdog: Watchdog,
    ) -> None:
        self.opened = False
        self._announced = False
        self._bounds = bounds
        self._on_open = on_open
        self._on_frames = on_frames
        self._on_watch = on_watch
        self._watchdog = watchdog
        self._progress = trio.Event()  # the session is open, or over
        self._over = trio.Event()
        self._reason: CloseReason | None = None
        self._reader_error: Exception | None = None  # raised by the library's reader
        self._callback_error: Exception | None = None  # raised by on_open, on_frames or on_watch
        self._reading = trio.CancelScope(shield=True)
        self._closing = trio.CancelScope(shield=True)

    async def run(self, credentials: Credentials, url: str) -> CloseReason:
        """Connect, hand over every frame until the end, and return why it ended.

        Raise the error of a callback, other than Overrun and Restarted.
        """
        host, port, path, tls = credentials.resource(url)
        try:
            with trio.fail_after(self._bounds.connect):
                stream = await dial(host, port, credentials.ssl_context() if tls else None)
        except trio.TooSlowError:
            return CloseReason("timeout", detail=f"no connection within {self._bounds.connect:g} s")
        except (OSError, trio.BrokenResourceError, ConfigError) as error:
            return close_reason_of(error)
        recording = RecordingStream(stream)
        websocket = trio_websocket.WebSocketConnection(
            recording,
            FrameLists(self._take, self._bounds.message_bytes),
            host=authority(host, port, default_port=443 if tls else 80),
            path=path,
            client_extra_headers=credentials.headers(),
            max_message_size=self._bounds.message_bytes,
            receive_buffer_size=RECEIVE_BYTES,
        )
        try:
            await self._listen(websocket)
        finally:
            await trio.aclose_forcefully(stream)
        if self._callback_error is not None:
            raise self._callback_error
        return self._reason or self._remote_reason(websocket, recording)

    def end(self, reason: CloseReason) -> None:
        """End the connection for a reason of our own; `run` returns the first reason given."""
        self._reason = self._reason or reason
        self._finish()

    async def _listen(self, websocket: trio_websocket.WebSocketConnection) -> None:
        """Run the library's reader until the connection is over, then close it."""
        sink = FrameSink(websocket._send_channel, self._take, partial(self._no_more, websocket))  # noqa: SLF001  # see module text
        websocket._send_channel = sink  # type: ignore[assignment]  # noqa: SLF001  # all that its reader uses
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read, websocket)
            nursery.start_soon(self._open, websocket)
            try:
                await self._wait(nursery)
            finally:
                await self._close(websocket)
                self._reading.cancel()
            nursery.cancel_scope.cancel()

    async def _wait(self, nursery: trio.Nursery) -> None:
        with trio.move_on_after(self._bounds.connect):
            await self._progress.wait()
        if not self._progress.is_set():
            self.end(CloseReason("timeout", detail=f"no answer to the upgrade within {self._bounds.connect:g} s"))
            return
        nursery.start_soon(self._watch)
        await self._over.wait()

    async def _read(self, websocket: trio_websocket.WebSocketConnection) -> None:
        """Run the library's reader, shielded: a clean close needs it until the peer has answered."""
        try:
            with self._reading:
                await websocket._reader_task()  # noqa: SLF001  # see module text
        except Exception as error:  # noqa: BLE001  # an error of any kind ends only this connection
            self._reader_error = error
        finally:
            self._closing.cancel()
            self._no_more(websocket)

    async def _open(self, websocket: trio_websocket.WebSocketConnection) -> None:
        await websocket._open_handshake.wait()  # noqa: SLF001  # see module text
        self._ensure_open()

    async def _watch(self) -> None:
        """End the session when nothing at all was received within the bound."""
        pause = self._bounds.heartbeat / WATCHES_PER_BOUND
        suspected = False
        while True:
            await trio.sleep(pause)
            self._guard(self._on_watch)
            stalled = self._watchdog.is_stalled(trio.current_time())
            # Twice in a row: if our own process was suspended, the reader now gets its turn first.
            if stalled and suspected:
                self.end(CloseReason("stalled", detail=f"nothing was received for {self._bounds.heartbeat:g} s"))
                return
            suspected = stalled

    async def _close(self, websocket: trio_websocket.WebSocketConnection) -> None:
        """Make the closing handshake within its bound, also when cancelled; the reader's end cuts it short."""
        with self._closing:
            self._closing.deadline = trio.current_time() + self._bounds.close
            try:
                await websocket.aclose()
            except (ProtocolError, trio_websocket.ConnectionClosed, trio.BrokenResourceError) as error:
                self._reader_error = self._reader_error or error

    def _take(self, frames: Sequence[str | bytes]) -> None:
        self._ensure_open()
        if not self._over.is_set():
            self._guard(partial(self._on_frames, frames))

    def _no_more(self, websocket: trio_websocket.WebSocketConnection) -> None:
        """Note that no message follows; a session that was accepted counts as one, however short it was."""
        if websocket._open_handshake.is_set():  # noqa: SLF001  # see module text
            self._ensure_open()
        self._finish()

    def _ensure_open(self) -> None:
        """Announce the session once, before its first frame, whichever task comes first."""
        if self._announced or self._over.is_set():
            return
        self._announced = True
        self._guard(self._on_open)
        self.opened = self._reason is None and self._callback_error is None
        self._progress.set()

    def _guard(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Overrun as error:
            self.end(CloseReason("overrun", detail=str(error)))
        except Restarted as error:
            self.end(CloseReason("restarted", detail=str(error)))
        except Exception as error:  # noqa: BLE001  # raised again by `run`, after the close
            self._callback_error = error
            self._finish()

    def _finish(self) -> None:
        self._over.set()
        self._progress.set()

    def _remote_reason(self, websocket: trio_websocket.WebSocketConnection, stream: RecordingStream) -> CloseReason:
        """Return why the peer or the library ended the connection."""
        status = websocket._reject_status  # noqa: SLF001  # known even if the refusal's body never came
        if isinstance(self._reader_error, trio_websocket.ConnectionRejected) or status:
            return rejected_upgrade(status)
        if not self.opened:
            if stream.error is not None:
                return lost_before_upgrade(stream.error, tls=stream.encrypted and not stream.has_received)
            return CloseReason("protocol", detail="the gateway ended the connection without accepting the upgrade")
        closed = websocket.closed
        code = None if closed is None else closed.code
        text = ((closed.reason if closed is not None else None) or "")[:MAX_DETAIL_CHARS]
        if code == _TOO_BIG:
            return CloseReason("too_big", code, text or "a message was larger than the bound")
        if code in _PROTOCOL_CODES or closed is None:
            return CloseReason("protocol", code, text or "the gateway sent no proper WebSocket data")
        if stream.error is not None:
            return CloseReason("disconnected", code, describe(stream.error))
        return CloseReason("disconnected", code, text or _without_text(self._reader_error))


def _without_text(error: Exception | None) -> str:
    if error is None or isinstance(error, trio_websocket.ConnectionClosed):
        return "the connection ended without a close"
    return describe(error)
