"""Derivatives: one entry in the contract a fill, and its cash under complete terms. Pure (semantics 3.5)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.asset_mapping import resolve_asset
from recon.ledger.cost_basis import CASH_QUANTUM, CostBasis, add_trade, average_price, basis_of, entry_value
from recon.ledger.fees.schedule import rule_of
from recon.ledger.fills import Fill
from recon.ledger.instruments import Instrument, underlying
from recon.ledger.ledger import Ledger, update_modelling
from recon.ledger.orders import Order
from recon.ledger.posting.spot import (
    asset_unit,
    leg_uncertainty,
    open_if_absent,
    post_fee,
    post_fill,
    post_opening,
    post_scheduled,
)
from recon.ledger.rules import ContractTerms
from recon.ledger.timeline import CERTAIN, Uncertainty
from recon.ledger.units import FILL, REALISED, PendingTrade, Unit, UnitState
from recon.times import LogTime

#: An average entry price may be off by so much of itself and still be the same: venues round it.
PRICE_SHARE: Final = Decimal("1e-6")


class ReportedPosition(msgspec.Struct, frozen=True):
    """A position as it was first seen: its quantity, its average entry price, and the entry it already holds."""

    quantity: Decimal
    price: Decimal | None
    number: int


def open_unit(
    ledger: Ledger,
    state: UnitState,
    amount: Decimal,
    certainty: str,
    at: LogTime,
    *,
    seen: ReportedPosition | None = None,
) -> None:
    """Fix the opening of a unit; of a contract also what its position cost, so that closing it can be priced.

    `seen` tells what a contract's position was when it was first seen: the cash of earlier fills is the past.
    """
    post_opening(ledger, state, amount, certainty, at)
    if state.unit.kind == "contract":
        _open_basis(ledger, state, seen, at)


def bears_out(ledger: Ledger, unit: Unit, first: ReportedPosition, later: ReportedPosition) -> bool:
    """Tell whether what is booked between two reports of a contract leads from one average entry price to the other."""
    terms = ledger.rules_of(unit.account).contracts.get(unit.code)
    basis = basis_of(first.quantity, first.price, terms)
    for fill in unit.pending_trades:
        if first.number < fill.number <= later.number:
            add_trade(basis, fill.quantity, fill.cash, terms)
    worked_out = average_price(basis, terms)
    if worked_out is None or not later.price:
        return True
    return abs(worked_out - later.price) <= PRICE_SHARE * abs(later.price)


def _open_basis(ledger: Ledger, state: UnitState, seen: ReportedPosition | None, at: LogTime) -> None:
    unit = state.unit
    if seen is None:
        unit.cost_basis = CostBasis([])
    else:
        unit.cost_basis = basis_of(seen.quantity, seen.price, ledger.rules_of(unit.account).contracts.get(unit.code))
        unit.pending_trades = [trade for trade in unit.pending_trades if trade.number > seen.number]
    realise_trades(ledger, ledger.accounts[unit.account], state, at)


def post_contract(
    ledger: Ledger, account: Account, order: Order, instrument: Instrument, fill: Fill, at: LogTime
) -> None:
    """Post a derivative fill in its contract, and its cash where the terms tell it."""
    state = contract_of(ledger, account, instrument.symbol, instrument.symbol_coinapi, at)
    quantity = -fill.amount if order.side == "SELL" else fill.amount
    post_fill(ledger, state, quantity, at, order.key, fill.ordinal, occurred_us=fill.occurred_us)
    unit = state.unit
    clock = ledger.clock_of_fill(account.name, fill.occurred_us, at)
    waiting = PendingTrade(
        quantity, fill.cash, unit.entry_count, clock, order.key, fill.ordinal, fill.occurred_us, order.liquidity
    )
    unit.pending_trades = [*unit.pending_trades, waiting]
    realise_trades(ledger, account, state, at)


def contract_of(ledger: Ledger, account: Account, symbol: str, coinapi: str | None, at: LogTime) -> UnitState:
    """Return a contract's unit, opened at zero where complete snapshots were seen without it (semantics 4.3)."""
    state = ledger.unit(account.name, "contract", symbol, coinapi)
    if open_if_absent(ledger, account, state, at):
        _open_basis(ledger, state, None, at)
    return state


def realise_trades(ledger: Ledger, account: Account, state: UnitState, at: LogTime) -> None:
    """Work out the cash of a contract's fills, once its opening and its terms allow it (semantics 3.5)."""
    unit = state.unit
    terms = ledger.rules_of(account.name).contracts.get(unit.code)
    if (terms is None or not terms.modelled) and (unit.pending_trades or unit.value):
        mark_unmodelled(ledger, account, state, terms)
    if account.backfilling:
        return  # what realises how much depends on the order of fills, and some of them are being fetched
    if unit.cost_basis is None:
        if terms is not None and terms.modelled and terms.settlement_asset is not None and unit.pending_trades:
            home = resolve_asset(terms.settlement_asset, None, account.balance_rows, ledger.rules_of(account.name)).unit
            account.cash_pending_contracts = {**account.cash_pending_contracts, unit.code: home}
            ledger.mark_changed(account)
        return
    if unit.code in account.cash_pending_contracts:
        account.cash_pending_contracts = {
            code: home for code, home in account.cash_pending_contracts.items() if code != unit.code
        }
        ledger.mark_changed(account)
    waiting, unit.pending_trades = sorted(unit.pending_trades, key=lambda fill: fill.occurred_us), []
    if waiting:
        ledger.changes.units[state.key] = state
    for fill in waiting:
        _realise(ledger, account, state, terms, fill, at)


def _realise(
    ledger: Ledger, account: Account, state: UnitState, terms: ContractTerms | None, fill: PendingTrade, at: LogTime
) -> None:
    basis = state.unit.cost_basis
    if basis is None:
        return
    premium = terms is not None and terms.kind == "premium"
    cash = add_trade(basis, fill.quantity, fill.cash, terms)
    if terms is None or not terms.modelled or terms.settlement_asset is None:
        return
    if premium:
        multiplier = terms.multiplier or ZERO
        paid = None if fill.cash is None else fill.cash * multiplier
        cash = None if paid is None else (-paid if fill.quantity > 0 else paid)
    if cash is None:
        _unmodel(ledger, account, state.unit.code, [terms.settlement_asset], [], "the entry or fill price is not known")
        return
    target = asset_unit(ledger, account, terms.settlement_asset, None, at)
    instrument = ledger.instrument(account.name, state.unit.code)
    rule = rule_of(ledger.rules_of(account.name).fees, state.unit.code, None if instrument is None else instrument.type)
    legs = _legs(fill, terms)
    if cash or not target.unit.fee.learned:
        slack = Uncertainty(1 if cash else 0, CASH_QUANTUM if cash else ZERO)
        slack = slack.plus(legs)
        target.unit.fees_scheduled = target.unit.fees_scheduled or rule is not None
        cause = FILL if premium else REALISED
        # Cash that had to wait is booked as of its fill, as far as the order of entries allows.
        then = LogTime(at.seq, at.us, max(fill.clock, target.timeline.clocks[-1]))
        occurred = fill.occurred_us
        post_fill(ledger, target, cash, then, fill.order, fill.ordinal, occurred_us=occurred, slack=slack, cause=cause)
    worth, occurred = legs.received or -legs.paid, fill.occurred_us
    if rule is None or target.unit.fee.learned:
        post_fee(ledger, target, worth, at, fill.order, fill.ordinal, occurred_us=occurred)
    elif worth:
        post_scheduled(
            ledger,
            target,
            rule,
            abs(worth),
            at,
            fill.order,
            fill.ordinal,
            kind=fill.liquidity,
            occurred_us=occurred,
        )


def _legs(fill: PendingTrade, terms: ContractTerms) -> Uncertainty:
    """Return a fill's worth in the settlement asset, which a fee is a share of."""
    if not fill.cash:
        return CERTAIN
    worth = abs(entry_value(fill.quantity, fill.cash, terms)) * (terms.multiplier or ZERO)
    return leg_uncertainty(worth if fill.quantity < 0 else -worth)


def mark_unmodelled(ledger: Ledger, account: Account, state: UnitState, terms: ContractTerms | None) -> None:
    """Mark the balances that a contract without complete terms touches as unmodelled."""
    unit = state.unit
    if unit.code in account.unmodelled:
        return
    why = f"contract {unit.code} has no complete terms in the settings"
    if terms is not None and terms.settlement_asset is not None:
        _unmodel(ledger, account, unit.code, [terms.settlement_asset], [], why)
        return
    instrument = ledger.instrument(account.name, unit.code)
    codes = [] if instrument is None else [code for code in (instrument.base, instrument.quote) if code]
    coinapis = [] if instrument is None else [c for c in (instrument.base_coinapi, instrument.quote_coinapi) if c]
    _unmodel(ledger, account, unit.code, codes, coinapis or underlying(unit.coinapi), why)


def _unmodel(ledger: Ledger, account: Account, symbol: str, codes: list[str], coinapis: list[str], why: str) -> None:
    rules = ledger.rules_of(account.name)
    homes = [rules.pool_of(rules.assets.get(code, code)) for code in codes]
    account.unmodelled = {**account.unmodelled, symbol: (homes, coinapis, why)}
    ledger.mark_changed(account)
    for state in ledger.units_of(account.name):
        update_modelling(ledger, account, state)
