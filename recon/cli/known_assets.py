"""Assets that a person names, compared with those that an account has: an unknown one is refused with the nearest."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from recon.db.source import query_rows
from recon.errors import ConfigError
from recon.nearest import LISTED, hint
from recon.reads.rules_in_force import aliases_in_force

if TYPE_CHECKING:
    from sqlalchemy import Connection


def check_assets(
    connection: Connection, gateway: str, named: Iterable[tuple[str, str]], new: Collection[str] = ()
) -> None:
    """Refuse assets, each with its account, that the account does not have. Errors: ConfigError."""
    problems = unknown_assets(connection, gateway, named, new)
    if problems:
        shown = problems[:LISTED] + ([f"and {len(problems) - LISTED} more"] if len(problems) > LISTED else [])
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
        "SELECT asset, asset_coinapi FROM recon_exact.balances WHERE gateway = :gateway AND account = :account",
        {"gateway": gateway, "account": account},
    )
    codes = {str(code) for row in rows for code in row.values() if code is not None}
    return codes | aliases_in_force(connection, gateway, account)
