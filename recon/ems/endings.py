"""Why a connection ended, or never came about, in words that hold no secret.

The reasons are `disconnected`, `stalled`, `overrun`, `refused`, `unauthorised`, `tls`, `dns`, `timeout`, `protocol`,
`too_big`, `restarted`, `shutdown` and `fault` (the service itself failed).
"""

from __future__ import annotations

import socket
import ssl
from typing import Final

import msgspec
import trio

from recon.errors import ConfigError

#: Largest part of a peer's own words that is kept.
MAX_DETAIL_CHARS: Final = 300


class Ended(msgspec.Struct, frozen=True):
    """Why a connection ended, or never became one; `code` is the WebSocket's or the HTTP status."""

    reason: str
    code: int | None = None
    detail: str = ""


def rejected(status: int) -> Ended:
    """Tell refused credentials from any other refusal of the upgrade, by its HTTP status."""
    if status in {401, 403}:
        return Ended("unauthorised", status, f"the gateway refused the credentials (HTTP {status}); check auth")
    return Ended("refused", status, f"the gateway refused the upgrade (HTTP {status})")


def before_upgrade(fault: trio.BrokenResourceError, *, tls: bool) -> Ended:
    """Explain a connection that broke before it was answered.

    In TLS 1.3 a server refuses a client's certificate only after the client's handshake is over, and its alert may be
    lost in the reset that follows.
    """
    ended = explain(fault)
    if tls and ended.reason != "tls":
        hint = "it ended right after the TLS handshake; the gateway may ask for a client certificate, or another one"
        return Ended("tls", detail=f"{ended.detail}: {hint}")
    return ended


def explain(error: Exception) -> Ended:
    """Name the kind of a failure below the WebSocket."""
    if isinstance(error, ConfigError):
        return Ended("tls", detail=str(error))
    for cause in (error, error.__cause__, error.__context__):
        if isinstance(cause, socket.gaierror):
            return Ended("dns", detail=f"the host name cannot be resolved: {words(cause)}")
        if isinstance(cause, ssl.SSLError | ssl.CertificateError):
            return Ended("tls", detail=f"TLS failed: {words(cause)}")
    return Ended("refused" if isinstance(error, OSError) else "disconnected", detail=words(error))


def words(error: BaseException | None) -> str:
    """Describe an error in a line: its own words where they are known to hold no secret, else its name."""
    if error is None:
        return "the connection ended without a close"
    if isinstance(error, trio.BrokenResourceError) and error.__cause__ is not None:
        return words(error.__cause__)
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason
    if isinstance(error, OSError):
        return (error.strerror or str(error))[:MAX_DETAIL_CHARS]
    return type(error).__name__
