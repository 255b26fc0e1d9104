"""Why a connection ended, or never came about, in words that hold no secret.

The reasons are `disconnected`, `stalled`, `overrun`, `refused`, `unauthorised`, `tls`, `dns`, `timeout`, `protocol`,
`too_big`, `restarted`, `returning` (the preferred site works again), `moved` (the site is no longer listed),
`discovery` (where the gateway is could not be found out), `shutdown` and `fault` (the service itself failed).
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

#: What to do, by words that OpenSSL says.
_TLS_ADVICE: Final = (
    ("hostname mismatch", "the certificate is for another name; use the host name it is for"),
    ("ip address mismatch", "the certificate is not for this address; use the host name it is for"),
    ("expired", "the gateway's certificate has expired; have it renewed, and check this machine's clock"),
    ("not yet valid", "the gateway's certificate is not valid yet; check this machine's clock"),
    ("self-signed", "its authority is not known here; set auth.ca_file to the authority's certificate"),
    ("issuer certificate", "its authority is not known here; set auth.ca_file to the authority's certificate"),
    ("wrong_version", "the port does not speak TLS; use ws://, or the port that does"),
    ("client certificate", 'set auth.method = "certificate", with the certificate that the gateway knows'),
    ("certificate_required", 'set auth.method = "certificate", with the certificate that the gateway knows'),
    ("alert", 'the gateway refused the client certificate, or wants one; check auth.method = "certificate"'),
)
_ADVICE: Final = {
    "unauthorised": "check auth.method and auth.api_key, or the client certificate",
    "protocol": "what answers there is no EMS gateway; check host, port and path",
    "timeout": "check host and port, and that no firewall is between",
    "refused": "check host and port, and that the gateway runs",
}


class CloseReason(msgspec.Struct, frozen=True):
    """Why a connection ended, or never became one; `code` is the WebSocket's or the HTTP status."""

    reason: str
    code: int | None = None
    detail: str = ""


def rejected_upgrade(status: int) -> CloseReason:
    """Tell refused credentials from any other refusal of the upgrade, by its HTTP status."""
    if status in {401, 403}:
        return CloseReason("unauthorised", status, f"the gateway refused the credentials (HTTP {status}); check auth")
    return CloseReason("refused", status, f"the gateway refused the upgrade (HTTP {status})")


def lost_before_upgrade(fault: trio.BrokenResourceError, *, tls: bool) -> CloseReason:
    """Explain a connection that broke before it was answered.

    In TLS 1.3 a server refuses a client's certificate only after the client's handshake is over, and its alert may be
    lost in the reset that follows.
    """
    ended = close_reason_of(fault)
    if tls and ended.reason != "tls":
        hint = "it ended right after the TLS handshake; the gateway may ask for a client certificate, or another one"
        return CloseReason("tls", detail=f"{ended.detail}: {hint}")
    return ended


def close_reason_of(error: Exception) -> CloseReason:
    """Name the kind of a failure below the WebSocket."""
    if isinstance(error, ConfigError):
        return CloseReason("tls", detail=str(error))
    for cause in (error, error.__cause__, error.__context__):
        if isinstance(cause, socket.gaierror):
            return CloseReason("dns", detail=f"the host name cannot be resolved: {describe(cause)}")
        if isinstance(cause, ssl.SSLError | ssl.CertificateError):
            return CloseReason("tls", detail=f"TLS failed: {describe(cause)}")
    return CloseReason("refused" if isinstance(error, OSError) else "disconnected", detail=describe(error))


def describe(error: BaseException | None) -> str:
    """Describe an error in a line: its own words where they are known to hold no secret, else its name."""
    if error is None:
        return "the connection ended without a close"
    if isinstance(error, trio.BrokenResourceError) and error.__cause__ is not None:
        return describe(error.__cause__)
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason
    if isinstance(error, OSError):
        return (error.strerror or f"{error}{_reasons(error.__cause__)}")[:MAX_DETAIL_CHARS]
    return type(error).__name__


def _reasons(cause: BaseException | None) -> str:
    """Name what lies behind several attempts to connect, one for each address of a host."""
    each = cause.exceptions if isinstance(cause, BaseExceptionGroup) else [cause]
    reasons = dict.fromkeys(one.strerror for one in each if isinstance(one, OSError) and one.strerror)
    return f": {', '.join(reasons)}" if reasons else ""


def advice_for(reason: CloseReason, *, managed: bool) -> str:
    """Say what to do about a connection that did not come about."""
    said = reason.detail.lower()
    if reason.reason == "tls":
        return next((advice for words, advice in _TLS_ADVICE if words in said), "check TLS and auth.ca_file")
    if reason.code == 404:
        where = "managed.path" if managed else "the path of the URL"
        return f"there is no WebSocket at this path; check {where}"
    return _ADVICE.get(reason.reason, "")
