"""Secrets removed from what goes into a bundle: those that are known, in any spelling, and what looks like one.

1. Known are the secrets of the settings, the passwords of the embedded server's roles, and the values of variables
   whose names say that they hold a secret.
2. What looks like one: passwords and keys in URLs, in SQL, in HTTP headers and beside names such as `token`, verifiers,
   signing secrets and private keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from recon.config import Settings, secrets_of
from recon.db.embedded.passwords import DIRECTORY as PASSWORDS
from recon.redaction import REDACTED, LastNet

_HIDDEN: Final = REDACTED.decode()
#: Names of variables that hold a secret.
_SECRET_NAME: Final = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH", re.IGNORECASE)
#: A quote, also as JSON within JSON writes it.
_QUOTE: Final = r"\\*[\"']"
_PATTERNS: Final = (
    # ALTER ROLE alice PASSWORD 'x'
    (re.compile(r"(\bPASSWORD\s+(?:E|U&)?)'(?:[^']|'')*'?", re.IGNORECASE), rf"\1'{_HIDDEN}'"),
    # Authorization: Bearer x, and as JSON
    (
        re.compile(
            rf"(\b(?:proxy-)?authorization{_QUOTE}?\s*[:=]\s*{_QUOTE}?(?:(?:basic|bearer|token)\s+)?)[^\s\"',;\\]+",
            re.IGNORECASE,
        ),
        rf"\1{_HIDDEN}",
    ),
    # api_key=x, "token": "x"
    (
        re.compile(
            rf"(\b[\w-]*(?:api[_-]?key|apikey|token|secret|passw(?:or)?d|passphrase|routing[_-]?key|private[_-]?key)"
            rf"{_QUOTE}?\s*[:=]\s*{_QUOTE}?)(?!\[redacted\])[^\s\"',;&\\\]}}]+",
            re.IGNORECASE,
        ),
        rf"\1{_HIDDEN}",
    ),
    (re.compile(r"SCRAM-SHA-256\$\d+:[^\s\"']+"), _HIDDEN),
    (re.compile(r"\bwhs[ke]c?_[A-Za-z0-9+/=]{8,}"), _HIDDEN),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), _HIDDEN),
)


class Cleaner:
    """Removes secrets from texts; its repr tells none."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._net = LastNet()
        self._net.know(secrets)

    def clean(self, text: str) -> str:
        """Return a text without known secrets, and without what looks like one."""
        shown = self._net.clean(text)
        for pattern, instead in _PATTERNS:
            shown = pattern.sub(instead, shown)
        return shown


def known_secrets(settings: Settings, data_dir: Path | None, environ: Mapping[str, str]) -> list[str]:
    """Return every secret that this process can know of."""
    found = [*secrets_of(settings)]
    found += [value for name, value in environ.items() if _SECRET_NAME.search(name)]
    if data_dir is not None and (data_dir / PASSWORDS).is_dir():
        for file in (data_dir / PASSWORDS).iterdir():
            if file.is_file():
                # The last part of the line that libpq reads; a torn line counts as a whole.
                found += [line.rpartition(":")[2] for line in file.read_text("utf-8", "replace").splitlines()]
    return found
