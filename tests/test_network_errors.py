"""Network errors in words: what each library's error becomes, and that no address gets into it."""

from __future__ import annotations

import socket
import ssl

import httpx
import pytest
import trio

from recon.ems.close_reasons import CloseReason, close_reason_of, lost_before_upgrade
from recon.errors import ConfigError
from recon.network_errors import MAX_DESCRIPTION_CHARS, FailureKind, describe, failure_kind, system_text

SECRET = "https://gateway.test/?apikey=9a55567a-b5ff-4b78-b6aa-0d5f7f2b9b11"
UNTRUSTED = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED]")
UNTRUSTED.verify_message = "self-signed certificate"
WRONG_VERSION = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]")
WRONG_VERSION.reason = "WRONG_VERSION_NUMBER"
BROKEN_OFF = ssl.SSLError(1, "[SSL: UNEXPECTED_EOF_WHILE_READING]")
BROKEN_OFF.reason = "UNEXPECTED_EOF_WHILE_READING"
REFUSED = ConnectionRefusedError(111, "Error connecting to ('127.0.0.1', 443): Connection refused")
RESET = ConnectionResetError(104, "Connection reset by peer")
NO_NAME = socket.gaierror(-2, "Name or service not known")


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def happy_eyeballs(*causes: OSError) -> OSError:
    """What Trio raises when every address of a host fails."""
    error = OSError("all attempts to connect to gateway.test:443 failed")
    error.__cause__ = ExceptionGroup("", list(causes)) if len(causes) > 1 else causes[0]
    return error


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (trio.TooSlowError(), "timeout", "no answer in time"),
        (httpx.ReadTimeout(SECRET), "timeout", "no answer in time"),
        (httpx.ConnectTimeout(SECRET), "timeout", "no answer in time"),
        (NO_NAME, "dns", "the host name cannot be resolved: Name or service not known"),
        (
            caused(httpx.ConnectError(SECRET), NO_NAME),
            "dns",
            "the host name cannot be resolved: Name or service not known",
        ),
        (UNTRUSTED, "tls", "its certificate is not trusted (self-signed certificate)"),
        (
            caused(httpx.ConnectError(SECRET), UNTRUSTED),
            "tls",
            "its certificate is not trusted (self-signed certificate)",
        ),
        (caused(trio.BrokenResourceError(), WRONG_VERSION), "tls", "TLS failed: WRONG_VERSION_NUMBER"),
        (
            caused(trio.BrokenResourceError(), BROKEN_OFF),
            "tls",
            "TLS failed: the other side broke the handshake off",
        ),
        (REFUSED, "refused", "Connection refused"),
        (caused(httpx.ConnectError(SECRET), REFUSED), "refused", "Connection refused"),
        (
            happy_eyeballs(REFUSED, OSError(101, "Network is unreachable"), REFUSED),
            "refused",
            "Connection refused, Network is unreachable",
        ),
        (happy_eyeballs(REFUSED), "refused", "Connection refused"),
        (httpx.ConnectError(SECRET), "refused", "no connection could be made"),
        (caused(trio.BrokenResourceError(), RESET), "lost", "Connection reset by peer"),
        (trio.BrokenResourceError(), "lost", "the connection was lost"),
        (httpx.ReadError(SECRET), "lost", "the connection was lost"),
        (httpx.RemoteProtocolError(SECRET), "protocol", "the answer is not HTTP"),
        (httpx.DecodingError(SECRET), "protocol", "the answer is not HTTP"),
        (httpx.InvalidURL(SECRET), "lost", "the address is not valid"),
        (ConfigError("auth needs an api_key"), "lost", "auth needs an api_key"),
        (KeyError(SECRET), "lost", "unexpected KeyError"),
    ],
)
def test_each_error_has_its_kind_and_its_words(error: BaseException, kind: FailureKind, text: str) -> None:
    assert (failure_kind(error), describe(error)) == (kind, text)
    assert "apikey" not in describe(error)


def test_a_time_limit_is_named() -> None:
    assert describe(trio.TooSlowError(), seconds=10.0) == "no answer within 10 s"
    assert describe(REFUSED, seconds=10.0) == "Connection refused"


def test_a_cause_that_the_library_hides_is_found() -> None:
    error = httpx.ConnectError(SECRET)
    error.__context__, error.__suppress_context__ = UNTRUSTED, True
    assert describe(error) == "its certificate is not trusted (self-signed certificate)"


def test_causes_in_a_circle_end() -> None:
    first, second = httpx.ReadError(""), httpx.ReadError("")
    first.__cause__, second.__cause__ = second, first
    assert describe(first) == "the connection was lost"


def test_a_description_is_bounded() -> None:
    assert len(system_text(OSError("x" * 1000))) == MAX_DESCRIPTION_CHARS


def test_files_have_the_same_words() -> None:
    assert system_text(FileNotFoundError(2, "No such file or directory")) == "No such file or directory"
    assert system_text(OSError()) == "OSError"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NO_NAME, CloseReason("dns", detail="the host name cannot be resolved: Name or service not known")),
        (UNTRUSTED, CloseReason("tls", detail="its certificate is not trusted (self-signed certificate)")),
        (ConfigError("ca_file x cannot be used"), CloseReason("tls", detail="ca_file x cannot be used")),
        (REFUSED, CloseReason("refused", detail="Connection refused")),
        (caused(trio.BrokenResourceError(), RESET), CloseReason("disconnected", detail="Connection reset by peer")),
        (trio.TooSlowError(), CloseReason("timeout", detail="no answer in time")),
    ],
)
def test_close_reasons_follow_from_the_kind(error: Exception, reason: CloseReason) -> None:
    assert close_reason_of(error) == reason


def test_a_connection_lost_right_after_the_handshake_hints_at_the_client_certificate() -> None:
    error = trio.BrokenResourceError()
    assert lost_before_upgrade(error, tls=False).reason == "disconnected"
    reason = lost_before_upgrade(error, tls=True)
    assert reason.reason == "tls"
    assert "client certificate" in reason.detail
