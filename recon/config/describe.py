"""The settings for people: secrets hidden, everything else as recon uses it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from pydantic import SecretStr

from recon.config.channels import HttpReceiver
from recon.config.rules import JSON
from recon.config.tables import Settings

HIDDEN = "********"


def describe(settings: Settings) -> dict[str, JSON]:
    """Return the settings for `recon check-config` as JSON, without missing keys and without any secret."""
    shown: dict[str, JSON] = settings.model_dump(mode="json", exclude_none=True)
    for section, name, receiver in http_receivers(settings):
        _table(shown, section, name)["url"] = _host(receiver.url)
    for name, command in settings.commands.items():
        # Somebody may have put a token among the words.
        _table(shown, "commands", name)["command"] = [command.command[0], *([HIDDEN] if command.command[1:] else [])]
    for name, gateway in settings.gateways.items():
        table = _table(shown, "gateways", name)
        if gateway.urls:
            table["urls"] = [_without_query(url) for url in gateway.urls]
        if gateway.rest_url is not None:
            table["rest_url"] = _without_query(gateway.rest_url)
    database = settings.database
    shown["database"] = {
        key: value
        for key, value in {
            "url": _address(database.url),
            "url_file": _text(database.url_file),
            "migrate_url": _address(database.migrate_url),
            "migrate_url_file": _text(database.migrate_url_file),
            "operator_url": _address(database.operator_url),
            "operator_url_file": _text(database.operator_url_file),
            "data_dir": _text(database.data_dir),
        }.items()
        if value is not None
    }
    return shown


def http_receivers(settings: Settings) -> Iterator[tuple[str, str, HttpReceiver]]:
    """Yield section, name and table of every receiver over HTTP, whose path and query often are a secret."""
    for section, tables in settings:
        if isinstance(tables, dict):
            yield from ((section, name, table) for name, table in tables.items() if isinstance(table, HttpReceiver))


def _table(shown: dict[str, JSON], section: str, name: str) -> dict[str, JSON]:
    tables = shown[section]
    table = tables[name] if isinstance(tables, dict) else None
    if not isinstance(table, dict):  # pragma: no cover - each named table is one
        raise TypeError(f"{section}.{name} is no table")
    return table


def _host(url: str) -> str:
    """Return scheme and host of a webhook: its path and query often are a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _without_query(url: str) -> str:
    """Return the address of a gateway; of a query only that there is one."""
    parts = urlsplit(url)
    return f"{_host(url)}{parts.path}{f'?{HIDDEN}' if parts.query else ''}"


def _address(url: SecretStr | None) -> str | None:
    """Return a database's address and user, without the password."""
    if url is None:
        return None
    try:
        parts = urlsplit(url.get_secret_value())
        user = f"{parts.username}@" if parts.username else ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return HIDDEN
    # The query is left out: libpq takes a password there too.
    return f"{parts.scheme}://{user}{parts.hostname or ''}{port}{parts.path}"


def _text(value: object) -> str | None:
    return None if value is None else str(value)
