"""Why a unit is not judged, and the lines of the settings that would change that, ready to paste. Pure.

Names in the lines are those that the gateway sent: nothing is guessed beyond the rows of the account itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from recon.spelling import are_alike

#: A row of balances or positions.
Row: TypeAlias = Mapping[str, object]

#: How the books say that a contract lacks terms (`recon.ledger.posting.derivatives`); a test compares.
_NO_TERMS: Final = re.compile(r"contract (.+) has no complete terms in the settings", re.DOTALL)
#: How the books say that a balance is taken for that of other assets (`recon.ledger.posting.assumed_rows`); likewise.
_TAKEN_FOR: Final = re.compile(r"unmapped: taken for (.+), which no setting says", re.DOTALL)
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


class UnitAdvice(NamedTuple):
    """Why a unit has its verdict, and lines of the settings; none where nothing can be added."""

    why: str
    add: Sequence[str] = ()


#: What is said of a unit of a past time, by what `units_as_of` says of it; why it was not judged is kept of now alone.
_PAST: Final = {
    "before its first entry": "its books had not begun: their first entry is of a later time",
    "no opening was known by then": "entries of it were booked, and no report of it was known to begin its books with",
    "before the opening": "its books had not begun: they begin with an opening after this time",
    "nothing was known of it by then": "nothing was booked of it by then",
    "never reported by then": "no report of it had come by then",
    "a break was open then; its report was judged later": "a break was open; the report that shows it was judged later",
}
_NOT_JUDGED: Final = "shown, not judged; why is known of now alone"


def advise_then(row: Row) -> UnitAdvice | None:
    """Return why a unit of a past time was not judged, not by its break, or had no books; None for any other.

    What can be added to the settings is a question of now.
    """
    if row["verdict"] == "unmodelled":
        return UnitAdvice(_NOT_JUDGED)
    reason = str(row.get("reason") or "")
    if reason in _PAST:
        return UnitAdvice(_PAST[reason])
    return UnitAdvice(reason) if reason and row["verdict"] == "stale" else None


def advise(row: Row, account_rows: Sequence[Row], unit: str = "asset") -> UnitAdvice | None:
    """Return what to say of a unit that is not judged; None for one that is.

    `account_rows` are all units of its kind in its account, first those that are shown; `unit` is the key of codes.
    """
    verdict, reason = row["verdict"], str(row.get("reason") or "")
    taken_for = _TAKEN_FOR.fullmatch(reason)
    if taken_for is not None:
        why = f"no setting says what row {taken_for[1]} has: {row[unit]} is spelled like it, or moves as its fills do"
        return UnitAdvice(why, _assets_line(row, account_rows))
    if verdict == "unmodelled":
        return UnitAdvice(f"{reason}: shown, not judged" if reason else "shown, not judged", _terms(row, account_rows))
    if verdict in {"stale", "pending"}:
        return UnitAdvice(reason) if reason else None
    if verdict == "unobserved":
        return _unobserved(row, account_rows, unit)
    return None


def _assets_line(row: Row, account_rows: Sequence[Row]) -> list[str]:
    """Return the line that names the rows of all assets that a row of the account is taken for; once an account."""
    found = [(each, _TAKEN_FOR.fullmatch(str(each.get("reason") or ""))) for each in account_rows]
    taken = [(each, match[1].split(", ")) for each, match in found if match is not None]
    if not taken or taken[0][0]["asset"] != row["asset"]:
        return []
    pairs = [f"{_key(asset)} = {_text(str(each['asset']))}" for each, assets in taken for asset in assets]
    return [_account_table(row), f"assets = {{ {', '.join(pairs)} }}"]


def _unobserved(row: Row, account_rows: Sequence[Row], unit: str) -> UnitAdvice:
    code, what = str(row[unit]), "balance" if unit == "asset" else "position"
    if unit != "asset":
        return UnitAdvice(f"fills of {code} are booked, and no {what} row of it was ever reported")
    table = _account_table(row)
    rows = _same_asset(row, account_rows)
    alike = rows or _spelled_alike(code, account_rows)
    lines = [f"assets = {{ {_key(code)} = {_text(each)} }}" for each in alike]
    if len(alike) == 1:
        what = "is of the same asset" if rows else "is spelled like it"
        return UnitAdvice(f"no balance row is named {code}; the row {alike[0]} {what}", [table, *lines])
    if alike:
        why = f"no balance row is named {code}; {len(alike)} rows may be it: keep the line that is right"
        return UnitAdvice(why, [table, *lines])
    others = [str(each[unit]) for each in account_rows if _reported(each)]
    known = f"reported are {', '.join(others[:_LISTED])}" if others else "no balance of the account was reported yet"
    return UnitAdvice(f"no balance row is known to be {code}; {known}")


#: Most codes that are listed.
_LISTED: Final = 12


def _same_asset(row: Row, account_rows: Sequence[Row]) -> list[str]:
    """Return the codes of the reported rows of the same asset: their CoinAPI code is the unit's, or its own code."""
    names = {str(row["asset"]), *([str(row["asset_coinapi"])] if row.get("asset_coinapi") else [])}
    return [
        str(each["asset"])
        for each in account_rows
        if _reported(each) and each["asset"] != row["asset"] and str(each.get("asset_coinapi")) in names
    ]


def _spelled_alike(code: str, account_rows: Sequence[Row]) -> list[str]:
    """Return the codes of the reported rows that are spelled like a code, as ZUSD is like USD."""
    rows = [str(each["asset"]) for each in account_rows if _reported(each) and each["asset"] != code]
    return [each for each in rows if are_alike((each,), (code,))]


def _reported(row: Row) -> bool:
    return row.get("reported") is not None


def _terms(row: Row, account_rows: Sequence[Row]) -> list[str]:
    """Return the terms that a contract lacks, with what the books know of them: the assets that its cash may move in.

    A contract that leaves several assets unmodelled is told once, below the first of them.
    """
    reason = row.get("reason")
    found = _NO_TERMS.fullmatch(str(reason))
    touched = [str(each["asset"]) for each in account_rows if each.get("reason") == reason and "asset" in each]
    if found is None or not touched or touched[0] != row.get("asset"):
        return []
    one = len(touched) == 1
    settlement = _text(touched[0]) if one else f'"…"  # {" or ".join(touched)}'
    table = f"{_account_table(row)[:-1]}.contracts.{_key(found[1])}]"
    return [
        table,
        'multiplier = "…"  # of one contract',
        'kind = "linear"  # or inverse, or premium',
        f"settlement_asset = {settlement}",
        'realised = "close"',
        'method = "average"  # or fifo',
    ]


def _account_table(row: Mapping[str, object]) -> str:
    return f"[gateways.{_key(str(row['gateway']))}.accounts.{_key(str(row['account']))}]"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    """Return a string of TOML."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
