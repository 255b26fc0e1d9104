"""The two ends that trio-websocket is given: a stream that keeps its first error, and a sink for messages."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence

import trio
import trio.abc


class RecordingStream(trio.abc.Stream):
    """A stream that keeps its first error, which the library drops."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.encrypted = isinstance(stream, trio.SSLStream)
        #: Whether anything at all was received.
        self.has_received = False
        self.error: trio.BrokenResourceError | None = None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send to the stream below."""
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError as error:
            self.error = self.error or error
            raise

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for the stream below."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive from the stream below."""
        try:
            data = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError as error:
            self.error = self.error or error
            raise
        self.has_received = True
        return data

    async def aclose(self) -> None:
        """Close the stream below."""
        await self._stream.aclose()


class FrameSink(trio.abc.SendChannel[str | bytes]):
    """Takes the place of the channel into which the library's reader puts messages, and calls functions instead."""

    def __init__(
        self,
        channel: trio.abc.SendChannel[str | bytes],
        on_frames: Callable[[Sequence[str | bytes]], None],
        on_end: Callable[[], None],
    ) -> None:
        self._channel = channel
        self._on_frames = on_frames
        self._on_end = on_end

    async def send(self, value: str | bytes) -> None:
        """Hand over one message."""
        self._on_frames((value,))

    async def aclose(self) -> None:
        """Announce that no message follows, and close the library's channel."""
        self._on_end()
        await self._channel.aclose()


async def dial(host: str, port: int, context: ssl.SSLContext | None) -> trio.abc.Stream:
    """Connect, and make the TLS handshake if there is a context."""
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
