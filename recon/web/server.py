"""The HTTP server on Trio: it listens until it is cancelled, and then ends within a bound."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, cast

import structlog
import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from hypercorn.typing import Framework
from starlette.applications import Starlette

from recon.config.web import host_and_port
from recon.errors import ConfigError
from recon.network_errors import system_text
from recon.web.listening import BACKLOG, listening_at

#: After a cancellation requests may go on for this long, and then the server ends, in seconds.
GRACE_SECONDS: Final = 1.0
STOP_SECONDS: Final = 3.0
#: Longest wait for the next bytes of a request, and for another request on the same connection, in seconds.
READ_SECONDS: Final = 15
KEEP_ALIVE_SECONDS: Final = 5
#: Largest head of a request, in bytes.
MAX_HEAD: Final = 16 * 1024
MAX_PORT: Final = 65_535

_log = structlog.get_logger(__name__)


class Listener(Protocol):
    """Where to listen, as a table of the settings says."""

    @property
    def section(self) -> str:
        """Return the name of the table."""
        ...

    @property
    def listen(self) -> str | None:
        """Return host and port."""
        ...

    @property
    def certificate_file(self) -> Path | None:
        """Return the certificate to speak https with; None: http."""
        ...

    @property
    def private_key_file(self) -> Path | None:
        """Return the key of the certificate."""
        ...


async def serve_web(
    app: Starlette,
    web: Listener,
    *,
    bound: socket.socket | None = None,
    on_stop: Callable[[], None] = lambda: None,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; the addresses are told once it listens. Raise ConfigError if it cannot listen.

    `bound` is a socket that listens at the address already; it stays open, so that a restart finds it. `on_stop` is
    called before the server waits for open requests: whoever streams ends then.
    """
    stopping = trio.Event()
    shield = trio.CancelScope()
    config = _config(web, bound)

    async def run(task_status: trio.TaskStatus[list[str]]) -> None:
        with shield:
            await serve(
                cast("Framework", app),
                config,
                shutdown_trigger=stopping.wait,
                task_status=task_status,
                mode="asgi",
            )

    async with trio.open_nursery() as nursery:
        addresses: list[str] = await nursery.start(run)
        # Its own shutdown ends open requests in order; a cancellation would cut them off wherever they are.
        shield.shield = True
        _log.info("listening for http", addresses=addresses)
        task_status.started(addresses)
        try:
            await trio.sleep_forever()
        finally:
            on_stop()
            stopping.set()
            shield.deadline = trio.current_time() + STOP_SECONDS


def _check_certificate(section: str, certificate: str, key: str) -> None:
    """Raise ConfigError where a server cannot use the files."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except OSError as error:
        what = f"[{section}] certificate_file {certificate} with private_key_file {key}"
        raise ConfigError(f"{what} cannot be used: {system_text(error)}") from None


def _listening(web: Listener) -> socket.socket:
    """Return a socket that listens. Raise ConfigError."""
    host, port = host_and_port(web.listen or "")
    try:
        return listening_at(host, port)
    except OSError as error:
        raise ConfigError(_not_listening(web, port, error)) from None


def _not_listening(web: Listener, port: int, error: OSError) -> str:
    listen = web.listen or ""
    if error.errno == errno.EADDRINUSE:
        other = listen.removesuffix(str(port)) + str(port % MAX_PORT + 1)
        return f"[{web.section}] listen: port {port} is taken by another program; choose another, such as {other}"
    return f"[{web.section}] listen: {listen} cannot be listened at: {system_text(error)}"


def _config(web: Listener, bound: socket.socket | None) -> Config:
    config = Config()
    if web.certificate_file is not None and web.private_key_file is not None:
        config.certfile, config.keyfile = str(web.certificate_file), str(web.private_key_file)
        _check_certificate(web.section, config.certfile, config.keyfile)
    listening = _listening(web) if bound is None else bound.dup()
    # It takes the socket over, and closes it at its end.
    config.bind = [f"fd://{listening.detach()}"]
    config.alpn_protocols = ["http/1.1"]
    config.accesslog = config.errorlog = None
    config.include_server_header = False
    config.graceful_timeout = GRACE_SECONDS
    config.read_timeout = READ_SECONDS
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.h11_max_incomplete_size = MAX_HEAD
    config.backlog = BACKLOG
    return config
