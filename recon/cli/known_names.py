"""Names that a person gives, compared with those that there are: what is not known is refused with the nearest one."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from recon.cli.rules_in_force import aliases_in_force
from recon.db.source import Source, query_rows
from recon.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Most names that a message lists.
_LISTED: Final = 20
#: The names that there are, by what they are of; null: of every gateway, or account.
_SCOPES: Final = {
    "gateway": "SELECT g.name FROM recon.gateways AS g",
    "account": """
        SELECT a.account AS name FROM recon.accounts AS a
        WHERE (CAST(:gateway AS text) IS NULL OR a.gateway = :gateway)
    """,
    "unit": """
        SELECT u.name FROM (
            SELECT b.gateway, b.account, b.asset AS name FROM recon.balances AS b
            UNION SELECT p.gateway, p.account, p.symbol FROM recon.positions AS p
        ) AS u
        WHERE (CAST(:gateway AS text) IS NULL OR u.gateway = :gateway)
          AND (CAST(:account AS text) IS NULL OR u.account = :account)
    """,
}
#: How alike two names must be, as a share, for one to be meant by the other.
_ALIKE: Final = 0.6


def hint(name: str, known: Collection[str]) -> str:
    """Return what a message says of a name that is not known: the nearest one, else those that there are."""
    by_case = {each.casefold(): each for each in sorted(known)}
    near = difflib.get_close_matches(name.casefold(), by_case, n=1, cutoff=_ALIKE)
    if near:
        return f"did you mean {by_case[near[0]]}?"
    names = sorted(known)
    if not names:
        return "there is none yet"
    return (
        f"there are {', '.join(names[:_LISTED])}{f' and {len(names) - _LISTED} more' if len(names) > _LISTED else ''}"
    )


def check_cause(name: str) -> None:
    """Refuse a cause that there is not. Errors: ConfigError."""
    from recon.reconciliation.causes.registry import CAUSES  # noqa: PLC0415 - only this check needs the causes

    if name not in CAUSES:
        raise ConfigError(f"there is no cause {name!r}; {hint(name, CAUSES)}")


def check_scope(connection: Source, of: Mapping[str, str | None], gateways: Collection[str]) -> None:
    """Refuse a gateway, account, unit or cause that nothing has: what names it would never match. Errors: ConfigError.

    `of` maps these words to names; null: any. `gateways` are those of the settings, which may have no log yet.
    """
    asked = {key: of.get(key) for key in ("gateway", "account")}
    for key, query in _SCOPES.items():
        name = of.get(key)
        if name is None:
            continue
        known = {str(row["name"]) for row in query_rows(connection, query, asked)}
        known |= set(gateways) if key == "gateway" else set()
        if name not in known:
            raise ConfigError(f"there is no {key} {name!r}; {hint(name, known)}")
    cause = of.get("cause")
    if cause is not None:
        check_cause(cause)


def check_assets(
    connection: Connection, gateway: str, named: Iterable[tuple[str, str]], new: Collection[str] = ()
) -> None:
    """Refuse assets, each with its account, that the account does not have. Errors: ConfigError."""
    problems = unknown_assets(connection, gateway, named, new)
    if problems:
        shown = problems[:_LISTED] + ([f"and {len(problems) - _LISTED} more"] if len(problems) > _LISTED else [])
        raise ConfigError("\n".join([*shown, "give --new-asset CODE for an asset that is really new"]))


def unknown_assets(
    connection: Connection, gateway: str, named: Iterable[tuple[str, str]], new: Collection[str] = ()
) -> list[str]:
    """Return what to say of the assets, each with its account, that the account does not have.

    It has those that were reported or booked, by each of their codes, and those that the settings name.
    """
    wanted = sorted(set(named))
    known = {account: _assets_of(connection, gateway, account) for account in {account for account, _ in wanted}}
    return [
        f"{account} has no asset {asset!r}; {hint(asset, known[account])}"
        for account, asset in wanted
        if asset not in known[account] and asset not in new
    ]


def _assets_of(connection: Connection, gateway: str, account: str) -> set[str]:
    rows = query_rows(
        connection,
        "SELECT asset, asset_coinapi FROM recon.balances WHERE gateway = :gateway AND account = :account",
        {"gateway": gateway, "account": account},
    )
    codes = {str(code) for row in rows for code in row.values() if code is not None}
    return codes | aliases_in_force(connection, gateway, account)
