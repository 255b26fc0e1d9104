"""URLs of a gateway: fit for printing, and turned from one scheme into another. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

from recon.errors import ConfigError

_REST_SCHEMES: Final = {"ws": "http", "wss": "https", "http": "http", "https": "https"}


def safe_url(url: str) -> str:
    """Return a URL fit for printing: without user, password, query and fragment; empty for an empty URL."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "(unreadable URL)"
    return f"{parts.scheme}://{authority(host, port)}{parts.path}"


def authority(host: str, port: int | None, *, default_port: int = 0) -> str:
    """Return host and port as they stand in a URL, without the port if it is missing or the default one."""
    shown = f"[{host}]" if ":" in host else host
    return shown if not port or port == default_port else f"{shown}:{port}"


def rest_url_of(url: str) -> str:
    """Return the REST URL that belongs to a gateway's WebSocket URL: same host and port, at the root (protocol 11).

    Raise ConfigError if the URL cannot be read.
    """
    parts = _split(url)
    scheme = None if parts is None else _REST_SCHEMES.get(parts.scheme)
    if parts is None or scheme is None or not parts.hostname:
        raise ConfigError(f"no REST address follows from {safe_url(url)}; set rest_url to https://host/")
    return f"{scheme}://{authority(parts.hostname, parts.port)}/"


def websocket_url(address: str | None, path: str) -> str | None:
    """Return the WebSocket URL of an `https://` address with this path, None if the address is not one.

    Plain `http://` is not accepted: the key would be readable on the way.
    """
    parts = _split((address or "").strip())
    host = None if parts is None else parts.hostname
    if parts is None or parts.scheme not in {"https", "wss"} or not host:
        return None
    if not host.isascii() or not host.isprintable() or " " in host:
        return None
    if parts.username is not None or parts.password is not None:
        return None
    return f"wss://{authority(host, parts.port, default_port=443)}{parts.path.rstrip('/')}{path}"


def _split(url: str) -> SplitResult | None:
    """Return the parts of a URL, None if it or its port cannot be read."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts
