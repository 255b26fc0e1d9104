"""Who asks: a person's own database login, by HTTP Basic, or by a token that the settings bind to one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import msgspec
from pydantic import SecretStr

from recon.config.web import Token
from recon.db.engine import psycopg_url
from recon.errors import LoginRefused

#: Longest login and password, in characters.
MAX_LOGIN: Final = 128
MAX_PASSWORD: Final = 1000
#: What of the service's address is its own way to prove who it is.
_OWN: Final = ("passfile", "sslcert", "sslkey", "sslpassword", "service", "servicefile", "user", "password")
_UNKNOWN: Final = "give your own database login by HTTP Basic, or your token as `Authorization: Bearer TOKEN`"


class Identity(msgspec.Struct, frozen=True):
    """Who asks, before the database has looked: the address to connect to, and a name to count failures by.

    `by_password`: the server must have asked for the password, for one that asks nobody proves nothing.
    """

    url: SecretStr
    name: str
    by_password: bool


def identity_of(header: str | None, service_url: str, tokens: Mapping[str, Token]) -> Identity:
    """Return who a header `Authorization` says to be. Errors: LoginRefused, which repeats nothing of it."""
    scheme, _, given = (header or "").partition(" ")
    given = given.strip()
    if scheme.lower() == "basic" and given:
        return _by_login(given, service_url)
    if scheme.lower() == "bearer" and given:
        return _by_token(given, tokens)
    raise LoginRefused(_UNKNOWN)


def _by_login(given: str, service_url: str) -> Identity:
    try:
        login, colon, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise LoginRefused(_UNKNOWN) from None
    if not colon:
        raise LoginRefused(_UNKNOWN)
    return login_identity(login, password, service_url)


def login_identity(login: str, password: str, service_url: str) -> Identity:
    """Return who a login and a password say to be. Errors: LoginRefused, which repeats neither."""
    proper = 0 < len(login) <= MAX_LOGIN and 0 < len(password) <= MAX_PASSWORD
    if not proper or not login.isprintable() or "\0" in password:
        raise LoginRefused(_UNKNOWN)
    url = psycopg_url(service_url)
    query = {key: value for key, value in url.query.items() if key not in _OWN}
    own = url.set(drivername="postgresql", username=login, password=password, query=query)
    return Identity(SecretStr(own.render_as_string(hide_password=False)), login, by_password=True)


def _by_token(given: str, tokens: Mapping[str, Token]) -> Identity:
    digest = hashlib.sha256(given.encode("utf-8", "replace")).digest()
    found = None
    for name, token in tokens.items():
        # All of them, each in constant time: how long it takes tells nothing.
        if hmac.compare_digest(digest, hashlib.sha256(token.token.get_secret_value().encode()).digest()):
            found = Identity(token.url, name, by_password=False)
    if found is None:
        raise LoginRefused("no person has this token")
    return found


def counted_name(header: str | None) -> str:
    """Return by what to count the failures of a header: its login, or that it is a token."""
    scheme, _, given = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return "token"
    try:
        return base64.b64decode(given.strip(), validate=True).partition(b":")[0].decode("utf-8", "replace")[:MAX_LOGIN]
    except (binascii.Error, ValueError):
        return "unreadable"
