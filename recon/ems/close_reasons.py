"""Why a connection to a gateway ended or never opened, in words that hold no secret.

The reasons are `disconnected`, `stalled`, `overrun`, `refused`, `unauthorised`, `tls`, `dns`, `timeout`, `protocol`,
`too_big`, `restarted`, `returning` (the preferred site works again), `moved` (the site is no longer listed),
`discovery` (the address of the gateway could not be found out), `shutdown` and `fault` (the service itself failed).
"""

from __future__ import annotations

from typing import Final

import msgspec
import trio

from recon.errors import ConfigError
from recon.network_errors import MAX_DESCRIPTION_CHARS, describe, failure_kind

#: Most characters that are kept of what a peer says.
MAX_DETAIL_CHARS: Final = MAX_DESCRIPTION_CHARS

#: What to do, by a part of OpenSSL's text.
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
    ("alert", 'the gateway refused the client certificate, or requires one; check auth.method = "certificate"'),
)
_ADVICE: Final = {
    "unauthorised": "check auth.method and auth.api_key, or the client certificate",
    "protocol": "the server there is not an EMS gateway; check host, port and path",
    "timeout": "check host and port, and that no firewall blocks them",
    "refused": "check host and port, and that the gateway is running",
}


class CloseReason(msgspec.Struct, frozen=True):
    """Why a connection ended or never opened; `code` is the WebSocket's close code or the HTTP status."""

    reason: str
    code: int | None = None
    detail: str = ""


def rejected_upgrade(status: int) -> CloseReason:
    """Return the reason for a refused upgrade: the credentials, or anything else, by its HTTP status."""
    if status in {401, 403}:
        return CloseReason("unauthorised", status, f"the gateway refused the credentials (HTTP {status}); check auth")
    return CloseReason("refused", status, f"the gateway refused the upgrade (HTTP {status})")


def lost_before_upgrade(error: trio.BrokenResourceError, *, tls: bool) -> CloseReason:
    """Return the reason for a connection that broke before the upgrade was answered.

    In TLS 1.3 a server refuses a client's certificate only after the client's handshake is over. Its alert may be lost
    in the reset that follows, hence the hint.
    """
    reason = close_reason_of(error)
    if tls and reason.reason != "tls":
        hint = "it ended right after the TLS handshake; the gateway may require a client certificate, or another one"
        return CloseReason("tls", detail=f"{reason.detail}: {hint}")
    return reason


def close_reason_of(error: Exception, *, seconds: float | None = None) -> CloseReason:
    """Return the reason for a failure below the WebSocket; `seconds` is the time limit, if there was one."""
    detail = describe(error, seconds=seconds)
    if isinstance(error, ConfigError):  # the files of TLS cannot be used
        return CloseReason("tls", detail=detail)
    kind = failure_kind(error)
    return CloseReason("disconnected" if kind == "lost" else kind, detail=detail)


def advice_for(reason: CloseReason, *, managed: bool) -> str:
    """Return what to do about a connection that did not open, empty if there is no advice."""
    detail = reason.detail.lower()
    if reason.reason == "tls":
        return next((advice for text, advice in _TLS_ADVICE if text in detail), "check TLS and auth.ca_file")
    if reason.code == 404:
        setting = "managed.path" if managed else "the path of the URL"
        return f"there is no WebSocket at this path; check {setting}"
    return _ADVICE.get(reason.reason, "")
