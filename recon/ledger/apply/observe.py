"""From a reported amount to an observation of a unit. Pure (semantics 4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.coverage import settle
from recon.ledger.ledger import Book, mark_modelled
from recon.ledger.observations import Observation
from recon.ledger.units import Held
from recon.ledger.withholding import withhold
from recon.times import LogTime

#: Why `agreed` is withheld from a unit of which nothing was told since a gap; it stands beside the keys of orders.
UNTOLD: Final = "not told of since the gap"


def _observe(
    book: Book, held: Held, values: tuple[Decimal, ...], at: LogTime, *, inferred: bool, price: Decimal | None = None
) -> None:
    if UNTOLD in held.unit.withheld:
        withhold(book, held, UNTOLD, on=False)
    book.changes.units[held.key] = held
    book.observed.append((held, Observation(at.seq, at.clock, at.us, values, inferred, price)))


def forget_told(book: Book, account: Account) -> None:
    """Withhold `agreed` from what an account holds until it is told of again: whoever speaks for it is another now."""
    for held in book.units_of(account.name):
        if held.unit.value != ZERO:
            withhold(book, held, UNTOLD, on=True)


def _observed_again(book: Book, account: Account, at: LogTime) -> None:
    book.touch(account)
    if account.state != "gap":  # what is fetched is no sign of life
        book.changes.intervals += settle(account, seq=at.seq, us=at.us)


def remodel(book: Book, account: Account) -> None:
    """Forget what new terms make modelled, and mark every asset of the account anew."""
    rules = book.rules_of(account.name)
    kept = {}
    for symbol, touched in account.unmodelled.items():
        terms = rules.contracts.get(symbol)
        if terms is None or not terms.modelled:
            kept[symbol] = touched
    account.unmodelled = kept
    book.touch(account)
    for held in book.units_of(account.name):
        mark_modelled(book, account, held)
