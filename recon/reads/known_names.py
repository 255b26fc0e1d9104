"""Names that a person asks for, compared with those that there are: what nothing has is refused with the nearest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from recon.db.source import Source, query_rows
from recon.errors import ConfigError
from recon.log.events import OWN_KINDS
from recon.nearest import hint
from recon.reads.filter import Filter

#: The names that there are, by what they are of; null: of every gateway, or account.
_SCOPES: Final = {
    "gateway": "SELECT g.name FROM recon.gateways AS g",
    "account": """
        SELECT a.account AS name FROM recon.accounts AS a
        WHERE (CAST(:gateway AS text[]) IS NULL OR a.gateway = ANY(:gateway))
    """,
    "unit": """
        SELECT u.name FROM (
            SELECT b.gateway, b.account, b.asset AS name FROM recon_exact.balances AS b
            UNION SELECT p.gateway, p.account, p.symbol FROM recon_exact.positions AS p
        ) AS u
        WHERE (CAST(:gateway AS text[]) IS NULL OR u.gateway = ANY(:gateway))
          AND (CAST(:account AS text[]) IS NULL OR u.account = ANY(:account))
    """,
}


def check_filter(source: Source, asked: Filter, gateways: Collection[str] = ()) -> None:
    """Refuse a gateway, account or unit of a filter that nothing has: it would never match. Errors: ConfigError.

    `gateways` are those of the settings, which may have no log yet. A unit that only breaks know passes: breaks
    outlive their unit's row.
    """
    scope = {name: list(asked.given[name]) if name in asked.given else None for name in ("gateway", "account")}
    for name, query in _SCOPES.items():
        values = asked.given.get(name, ())
        if not values:
            continue
        known = {str(row["name"]) for row in query_rows(source, query, scope)}
        known |= set(gateways) if name == "gateway" else set()
        for value in values:
            if value not in known and not (name == "unit" and _is_of_a_break(source, value)):
                raise ConfigError(f"there is no {name} {value!r}{_place(name, scope)}; {hint(value, known)}")


def check_scope(source: Source, of: Mapping[str, str | None], gateways: Collection[str]) -> None:
    """Refuse a gateway, account, unit or cause that nothing has. Errors: ConfigError.

    `of` maps these words to names; null: any.
    """
    asked = Filter().also(**{name: of.get(name) for name in (*_SCOPES, "cause")})
    check_filter(source, asked, gateways)
    asked.check_words()


def check_kind(kind: str) -> None:
    """Refuse a kind that no event has. Errors: ConfigError."""
    if kind in OWN_KINDS:
        return
    from recon.ems.protocol.messages import INBOUND_TYPES  # noqa: PLC0415 - only an unusual kind needs the protocol

    known = {*OWN_KINDS, *INBOUND_TYPES}
    if kind not in known:
        raise ConfigError(f"there is no kind of event {kind!r}; {hint(kind, known)}")


def check_cause(name: str) -> None:
    """Refuse a cause that there is not. Errors: ConfigError."""
    Filter(cause=(name,)).check_words()


def _is_of_a_break(source: Source, unit: str) -> bool:
    return bool(
        query_rows(source, "SELECT 1 AS found FROM recon_exact.breaks WHERE unit = :unit LIMIT 1", {"unit": unit})
    )


def _place(name: str, scope: Mapping[str, list[str] | None]) -> str:
    """Return where a name was looked for, where that is not everywhere."""
    narrower = scope["account"] if name == "unit" else None
    places = narrower or (scope["gateway"] if name != "gateway" else None)
    return f" in {' or '.join(places)}" if places else ""
