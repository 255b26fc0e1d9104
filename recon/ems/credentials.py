"""The credentials for an EMS gateway, and how they stay secret (protocol sections 2 and 12).

The methods are `none` (self-hosted), `header` (`X-CoinAPI-Key`, recommended), `query` (`?apikey=`) and
`certificate` (TLS client certificate, from two files, from one PEM bundle, or from memory).
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final
from urllib.parse import parse_qsl, quote, urlsplit

from recon.display.words import counted
from recon.ems.urls import safe_url
from recon.errors import ConfigError
from recon.network_errors import system_text
from recon.redaction import MIN_SECRET_CHARS, REDACTED, Redactor

METHODS: Final = frozenset({"none", "header", "query", "certificate"})
KEY_HEADER: Final = b"X-CoinAPI-Key"
KEY_PARAMETER: Final = "apikey"
#: A shorter key could not be removed from payloads without removing data.
MIN_KEY_CHARS: Final = MIN_SECRET_CHARS
#: Bytes of the largest PEM file taken.
MAX_PEM_BYTES: Final = 1024 * 1024

_TLS_BY_SCHEME: Final = {"ws": False, "http": False, "wss": True, "https": True}
_PEM_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)
_STRING: Final = rb'"(?:[^"\\]|\\.)*"'
#: A member with a credential, as in `/v1/orders/history`: plain, and in JSON within a string.
_KEY_MEMBER: Final = re.compile(rb'("api_?key"\s*:\s*)(?:' + _STRING + rb"|-?[0-9][0-9.eE+-]*)", re.IGNORECASE)
_QUOTED_MEMBER: Final = re.compile(rb'(\\"api_?key\\"\s*:\s*\\")(?:[^"\\]|\\[^"])*', re.IGNORECASE)

_NOISY_LOGGERS: Final = (
    "trio-websocket",
    "trio_websocket",
    "wsproto",
    "httpx",
    "httpcore",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)


def silence_libraries() -> None:
    """Keep the libraries from logging their requests: URLs with `apikey` in them, and headers.

    Both the level and a filter are set, so that turning everything to DEBUG does not undo it. Idempotent.
    """
    for name in _NOISY_LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        if _only_warnings not in logger.filters:
            logger.addFilter(_only_warnings)


def _only_warnings(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


@dataclass(frozen=True, repr=False, slots=True)
class Credentials:
    """One way to authenticate; neither its repr nor any error it raises shows a secret.

    `pem_text` is a bundle in memory. `withheld` is a key that is not sent here, but redacted all the same.
    """

    method: str = "none"
    api_key: str | None = None
    certificate_file: Path | None = None
    private_key_file: Path | None = None
    pem: Path | None = None
    ca_file: Path | None = None
    pem_text: str | None = None
    withheld: str | None = None
    _redactor: Redactor = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Raise ConfigError if the values contradict each other or cannot be used."""
        if self.method not in METHODS:
            raise ConfigError(f"auth method {self.method!r} is unknown; use one of {', '.join(sorted(METHODS))}")
        if self.method in {"header", "query"}:
            self._check_key()
        elif self.api_key is not None:
            raise ConfigError(f"auth method {self.method!r} takes no api_key; remove it or change the method")
        files = (self.certificate_file, self.private_key_file, self.pem, self.pem_text)
        if self.method != "certificate" and any(files):
            raise ConfigError(f"auth method {self.method!r} takes no certificate; remove it or change the method")
        if self.method == "certificate":
            self._check_files()
        object.__setattr__(self, "_redactor", Redactor((self.api_key, self.withheld)))

    def __repr__(self) -> str:
        return f"Credentials(method={self.method!r})"

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers to send with a request."""
        if self.method == "header" and self.api_key is not None:
            return [(KEY_HEADER, self.api_key.encode("ascii"))]
        return []

    def resource(self, url: str) -> tuple[str, int, str, bool]:
        """Return host, port, path with query, and whether TLS is used. The path may hold the key: never print it.

        Raise ConfigError, which names the URL without its secrets.
        """
        shown = safe_url(url)
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ConfigError(
                f"gateway URL {shown} cannot be read; write it as wss://host/ or ws://host:port/"
            ) from None
        tls = _TLS_BY_SCHEME.get(parts.scheme)
        if tls is None or not host:
            raise ConfigError(f"gateway URL {shown} must be wss://host/ or ws://host:port/")
        if parts.username is not None or parts.password is not None:
            raise ConfigError(f"gateway URL {shown} holds a user or password; put credentials under auth")
        query = parts.query
        if any(name.lower() == KEY_PARAMETER for name, _ in parse_qsl(query, keep_blank_values=True)):
            raise ConfigError(f"gateway URL {shown} holds an apikey; set it as auth.api_key with method query")
        if self.method == "certificate" and not tls:
            raise ConfigError(f"gateway URL {shown} is not TLS, so it cannot take a client certificate; use wss://")
        if self.method == "query" and self.api_key is not None:
            query = f"{query}&" if query else ""
            query += f"{KEY_PARAMETER}={quote(self.api_key, safe='')}"
        path = parts.path or "/"
        return host, port or (443 if tls else 80), f"{path}?{query}" if query else path, tls

    def ssl_context(self) -> ssl.SSLContext:
        """Return a client context: the system's authorities or the private one, and the client certificate, if any.

        Files are read each time, so that the next connection uses a renewed certificate. Raise ConfigError, which names
        the file.
        """
        try:
            context = ssl.create_default_context(cafile=None if self.ca_file is None else str(self.ca_file))
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"ca_file {self.ca_file} cannot be used: {system_text(error)}") from None
        if self.method == "certificate":
            self._load_certificate(context)
        return context

    def redact(self, payload: bytes) -> tuple[bytes, bool]:
        """Return a payload without our key, however spelled, and the values of members apikey and api_key.

        The second value says whether it had any. All else stays byte for byte.
        """
        clean = self._redactor.redact(payload)
        if b"key" in clean.lower():
            clean = _KEY_MEMBER.sub(rb'\1"' + REDACTED + b'"', clean)
            clean = _QUOTED_MEMBER.sub(rb"\1" + REDACTED, clean)
        return clean, clean != payload

    def redact_text(self, text: str) -> str:
        """Return a text that is fit for showing, redacted in the same way."""
        return self.redact(text.encode("utf-8", "replace"))[0].decode("utf-8", "replace")

    def _check_key(self) -> None:
        key = self.api_key
        if not key:
            raise ConfigError(f"auth method {self.method!r} needs an api_key (or api_key_file)")
        if len(key) < MIN_KEY_CHARS:
            raise ConfigError(f"auth api_key has fewer than {MIN_KEY_CHARS} characters; it is not a CoinAPI key")
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ConfigError("auth api_key holds a blank or a character that a header cannot carry; check the file")

    def _check_files(self) -> None:
        if self.pem_text is not None:
            if self.pem or self.certificate_file or self.private_key_file:
                raise ConfigError("auth has both a certificate in memory and certificate files; give one of them")
            return
        if self.pem is not None and (self.certificate_file or self.private_key_file):
            raise ConfigError("auth has both a PEM bundle and separate certificate files; give one of them")
        if self.pem is None and self.certificate_file is None:
            raise ConfigError("auth method 'certificate' needs certificate_file and private_key_file, or a PEM bundle")

    def _load_certificate(self, context: ssl.SSLContext) -> None:
        """Load certificate and key; their blocks are recognised by their labels, in any order."""
        first = self.pem or self.certificate_file
        paths = [path for path in (first, self.private_key_file) if path is not None]
        names = " and ".join(map(str, paths)) or "the client certificate in memory"
        texts = [_read(path) for path in paths] if self.pem_text is None else [self.pem_text]
        blocks = [match for text in texts for match in _PEM_BLOCK.finditer(text)]
        certificates = [block[0] for block in blocks if block[1] == "CERTIFICATE"]
        keys = [block[0] for block in blocks if block[1].endswith("PRIVATE KEY")]
        if not certificates or len(keys) != 1:
            raise ConfigError(
                f"{names} must hold certificates and one private key in PEM form; "
                f"found {counted(len(certificates), 'certificate')} and {counted(len(keys), 'private key')}"
            )
        with _as_file("\n".join([*keys, *certificates, ""])) as path:
            try:
                context.load_cert_chain(path, password=_no_password)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(f"{names} cannot be used as a client certificate: {system_text(error)}") from None


@contextlib.contextmanager
def _as_file(content: str) -> Iterator[str]:
    """Give a text a path, because `ssl` reads only from one; if possible without a private key on a disk."""
    with contextlib.ExitStack() as stack:
        try:
            memory: IO[str] = stack.enter_context(os.fdopen(os.memfd_create("certificate"), "w", encoding="utf-8"))
            path = f"/proc/self/fd/{memory.fileno()}"
            Path(path).stat()
        except (AttributeError, OSError):  # no Linux, or no /proc
            file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".pem"))  # created with mode 0600
            memory, path = file, file.name
        memory.write(content)
        memory.flush()
        yield path


def _no_password() -> str:
    raise ConfigError("the client certificate's private key is encrypted; provide it without a password")


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_PEM_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_PEM_BYTES} bytes; it is not a PEM file")
        return path.read_text("utf-8", "replace")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {system_text(error)}") from None
