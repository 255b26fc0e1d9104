"""Two contracts that turn out to be one: CoinAPI's id of one of them came late. Pure (semantics 3.1).

1. What was booked under the one that goes moves to the one that stays, by visible entries of cause `rehomed`. Each fill
   keeps its time, so the comparison sees it where it happened.
2. The one that stays is that of the list of symbols, else the one that was reported, else the first one in alphabetical
   order. It answers to all names of both.
3. The position that fills have built up under the other name joins the cost basis, and what that closes is realised.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from recon.display.figures import shown
from recon.exact import ZERO, divide
from recon.ledger.account import Account
from recon.ledger.cost_basis import CASH_DIGITS, CostBasis, add_trade
from recon.ledger.ledger import Ledger
from recon.ledger.legs import Leg, Stamp
from recon.ledger.posting.openings import asset_unit
from recon.ledger.rules import ContractTerms
from recon.ledger.units import REALISED, REHOMED, Posting, Unit, UnitState, post
from recon.times import LogTime

#: Why a unit is not judged any more.
_IS_ANOTHER: Final = "it is contract {}, which has its books"


def join_if_one(ledger: Ledger, account: Account, symbol: str, coinapi: str | None, at: LogTime) -> UnitState | None:
    """Join a contract that learns its CoinAPI id now with the one that has this id already; return the one that stays.

    None: nothing was joined.
    """
    own = ledger.units.get((account.name, "contract", symbol))
    if own is None or own.unit.coinapi is not None or own.unit.contract.same_as is not None:
        return None
    listed = ledger.instrument(account.name, symbol)
    coinapi = coinapi or (None if listed is None else listed.symbol_coinapi)
    other = None if coinapi is None else ledger.known_contract(account.name, coinapi)
    if coinapi is None or other is None or other is own:
        return None
    known = ledger.instrument(account.name, coinapi)
    stays, goes = sorted((own, other), key=lambda state: _place(state.unit, None if known is None else known.symbol))
    _join(ledger, account, stays, goes, coinapi, at)
    return stays


def _place(unit: Unit, listed: str | None) -> tuple[bool, bool, str]:
    return unit.code != listed, unit.reported.largest == 0 and not unit.contract.sides, unit.code


def _join(ledger: Ledger, account: Account, stays: UnitState, goes: UnitState, coinapi: str, at: LogTime) -> None:
    unit = goes.unit
    message = f"{unit.code} is {stays.unit.code}, because both are {coinapi}; "
    moved = unit.balance.fills
    message += f"{shown(moved)} that fills moved there is kept under {stays.unit.code} from here on"
    ledger.note_finding(account.name, at, "symbol_spelled", stays.unit.code, message)
    legs = list(_legs(ledger, stays, goes, at))
    value = unit.value if unit.value is not None else unit.balance.flow
    _post(ledger, goes, -value, at)
    _post(ledger, stays, sum((leg.amount for leg in legs), ZERO), at)
    ledger.effects.legs += [(stays, leg) for leg in legs]
    basis, pending = unit.contract.cost_basis, unit.contract.pending_trades
    names = unit.names
    unit.contract.become(stays.unit.code)
    unit.unmodelled = _IS_ANOTHER.format(stays.unit.code)
    ledger.call(stays, names)
    ledger.unit(account.name, "contract", stays.unit.code, coinapi)
    _forget(ledger, account, {unit.code, stays.unit.code})
    for trade in pending:
        stays.unit.contract.add_trade(trade)
    _join_basis(ledger, account, stays, basis, at)
    ledger.changes.units[stays.key], ledger.changes.units[goes.key] = stays, goes
    ledger.on_modelling_changed(goes)


def _post(ledger: Ledger, state: UnitState, amount: Decimal, at: LogTime) -> None:
    if amount:
        ledger.record_entry(post(state, Posting(amount, REHOMED, at.us), at), state)


def _legs(ledger: Ledger, stays: UnitState, goes: UnitState, at: LogTime) -> Iterator[Leg]:
    """Yield what fills moved under the other name, each at its own time; older ones together, and now.

    What came before the first report of the contract that stays is in its opening.
    """
    account, balance, timeline = ledger.accounts[goes.unit.account], stays.unit.balance, goes.timeline
    resolution_us, left = account.stamps.resolution_us, goes.unit.balance.fills
    for position in range(timeline.first(), timeline.last() + 1):
        fills, before = (timeline.totals[each] - timeline.explained[each] for each in (position, position - 1))
        amount, us = fills - before, timeline.occurred[position]
        left -= amount
        if amount and (balance.opening is None or us > balance.opening_us or balance.entry_count > 1):
            yield Leg(amount, Stamp(us, resolution_us), at.us)
    if left:
        yield Leg(left, Stamp(at.us), at.us)


def _forget(ledger: Ledger, account: Account, codes: set[str]) -> None:
    """Forget what waited for the contract, or was not modelled because of it, under either name: it is told anew."""
    mappings = account.mappings
    ledger.mark_changed(account)
    for code in sorted(codes):
        mappings.end_closing(code)
        if code in mappings.cash_pending_contracts:
            mappings.end_cash_waiting(code)
    mappings.set_unmodelled({code: why for code, why in mappings.unmodelled.items() if code not in codes})


def _join_basis(ledger: Ledger, account: Account, stays: UnitState, basis: CostBasis | None, at: LogTime) -> None:
    """Let the position under the other name join the cost basis; what it closes is realised now."""
    own, terms = stays.unit.contract.cost_basis, ledger.rules_of(account.name).terms_of(stays.unit.names)
    if own is None or basis is None:
        return
    realised: Decimal | None = ZERO
    for lot in basis.lots or ():
        cash = add_trade(own, lot.quantity, _price_cash(lot.quantity, lot.value, terms), terms)
        realised = None if realised is None or cash is None else realised + cash
    if not realised or terms is None or not terms.modelled or terms.settlement_asset is None:
        return
    if terms.kind == "premium":
        return
    target = asset_unit(ledger, account, terms.settlement_asset, None, at)
    ledger.record_entry(post(target, Posting(realised, REALISED, at.us), at), target)
    ledger.effects.legs.append((target, Leg(realised, Stamp(at.us), at.us)))


def _price_cash(quantity: Decimal, value: Decimal, terms: ContractTerms | None) -> Decimal:
    """Return price times amount of a lot, by its value at entry."""
    if terms is None or terms.kind != "inverse":
        return abs(value)
    return divide(quantity * quantity, abs(value), CASH_DIGITS)
