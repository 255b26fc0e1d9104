"""The instrument of a statement's trade, however the statement spells it. Pure (semantics 10.3).

1. The symbol as it stands; then the two assets that the statement names; then the symbol by its letters and digits
   alone; then a symbol that is two codes of the account's rows side by side.
2. What could be two instruments is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import msgspec

from recon.ems.protocol.symbols import split_account
from recon.ledger.account import Account
from recon.ledger.facts.external_fact import ExternalFact
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger


class Traded(NamedTuple):
    """A trade by the account's own instrument: its symbol, side, quantity, price and cash are those of it."""

    fact: ExternalFact
    instrument: Instrument


def traded_of(ledger: Ledger, account: Account, fact: ExternalFact) -> Traded | None:
    """Return a trade by its instrument; None where the account has no such instrument that recon can book."""
    symbol = fact.symbol or ""
    instrument = ledger.instrument(account.name, symbol)
    if instrument is None and fact.base is not None and fact.quote is not None:
        found = _between(ledger, account, fact.base, fact.quote)
        other = None if found is not None else _between(ledger, account, fact.quote, fact.base)
        if other is not None:
            turned = _turned(fact)
            return None if turned is None else _traded(turned, other)
        instrument = found
    if instrument is None:
        instrument = _spelled(ledger, account, symbol) or _side_by_side(ledger, account, symbol)
    return None if instrument is None else _traded(fact, instrument)


def _traded(fact: ExternalFact, instrument: Instrument) -> Traded | None:
    if not (instrument.spot or instrument.derivative):
        return None
    fee_asset = fact.fee_asset
    if fact.fee and fee_asset is None and fact.fee_in is not None:
        fee_asset = instrument.base if fact.fee_in == "base" else instrument.quote
    if fact.fee and fee_asset is None:
        return None
    return Traded(msgspec.structs.replace(fact, symbol=instrument.symbol, fee_asset=fee_asset), instrument)


def _turned(fact: ExternalFact) -> ExternalFact | None:
    """Return a trade with base and quote in each other's place; None where its cash is not told."""
    if not fact.cash:
        return None
    side = "SELL" if fact.side == "BUY" else "BUY"
    fee_in = None if fact.fee_in is None else "quote" if fact.fee_in == "base" else "base"
    return msgspec.structs.replace(
        fact,
        side=side,
        quantity=fact.cash,
        cash=fact.quantity,
        price=None,
        base=fact.quote,
        quote=fact.base,
        fee_in=fee_in,
    )


def _names(account: Account) -> Iterator[str]:
    """Yield the names under which instruments of an account are kept: its own, then its exchange's."""
    yield account.name
    bare = split_account(account.name)
    if bare is not None and bare != account.name:
        yield bare


def _between(ledger: Ledger, account: Account, base: str, quote: str) -> Instrument | None:
    """Return the spot instrument between two assets by their codes in rows, in symbols or at CoinAPI."""
    for name in _names(account):
        for one, other in product(_codes(ledger, account, base), _codes(ledger, account, quote)):
            symbol = ledger.spot_symbols.first_between(name, one, other)
            if symbol is not None:
                return ledger.instruments.get((name, symbol))
    return None


def _codes(ledger: Ledger, account: Account, code: str) -> list[tuple[str, str]]:
    """Return the codes of an asset, each with its CoinAPI code: its own, then those that the settings map to it."""
    rows = account.snapshots.balance_rows
    aliases = sorted(name for name, row in ledger.rules_of(account.name).assets.items() if row == code)
    return [(code, rows.get(code) or code), *((alias, alias) for alias in aliases)]


def _spelled(ledger: Ledger, account: Account, symbol: str) -> Instrument | None:
    for name in _names(account):
        found = ledger.spot_symbols.spellings.only(name, symbol)
        if found is not None:
            return ledger.instruments.get((name, found))
    return None


def _side_by_side(ledger: Ledger, account: Account, symbol: str) -> Instrument | None:
    """Return the instrument of a symbol such as XXBTZEUR, which is two codes of rows without a separator."""
    rows = account.snapshots.balance_rows
    splits = [(symbol[:end], symbol[end:].lstrip("-/_:")) for end in range(1, len(symbol))]
    known = [(base, quote) for base, quote in splits if base in rows and quote in rows]
    found = {each.symbol: each for base, quote in known if (each := _between(ledger, account, base, quote)) is not None}
    return next(iter(found.values())) if len(found) == 1 else None
