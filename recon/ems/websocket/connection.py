"""One WebSocket connection to a gateway, from the dial to the end, over trio-websocket.

Three things are done here that the library's own `open_websocket` does not do:

* Messages are handed over in the reader's own task. Its channel costs two task switches a message, which more
  than halves what one core can receive. The hand-over takes the place of the library's channel, so that its
  bound on the size of messages and its closing stay in force. It must not block: it takes or refuses.
* The TLS handshake is made before the upgrade, and the stream remembers its error, so that a certificate
  problem is reported as one instead of as a timeout.
* Whatever the library's reader raises ends this connection and nothing else. It is known to raise wsproto's
  LocalProtocolError when a ping arrives after we sent our close.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
import trio
import trio.abc
import trio_websocket
from wsproto import ConnectionType, WSConnection
from wsproto.utilities import ProtocolError

from recon.ems.close_reasons import (
    MAX_DETAIL_CHARS,
    CloseReason,
    close_reason_of,
    describe,
    lost_before_upgrade,
    rejected_upgrade,
)
from recon.ems.credentials import Credentials
from recon.ems.protocol.session import Watchdog
from recon.errors import ConfigError, Overrun, Restarted

#: Bytes read from the socket at once; the library's 4 KiB cost a tenth of the throughput.
RECEIVE_BYTES: Final = 64 * 1024
#: The watchdog looks this many times per heartbeat bound.
WATCHES_PER_BOUND: Final = 8
#: Close codes that say that what was sent is no proper WebSocket or text (RFC 6455, 7.4.1).
_PROTOCOL_CODES: Final = frozenset({1002, 1003, 1007})
_TOO_BIG: Final = 1009


class ConnectionBounds(msgspec.Struct, frozen=True):
    """The bounds of one connection: seconds, and bytes for the message."""

    connect: float
    close: float
    heartbeat: float
    message_bytes: int


class RecordingStream(trio.abc.Stream):
    """A stream that remembers its first error, which the library drops."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.encrypted = isinstance(stream, trio.SSLStream)
        self.heard = False
        self.fault: trio.BrokenResourceError | None = None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, and remember the first error."""
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError as error:
            self.fault = self.fault or error
            raise

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the stream below does."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive, and remember the first error."""
        try:
            data = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError as error:
            self.fault = self.fault or error
            raise
        self.heard = True
        return data

    async def aclose(self) -> None:
        """Close the stream below."""
        await self._stream.aclose()


class FrameSink(trio.abc.SendChannel[str | bytes]):
    """Stands where the library's reader expects its message channel; see the module's text."""

    def __init__(
        self,
        channel: trio.abc.SendChannel[str | bytes],
        take: Callable[[str | bytes], None],
        no_more: Callable[[], None],
    ) -> None:
        self._channel = channel
        self._take = take
        self._no_more = no_more

    async def send(self, value: str | bytes) -> None:
        """Hand a message over, in the task of the reader."""
        self._take(value)

    async def aclose(self) -> None:
        """Tell that no message follows, and close the channel below."""
        self._no_more()
        await self._channel.aclose()


class Connection:
    """One attempt: `run` it once.

    `on_open` and then `on_frame` are called in order, and may raise Overrun or Restarted; `on_watch` is called several
    times per heartbeat bound while the session is open.
    """

    def __init__(
        self,
        bounds: ConnectionBounds,
        *,
        on_open: Callable[[], None],
        on_frame: Callable[[str | bytes], None],
        on_watch: Callable[[], None],
        watchdog: Watchdog,
    ) -> None:
        self.opened = False
        self._announced = False
        self._bounds = bounds
        self._on_open = on_open
        self._on_frame = on_frame
        self._on_watch = on_watch
        self._watchdog = watchdog
        self._progress = trio.Event()  # the session is open, or over
        self._over = trio.Event()
        self._ended: CloseReason | None = None
        self._fault: Exception | None = None  # what the library's reader raised
        self._bug: Exception | None = None  # what on_open or on_frame raised
        self._reading = trio.CancelScope(shield=True)
        self._closing = trio.CancelScope(shield=True)

    async def run(self, credentials: Credentials, url: str) -> CloseReason:
        """Connect, hand over every frame until the end, and say why it ended.

        Raises what `on_open` or `on_frame` raised, other than Overrun.
        """
        host, port, path, tls = credentials.resource(url)
        try:
            with trio.fail_after(self._bounds.connect):
                stream = await _dial(host, port, credentials.ssl_context() if tls else None)
        except trio.TooSlowError:
            return CloseReason("timeout", detail=f"no connection within {self._bounds.connect:g} s")
        except (OSError, trio.BrokenResourceError, ConfigError) as error:
            return close_reason_of(error)
        wire = RecordingStream(stream)
        websocket = trio_websocket.WebSocketConnection(
            wire,
            WSConnection(ConnectionType.CLIENT),
            host=_authority(host, port, tls=tls),
            path=path,
            client_extra_headers=credentials.headers(),
            max_message_size=self._bounds.message_bytes,
            receive_buffer_size=RECEIVE_BYTES,
        )
        no_more = partial(self._no_more, websocket)
        hand_over = FrameSink(websocket._send_channel, self._take, no_more)  # noqa: SLF001  # see module text
        websocket._send_channel = hand_over  # type: ignore[assignment]  # noqa: SLF001  # all that its reader uses
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read, websocket)
                nursery.start_soon(self._open, websocket)
                try:
                    await self._wait(nursery)
                finally:
                    await self._close(websocket)
                    self._reading.cancel()
                nursery.cancel_scope.cancel()
        finally:
            await trio.aclose_forcefully(stream)
        if self._bug is not None:
            raise self._bug
        return self._ended or self._verdict(websocket, wire)

    def end(self, ended: CloseReason) -> None:
        """End the connection for a reason of our own; the first reason given is the one that `run` returns."""
        self._end(ended)

    async def _wait(self, nursery: trio.Nursery) -> None:
        with trio.move_on_after(self._bounds.connect):
            await self._progress.wait()
        if not self._progress.is_set():
            self._end(CloseReason("timeout", detail=f"no answer to the upgrade within {self._bounds.connect:g} s"))
            return
        nursery.start_soon(self._watch)
        await self._over.wait()

    async def _read(self, websocket: trio_websocket.WebSocketConnection) -> None:
        """Run the library's reader, shielded: a clean close needs it until the peer has answered."""
        try:
            with self._reading:
                await websocket._reader_task()  # noqa: SLF001  # see module text
        except Exception as error:  # noqa: BLE001  # whatever it is, only this connection ends by it
            self._fault = error
        finally:
            self._closing.cancel()
            self._no_more(websocket)

    async def _open(self, websocket: trio_websocket.WebSocketConnection) -> None:
        await websocket._open_handshake.wait()  # noqa: SLF001  # see module text
        self._ensure_open()

    async def _watch(self) -> None:
        """End the session when the whole of it has been silent for the bound."""
        pause = self._bounds.heartbeat / WATCHES_PER_BOUND
        suspected = False
        while True:
            await trio.sleep(pause)
            self._guard(self._on_watch)
            stalled = self._watchdog.is_stalled(trio.current_time())
            # Twice in a row: if it was we who stood still, the reader now gets its turn first.
            if stalled and suspected:
                self._end(CloseReason("stalled", detail=f"nothing was received for {self._bounds.heartbeat:g} s"))
                return
            suspected = stalled

    async def _close(self, websocket: trio_websocket.WebSocketConnection) -> None:
        """Shake hands to close, within the bound, also when cancelled; the reader's end cuts it short."""
        with self._closing:
            self._closing.deadline = trio.current_time() + self._bounds.close
            try:
                await websocket.aclose()
            except (ProtocolError, trio_websocket.ConnectionClosed, trio.BrokenResourceError) as error:
                self._fault = self._fault or error

    def _take(self, frame: str | bytes) -> None:
        self._ensure_open()
        if not self._over.is_set():
            self._guard(partial(self._on_frame, frame))

    def _no_more(self, websocket: trio_websocket.WebSocketConnection) -> None:
        """Note that no further message will come; a session that was accepted was one, however short."""
        if websocket._open_handshake.is_set():  # noqa: SLF001  # see module text
            self._ensure_open()
        self._finish()

    def _ensure_open(self) -> None:
        """Announce the session once, before its first frame, whichever task comes first."""
        if self._announced or self._over.is_set():
            return
        self._announced = True
        self._guard(self._on_open)
        self.opened = self._ended is None and self._bug is None
        self._progress.set()

    def _guard(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Overrun as error:
            self._end(CloseReason("overrun", detail=str(error)))
        except Restarted as error:
            self._end(CloseReason("restarted", detail=str(error)))
        except Exception as error:  # noqa: BLE001  # raised again by `run`, after the close
            self._bug = error
            self._finish()

    def _end(self, ended: CloseReason) -> None:
        self._ended = self._ended or ended
        self._finish()

    def _finish(self) -> None:
        self._over.set()
        self._progress.set()

    def _verdict(self, websocket: trio_websocket.WebSocketConnection, wire: RecordingStream) -> CloseReason:
        """Say why the peer or the library ended it."""
        closed = websocket.closed
        status = websocket._reject_status  # noqa: SLF001  # known even if the refusal's body never came
        if isinstance(self._fault, trio_websocket.ConnectionRejected) or status:
            return rejected_upgrade(status)
        if not self.opened:
            if wire.fault is not None:
                return lost_before_upgrade(wire.fault, tls=wire.encrypted and not wire.heard)
            return CloseReason("protocol", detail="the gateway ended the connection without accepting the upgrade")
        code = None if closed is None else closed.code
        said = ((closed.reason if closed is not None else None) or "")[:MAX_DETAIL_CHARS]
        if code == _TOO_BIG:
            return CloseReason("too_big", code, said or "a message was larger than the bound")
        if code in _PROTOCOL_CODES or closed is None:
            return CloseReason("protocol", code, said or "what came is not proper WebSocket")
        if wire.fault is not None:
            return CloseReason("disconnected", code, close_reason_of(wire.fault).detail)
        return CloseReason("disconnected", code, said or describe(self._fault))


async def _dial(host: str, port: int, context: ssl.SSLContext | None) -> trio.abc.Stream:
    tcp = await trio.open_tcp_stream(host, port)
    if context is None:
        return tcp
    stream = trio.SSLStream(tcp, context, server_hostname=host, https_compatible=True)
    try:
        await stream.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(tcp)
        raise
    return stream


def _authority(host: str, port: int, *, tls: bool) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port == (443 if tls else 80) else f"{shown}:{port}"
