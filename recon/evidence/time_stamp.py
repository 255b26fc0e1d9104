"""A time stamp of RFC 3161: an authority signs that it saw a digest at a time, so nobody can make it later.

The libraries come with `recon[evidence]`, and are imported only where somebody wants a time stamp.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

from recon.errors import ConfigError, TimeStampRefused
from recon.network_errors import describe

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampRequest, TimeStampResponse

#: How long an authority may take, in seconds.
TIMEOUT_SECONDS: Final = 30.0
#: Largest answer, in bytes; a time stamp with certificates has some thousand.
MAX_ANSWER_BYTES: Final = 1 << 20
#: Largest file of certificates, in bytes.
MAX_ROOTS_BYTES: Final = 1 << 20
_ASKS: Final = "application/timestamp-query"
_ANSWERS: Final = "application/timestamp-reply"


class TimeStamp:
    """A checked answer of the authority: its bytes, and the time that it says, UTC."""

    def __init__(self, content: bytes, at: datetime) -> None:
        self.content, self.at = content, at


def require_library() -> None:
    """Refuse early where the library is not installed. Errors: ConfigError."""
    try:
        import rfc3161_client  # noqa: F401, PLC0415 - optional
    except ImportError:
        raise ConfigError(
            "a time stamp needs rfc3161-client: install recon[evidence], or give --no-time-stamp"
        ) from None


def time_stamp(content: bytes, url: str, roots: Path, client: httpx.Client | None = None) -> TimeStamp:
    """Have an authority stamp a content, and check its answer with its certificates; only a digest is sent.

    Errors: ConfigError where the certificates cannot be read, TimeStampRefused for all else.
    """
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder  # noqa: PLC0415 - optional

    certificates = _certificates(roots)
    request = TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256).nonce(nonce=True).build()
    with client or httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False) as asking:
        answer = _ask(asking, url, request.as_bytes())
    return _checked(answer, request, certificates, content)


def _ask(client: httpx.Client, url: str, query: bytes) -> bytes:
    answer = b""
    try:
        with client.stream("POST", url, content=query, headers={"Content-Type": _ASKS, "Accept": _ANSWERS}) as response:
            if response.status_code != httpx.codes.OK:
                raise TimeStampRefused(f"the time-stamping authority answered with status {response.status_code}")
            for piece in response.iter_bytes():
                answer += piece
                if len(answer) > MAX_ANSWER_BYTES:
                    raise TimeStampRefused("the time-stamping authority's answer is longer than 1 MiB")
    except (httpx.HTTPError, OSError) as error:
        why = describe(error, seconds=TIMEOUT_SECONDS)
        raise TimeStampRefused(f"the time-stamping authority cannot be asked: {why}") from None
    return answer


def _checked(answer: bytes, request: TimeStampRequest, roots: list[Certificate], content: bytes) -> TimeStamp:
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response  # noqa: PLC0415

    try:
        response: TimeStampResponse = decode_timestamp_response(answer)
    except ValueError:
        raise TimeStampRefused("the time-stamping authority's answer is no time stamp") from None
    builder = VerifierBuilder.from_request(request)
    for root in roots:
        builder = builder.add_root_certificate(root)
    try:
        builder.build().verify_message(response, content)
        return TimeStamp(answer, response.tst_info.gen_time)
    except (VerificationError, ValueError):
        raise TimeStampRefused(
            "the time-stamping authority's answer is refused, or not signed under the certificates of [evidence]"
            " tsa_certificates"
        ) from None


def _certificates(path: Path) -> list[Certificate]:
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415 - optional

    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_ROOTS_BYTES)
        return list(load_pem_x509_certificates(content))
    except OSError as error:
        raise ConfigError(f"[evidence] tsa_certificates: {path}: {error.strerror or 'cannot be read'}") from None
    except ValueError:
        raise ConfigError(f"[evidence] tsa_certificates: {path} holds no certificates (PEM)") from None
