"""The running balance of a statement, verified as a chain: a row that is missing is proved. Pure.

1. Rows of one account and asset are taken in the order of their times. Within one time any order may hold.
2. Balances may differ by one step of the coarsest number as written, for venues round what they show.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Final, NamedTuple

from recon.exact import ZERO, plain
from recon.statements.row import Row

_ONE: Final = Decimal(1)


class Link(NamedTuple):
    """A row of a chain: what it moved, and the balance after it."""

    line: int
    at: datetime
    moved: Decimal
    balance: Decimal
    #: The last digit of the coarsest of its numbers.
    step: Decimal


class Missing(NamedTuple):
    """A place between two rows where the balance moved, and no row says why."""

    line: int
    problem: str


class BalanceChains:
    """The running balances of a file; `net`: amounts contain the fee."""

    def __init__(self, *, net: bool) -> None:
        """Begin without any."""
        self._net = net
        self._links: dict[tuple[str, str], list[Link]] = {}

    def add(self, row: Row) -> None:
        """Add a row that tells a balance. Raise ValueError where its balance is no number."""
        if not row.text("balance"):
            return
        balance, moved = row.number("balance").number, row.amount("amount")
        cost, fee_asset = row.fee
        if not self._net and fee_asset in {"", row.asset}:
            moved -= cost
        step = max(_step(row.number(key).number) for key in ("balance", "amount") if row.text(key))
        self._links.setdefault((row.account, row.asset), []).append(Link(row.line, row.at, moved, balance, step))

    def missing(self) -> list[Missing]:
        """Return where rows are missing."""
        found: list[Missing] = []
        for (_, asset), links in self._links.items():
            backwards = links[0].at > links[-1].at
            ordered = sorted(reversed(links) if backwards else links, key=lambda link: link.at)
            found += _missing(asset, ordered)
        return found


def _missing(asset: str, links: list[Link]) -> Iterator[Missing]:
    before: Link | None = None
    balance = ZERO
    for _, group in groupby(links, key=lambda link: link.at):
        same = list(group)
        moved = sum((link.moved for link in same), ZERO)
        if before is None:
            last = next((link for link in same if _ends(link, same)), same[-1])
            balance = last.balance
        else:
            step = max(link.step for link in (before, *same)) * len(same)
            ending = min(same, key=lambda link: abs(balance + moved - link.balance))
            off = ending.balance - balance - moved
            if abs(off) > step:
                ending = next((link for link in same if _ends(link, same)), same[-1])
                off = ending.balance - balance - moved
                yield Missing(ending.line, _words(asset, before, ending, off))
            balance = ending.balance
        before = same[-1]


def _ends(link: Link, same: list[Link]) -> bool:
    """True if no other row of the time begins at the balance of this one."""
    return all(other is link or other.balance - other.moved != link.balance for other in same)


def _words(asset: str, before: Link, after: Link, off: Decimal) -> str:
    told = f"{_short(after.balance)} {asset} after it is not {_short(after.balance - off)}"
    return f"balance: {told}; between line {before.line} and this one a row of {_short(off)} {asset} is missing"


def _short(number: Decimal) -> str:
    """Return a number without zeros at its end."""
    text = plain(number)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _step(number: Decimal) -> Decimal:
    exponent = number.as_tuple().exponent
    return _ONE.scaleb(exponent) if isinstance(exponent, int) and exponent < 0 else ZERO
