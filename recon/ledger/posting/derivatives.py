"""Post derivative fills: an entry in the contract, and the cash under complete terms. Pure (semantics 3.5)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.ems.protocol.symbols import instrument_type
from recon.exact import ZERO, divide
from recon.ledger.account import Account
from recon.ledger.asset_mapping import resolve_asset
from recon.ledger.cash_bounds import cash_bound
from recon.ledger.cost_basis import CASH_QUANTUM, CostBasis, add_trade, average_price, basis_of, entry_value
from recon.ledger.fees.fee_key import BASE, QUOTE, role_of
from recon.ledger.fees.schedule import rule_of
from recon.ledger.instruments import underlying
from recon.ledger.ledger import Ledger, update_modelling
from recon.ledger.legs import Leg, leg_of
from recon.ledger.posting.fill_entries import FillToPost, fill_posting, post_legs
from recon.ledger.posting.one_contract import join_if_one
from recon.ledger.posting.openings import asset_unit, open_if_absent, post_opening
from recon.ledger.posting.third_assets import FeeSource, post_third_asset_fees
from recon.ledger.rules import ContractTerms, FeeRule
from recon.ledger.units import FILL, REALISED, ContractState, PendingTrade, Unit, UnitState
from recon.times import LogTime

#: Average entry prices within this share of each other are equal: venues round them.
PRICE_SHARE: Final = Decimal("1e-6")

#: How the reason begins for which a leveraged position leaves balances unmodelled.
LEVERAGED: Final = "a leveraged position in"
#: Settlement windows that a leveraged spot position is closed for until its balances are modelled again.
CLOSED_WINDOWS: Final = 4


class ReportedPosition(msgspec.Struct, frozen=True):
    """A reported position: quantity, average entry price, and how many of the pending fills it holds, oldest first."""

    quantity: Decimal
    price: Decimal | None
    held: int


def open_unit(
    ledger: Ledger,
    state: UnitState,
    amount: Decimal,
    certainty: str,
    at: LogTime,
    *,
    seen: ReportedPosition | None = None,
) -> None:
    """Fix the opening of a unit, and of a contract also the cost basis.

    `seen` is the first reported position of a contract; the opening contains the cash of earlier fills.
    """
    post_opening(ledger, state, amount, certainty, at)
    if state.unit.kind == "contract":
        _open_basis(ledger, state, seen, at)


def trades_as_told(contract: ContractState, window_us: int) -> list[PendingTrade]:
    """Return the pending fills in the order told; one told a window late, as after a gap, by the venue's time."""

    def known_us(trade: PendingTrade) -> int:
        return trade.origin.stamp.us if trade.origin.is_late(window_us) else trade.origin.arrived_us

    return sorted(contract.pending_trades, key=known_us)


def came_before(trade: PendingTrade, seq: int, us: int, window_us: int) -> bool:
    """True if a fill was told before a report; one told a window late, if it is older by the venue's time."""
    return trade.origin.stamp.us <= us if trade.origin.is_late(window_us) else trade.seq <= seq


def bears_out(ledger: Ledger, unit: Unit, first: ReportedPosition, later: ReportedPosition) -> bool:
    """True if the fills between two reported positions lead from the first average entry price to the later."""
    rules = ledger.rules_of(unit.account)
    terms = rules.terms_of(unit.names)
    basis = basis_of(first.quantity, first.price, terms)
    for fill in trades_as_told(unit.contract, rules.settlement_window_us)[first.held : later.held]:
        add_trade(basis, fill.quantity, fill.cash, terms)
    expected = average_price(basis, terms)
    if expected is None or not later.price:
        return True
    return abs(expected - later.price) <= PRICE_SHARE * abs(later.price)


def _open_basis(ledger: Ledger, state: UnitState, seen: ReportedPosition | None, at: LogTime) -> None:
    unit = state.unit
    if seen is None:
        unit.contract.set_cost_basis(CostBasis([]), unit.contract.pending_trades)
    else:
        rules = ledger.rules_of(unit.account)
        terms, trades = rules.terms_of(unit.names), trades_as_told(unit.contract, rules.settlement_window_us)
        unit.contract.set_cost_basis(basis_of(seen.quantity, seen.price, terms), trades[seen.held :])
        for trade in trades[: seen.held]:
            _note_unknown_cash(ledger, state, terms, trade)
    realise_trades(ledger, ledger.accounts[unit.account], state, at)


def post_contract(ledger: Ledger, account: Account, item: FillToPost, at: LogTime) -> None:
    """Post a derivative fill in its contract, and the cash if the terms are complete."""
    instrument, fill, ref = item.instrument, item.fill, item.ref
    state = contract_of(ledger, account, instrument.symbol, instrument.symbol_coinapi, at)
    quantity = item.sign * fill.amount
    post_legs(ledger, state, [leg_of(item.origin, quantity)], fill_posting(quantity, ref), at)
    untold = fill.amount - item.told
    if not untold:
        return  # the cost basis has the fill already, at the price that the statement tells
    cash = fill.cash if untold == fill.amount or fill.cash is None else divide(fill.cash * untold, fill.amount)
    clock = ledger.clock_of_fill(account.name, fill.occurred_us, at)
    reported = item.order.reported
    price = fill.price or reported.price or account.evidence.prices.get(instrument.symbol)
    state.unit.contract.add_trade(
        PendingTrade(item.sign * untold, cash, clock, ref, item.origin, price=price, seq=at.seq)
    )
    realise_trades(ledger, account, state, at)


def contract_of(ledger: Ledger, account: Account, symbol: str, coinapi: str | None, at: LogTime) -> UnitState:
    """Return a contract's unit; open the unit at zero if a complete snapshot lacked the contract (semantics 4.3)."""
    join_contracts(ledger, account, symbol, coinapi, at)
    state = ledger.contract(account.name, symbol, coinapi, at)
    if open_if_absent(ledger, account, state, at):
        _open_basis(ledger, state, None, at)
    return state


def join_contracts(ledger: Ledger, account: Account, symbol: str, coinapi: str | None, at: LogTime) -> None:
    """Join a contract with the one that it turns out to be, if it does."""
    joined = join_if_one(ledger, account, symbol, coinapi, at)
    if joined is not None:
        realise_trades(ledger, account, joined, at)
        for state in ledger.units_of(account.name):
            update_modelling(ledger, account, state)


def realise_trades(ledger: Ledger, account: Account, state: UnitState, at: LogTime) -> None:
    """Realise the cash of a contract's pending fills, once opening and terms are known (semantics 3.5)."""
    unit, contract, mappings = state.unit, state.unit.contract, account.mappings
    terms = ledger.rules_of(account.name).terms_of(unit.names)
    modelled = terms is not None and terms.modelled
    if not modelled and (contract.pending_trades or unit.value):
        mark_unmodelled(ledger, account, state, terms)
    if account.coverage.backfilling:
        return  # realised cash depends on the order of fills, and the backfill may bring more of them
    if contract.cost_basis is None:
        if terms is not None and modelled and terms.settlement_asset is not None:
            rules = ledger.rules_of(account.name)
            mappings.await_cash(unit.code, resolve_asset(terms.settlement_asset, None, account.snapshots, rules).unit)
            ledger.mark_changed(account)
        return
    if unit.code in mappings.cash_pending_contracts:
        mappings.end_cash_waiting(unit.code)
        ledger.mark_changed(account)
    trades = contract.take_trades()
    if trades:
        ledger.changes.units[state.key] = state
    for trade in trades:
        _realise(ledger, account, state, terms, trade, at)


def _realise(
    ledger: Ledger, account: Account, state: UnitState, terms: ContractTerms | None, trade: PendingTrade, at: LogTime
) -> None:
    basis = state.unit.contract.cost_basis
    if basis is None:
        return
    cash = add_trade(basis, trade.quantity, trade.cash, terms)
    if terms is None or not terms.modelled or terms.settlement_asset is None:
        return
    premium = terms.kind == "premium"
    if premium:
        paid = None if trade.cash is None else trade.cash * (terms.multiplier or ZERO)
        cash = None if paid is None else (-paid if trade.quantity > 0 else paid)
    if cash is None:
        _note_unknown_cash(ledger, state, terms, trade)
        return
    target = asset_unit(ledger, account, terms.settlement_asset, None, at)
    rule = _rule_of(ledger, state)
    worth = _turnover(trade, terms)
    cause = FILL if premium else REALISED
    posting = fill_posting(cash, trade.fill, worth, cause=cause, certainty=trade.certainty)
    leg = _cash_leg(trade, cash, worth, target, rule)
    post_legs(ledger, target, [leg], posting if cash else trade.fill, at, clock=trade.clock)
    source = FeeSource(trade.fill, trade.origin, abs(worth), target)
    post_third_asset_fees(ledger, account, rule, {target.unit.code}, source, at)


def _rule_of(ledger: Ledger, state: UnitState) -> FeeRule | None:
    unit = state.unit
    instrument = ledger.instrument(unit.account, unit.code)
    kind = instrument_type(unit.coinapi) if instrument is None else instrument.type
    return rule_of(ledger.rules_of(unit.account).fees, unit.code, kind)


def _note_unknown_cash(ledger: Ledger, state: UnitState, terms: ContractTerms | None, trade: PendingTrade) -> None:
    """Note that a fill moved cash that cannot be worked out, and how much at most."""
    if terms is None or not terms.modelled or terms.settlement_asset is None:
        return
    account, rule = ledger.accounts[state.unit.account], _rule_of(ledger, state)
    asset = resolve_asset(terms.settlement_asset, None, account.snapshots, ledger.rules_of(account.name)).unit
    target = ledger.units.get((account.name, "asset", asset))
    if target is None:
        return  # no report of the asset came yet: its opening contains the cash
    bound = cash_bound(trade.quantity, trade.price, state.unit.reported.average_prices, terms, rule)
    leg = _cash_leg(trade, ZERO, _turnover(trade, terms), target, rule)
    ledger.effects.legs.append((target, msgspec.structs.replace(leg, unmodelled=bound)))


def _cash_leg(trade: PendingTrade, cash: Decimal, worth: Decimal, target: UnitState, rule: FeeRule | None) -> Leg:
    """Return the leg of a contract's cash; its turnover is the fill's whole worth, not the cash.

    A contract pays its fee in the settlement asset on both sides, also if its schedule names an asset as for spot.
    """
    origin = trade.origin
    role = BASE if rule is not None and rule.asset == BASE else role_of(rule, QUOTE, target.unit.code)
    key = origin.key(role, 1) if worth else None
    error = CASH_QUANTUM if cash else ZERO
    return Leg(cash, origin.stamp, origin.arrived_us, origin.order, worth, key, error, rounded=True)


def _turnover(trade: PendingTrade, terms: ContractTerms) -> Decimal:
    """Return a fill's signed turnover in the settlement asset; a fee is a share of it. Zero where not known."""
    if not trade.cash:
        return ZERO
    worth = abs(entry_value(trade.quantity, trade.cash, terms)) * (terms.multiplier or ZERO)
    return worth if trade.quantity < 0 else -worth


def mark_unmodelled(ledger: Ledger, account: Account, state: UnitState, terms: ContractTerms | None) -> None:
    """Mark the balances that a contract without complete terms, or a leveraged spot position, touches as unmodelled."""
    unit = state.unit
    account.mappings.end_closing(unit.code)
    if unit.code in account.mappings.unmodelled:
        return
    if is_leveraged_spot(ledger, state):
        why = f"{LEVERAGED} {unit.code} is open: its fills move no balance until it is closed"
    else:
        why = f"contract {unit.code} has no complete terms in the settings"
    if terms is not None and terms.settlement_asset is not None:
        _unmodel(ledger, account, unit.code, [terms.settlement_asset], [], why)
        return
    instrument = ledger.instrument(account.name, unit.code)
    codes = [] if instrument is None else [code for code in (instrument.base, instrument.quote) if code]
    coinapis = [] if instrument is None else [c for c in (instrument.base_coinapi, instrument.quote_coinapi) if c]
    _unmodel(ledger, account, unit.code, codes, coinapis or underlying(unit.coinapi), why)


def is_leveraged_spot(ledger: Ledger, state: UnitState) -> bool:
    """True if a position is one in a spot market: leveraged orders made it, and their fills moved no balance."""
    instrument = ledger.instrument(state.unit.account, state.unit.code)
    return instrument is not None and instrument.spot


def note_closing(ledger: Ledger, account: Account, state: UnitState, at: LogTime) -> None:
    """Note that a leveraged spot position is closed; its balances are modelled again once its last fills have come."""
    unmodelled = state.unit.code in account.mappings.unmodelled
    if unmodelled and is_leveraged_spot(ledger, state) and account.mappings.note_closing(state.unit.code, at.us):
        ledger.mark_changed(account)


def model_closed(ledger: Ledger, account: Account, at: LogTime) -> None:
    """Model the balances of the leveraged spot positions that have been closed for CLOSED_WINDOWS."""
    mappings = account.mappings
    before = at.us - CLOSED_WINDOWS * ledger.rules_of(account.name).settlement_window_us
    closed = [code for code, us in mappings.closing.items() if us <= before]
    if not closed:
        return
    for code in closed:
        mappings.end_closing(code)
    mappings.set_unmodelled({code: why for code, why in mappings.unmodelled.items() if code not in closed})
    ledger.mark_changed(account)
    for state in ledger.units_of(account.name):
        update_modelling(ledger, account, state)


def _unmodel(ledger: Ledger, account: Account, symbol: str, codes: list[str], coinapis: list[str], why: str) -> None:
    rules = ledger.rules_of(account.name)
    touched = ([rules.pool_of(rules.assets.get(code, code)) for code in codes], coinapis, why)
    mappings = account.mappings
    before = mappings.unmodelled.get(symbol)
    if before == touched:
        return
    ledger.mark_changed(account)
    if before is None:
        fresh, fresh_coinapis = mappings.add_unmodelled(symbol, touched)
        rows = account.snapshots.row_spellings
        alike = [row for code in (*fresh, *fresh_coinapis) for row in rows.like(code, None)]
        states = ledger.assets_of(account.name, [*fresh, *map(rules.pool_of, alike)], fresh_coinapis)
    else:
        mappings.set_unmodelled({**mappings.unmodelled, symbol: touched})
        states = ledger.units_of(account.name)
    for state in states:
        update_modelling(ledger, account, state)
