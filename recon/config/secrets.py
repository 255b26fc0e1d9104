"""Every secret in the settings, for whoever must keep them out of what recon says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, SecretStr

from recon.config.describe import http_receivers
from recon.config.signing import PRIVATE_PREFIX, SHARED_PREFIX
from recon.config.tables import Settings

#: Shorter words of a path, such as `hooks` and `services`, are no tokens.
MIN_TOKEN_CHARS: Final = 12

#: Shorter parts of an address of Apprise are words, such as `bot`; what is longer may be a password or a token.
MIN_PART_CHARS: Final = 6

_POSTGRES: Final = ("postgresql://", "postgres://")
_BETWEEN: Final = re.compile(r"[/:@,]+")
#: A host or an address of e-mail is no token, and stands in other texts too.
_HOST: Final = re.compile(r"(?:[a-z0-9._+-]+@)?[a-z0-9-]+(?:\.[a-z0-9-]+)+")


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Return the secrets in the settings: keys, passwords, and the paths and queries of receivers."""
    found = [part for secret in _secrets_in(settings) for part in _parts_of(secret)]
    for _, _, receiver in http_receivers(settings):
        found += _hidden_in_url(receiver.url)
    return tuple(dict.fromkeys(found))


def _secrets_in(value: object) -> Iterator[str]:
    """Yield every secret of a table and the tables in it."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets_in(getattr(value, name))
    elif isinstance(value, dict):
        for each in value.values():
            yield from _secrets_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _secrets_in(each)


def _parts_of(secret: str) -> list[str]:
    """Return what of a secret must not be told: of a URL the password alone."""
    if "://" not in secret:
        return [part for word in secret.split() for part in (word, _without_prefix(word))]
    if not secret.startswith(_POSTGRES):
        return [secret, *_tokens_in(secret)]
    parts = _split(secret)
    if parts is None:
        return [secret]
    query = [value for name, value in parse_qsl(parts[1]) if name == "password"]
    return [value for value in (parts[0], unquote(parts[0]), *query) if value]


def _without_prefix(word: str) -> str:
    return word.removeprefix(SHARED_PREFIX).removeprefix(PRIVATE_PREFIX)


def _tokens_in(url: str) -> list[str]:
    """Return each part of an address of Apprise: any of them may be the password or a token."""
    rest = url.partition("://")[2]
    path, _, query = rest.partition("?")
    parts = {*_BETWEEN.split(path), *(value for _, value in parse_qsl(query))}
    parts |= {unquote(part) for part in parts}
    return [rest, *sorted(part for part in parts if len(part) >= MIN_PART_CHARS and not _HOST.fullmatch(part))]


def _hidden_in_url(url: str) -> list[str]:
    """Return the path and the query of a URL, and the words in them that are long enough to be a token."""
    parts = urlsplit(url)
    words = [word for word in parts.path.split("/") if len(word) >= MIN_TOKEN_CHARS]
    values = [value for _, value in parse_qsl(parts.query) if len(value) >= MIN_TOKEN_CHARS]
    whole = parts.path.strip("/")
    return [part for part in (whole, parts.query, *words, *values, parts.password or "") if part]


def _split(url: str) -> tuple[str, str] | None:
    """Return the password and the query of a URL; None if it cannot be read."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.password or "", parts.query
