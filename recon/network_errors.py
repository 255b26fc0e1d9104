"""Network errors in words: one line for a person that never holds a secret.

The libraries' own messages may quote a URL with a key in it, so no text is taken from them. Only three sources are
quoted: the operating system's text for an error number, OpenSSL's reason, and its verdict on a certificate.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

import httpx
import trio

from recon.errors import ReconError

#: Most characters of a description.
MAX_DESCRIPTION_CHARS: Final = 300
#: How many causes of an error are looked at.
MAX_CAUSES: Final = 8

#: `refused`: no connection came about. `lost`: one broke. `protocol`: the other side does not speak HTTP.
FailureKind: TypeAlias = Literal["timeout", "dns", "tls", "refused", "protocol", "lost"]

#: Reasons of OpenSSL that say nothing to a person.
_OPENSSL_TEXTS: Final = {"UNEXPECTED_EOF_WHILE_READING": "the other side broke the handshake off"}


def failure_kind(error: BaseException) -> FailureKind:
    """Return which kind of failure a network error is."""
    if isinstance(error, trio.TooSlowError | httpx.TimeoutException):
        return "timeout"
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return "dns"
        if isinstance(cause, ssl.SSLError):
            return "tls"
    if isinstance(error, httpx.RemoteProtocolError | httpx.DecodingError):
        return "protocol"
    return "refused" if isinstance(error, OSError | httpx.ConnectError) else "lost"


def describe(error: BaseException, *, seconds: float | None = None) -> str:
    """Describe an error in a clause; `seconds` is the time limit that a timeout ran into."""
    if isinstance(error, ReconError):
        return str(error)
    kind = failure_kind(error)
    if kind == "timeout":
        return "no answer in time" if seconds is None else f"no answer within {seconds:g} s"
    system = next((cause for cause in _causes(error) if isinstance(cause, OSError)), None)
    if isinstance(system, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({system_text(system)})"
    if system is not None:
        prefix = {"dns": "the host name cannot be resolved: ", "tls": "TLS failed: "}.get(kind, "")
        return f"{prefix}{system_text(system)}"
    return _without_system_error(error, kind)


def _without_system_error(error: BaseException, kind: FailureKind) -> str:
    if kind == "protocol":
        return "the answer is not HTTP"
    if kind == "refused":
        return "no connection could be made"
    if isinstance(error, httpx.InvalidURL | UnicodeError):
        return "the address is not valid"
    if isinstance(error, trio.BrokenResourceError | trio.ClosedResourceError | httpx.TransportError):
        return "the connection was lost"
    return f"unexpected {type(error).__name__}"


def system_text(error: OSError) -> str:
    """Return the text that the operating system or OpenSSL has for an error, of a file as well as of a connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError) and error.reason:
        return _OPENSSL_TEXTS.get(error.reason, error.reason)
    if isinstance(error, socket.gaierror) or error.errno is None:
        text = error.strerror or _attempts(error.__cause__) or str(error) or type(error).__name__
    else:
        text = os.strerror(error.errno)  # Trio puts the address into its own text
    return text[:MAX_DESCRIPTION_CHARS]


def _attempts(cause: BaseException | None) -> str:
    """Return the reasons of several attempts to connect, one for each address of a host."""
    errors = cause.exceptions if isinstance(cause, BaseExceptionGroup) else [cause]
    return ", ".join(dict.fromkeys(system_text(error) for error in errors if isinstance(error, OSError)))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and then its causes, the outermost first."""
    cause: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if cause is None:
            return
        yield cause
        # Also a suppressed context: the HTTP library hides the error below its own in that way.
        cause = cause.__cause__ or cause.__context__
