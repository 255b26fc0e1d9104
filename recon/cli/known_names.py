"""Names that a person gives, compared with those that there are: what is not known is refused with the nearest one."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Final

from recon.cli.rules_in_force import aliases_in_force
from recon.db.source import query_rows
from recon.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Most names that a message lists.
_LISTED: Final = 20
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
