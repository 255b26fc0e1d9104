"""Gathers the facts that may tell the cause of a break. Pure (semantics 8).

1. Only facts that survive a restart count: the steps of a timeline that are kept, and the orders that the account
   keeps. The order of every list does not depend on when a unit was loaded.
2. Bounds: MAX_FLOWS fills of the unit and of MAX_QUOTES quote assets, MAX_PAIRS pairs of the unit, and MAX_CONTRACTS
   contracts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from itertools import islice
from typing import Final

from recon.ems.protocol.symbols import expiry
from recon.exact import ZERO, noise
from recon.ledger.asset_mapping import resolve_asset
from recon.ledger.cost_basis import average_price
from recon.ledger.evidence import MAX_OPEN_ORDERS
from recon.ledger.fees.schedule import rule_of
from recon.ledger.ledger import quantum_of
from recon.ledger.rules import AccountRules, FeeRule
from recon.ledger.units import Unit, UnitState
from recon.reconciliation.breaks.related import related_breaks, same_asset_other_accounts, summary_of
from recon.reconciliation.breaks.unmapped import unmapped_reason
from recon.reconciliation.causes.context import (
    AccountContract,
    BreakContext,
    BreakSummary,
    FillFlow,
    OwnOrder,
    SpotPair,
)
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break
from recon.times import microseconds

MAX_FLOWS: Final = 64
MAX_CONTRACTS: Final = 32
MAX_PAIRS: Final = 256
MAX_QUOTES: Final = 64
#: Symbols without an instrument that are looked at: as many as a reason names, and one more.
MAX_AWAITED: Final = 6


def break_context(context: ComparisonContext, break_: Break) -> BreakContext:
    """Return the facts that may tell the cause of a break of this unit."""
    account, unit, rules = context.account, context.unit, context.rules
    summary = summary_of(context, context.state, break_)
    related = tuple(related_breaks(context, summary))
    pairs = tuple(_pairs(context, related))
    other_assets = sorted({code for pair in pairs for code in (pair.base, pair.quote)} - {unit.code})
    return BreakContext(
        break_=summary,
        related_breaks=related,
        same_asset_other_accounts=tuple(same_asset_other_accounts(context, summary)),
        tolerance=max(quantum_of(context.ledger, unit), noise(unit.reported.largest)),
        quantum=quantum_of(context.ledger, unit),
        orders=tuple(_orders(context)),
        orders_complete=len(account.evidence.open_orders) < MAX_OPEN_ORDERS,
        flows=tuple(_flows(context, context.state, summary)),
        quote_flows=tuple(_quote_flows(context, summary)),
        pairs=pairs,
        contracts=tuple(_contracts(context, related)),
        uncompared=frozenset(code for code in other_assets if _is_uncompared(context, code)),
        undecided=frozenset(code for code in other_assets if _is_undecided(context, code)),
        gaps=tuple(account.evidence.gaps),
        locks=tuple(unit.reported.lock_changes),
        disagreements=tuple(account.evidence.disagreements),
        regressions=tuple(account.evidence.regressions),
        rate_step=unit.reported.rate_step,
        scheduled_rates=_scheduled_rates(rules, unit, pairs),
        fees_booked=account.rates.is_known or _is_charged_elsewhere(rules, unit, pairs),
        was_fee_candidate=break_.was_fee_candidate,
        is_fee_asset=any(rule.asset == unit.code for rule in rules.fees),
        max_fee_rate=rules.learn_fees_up_to,
        funding=rules.funding,
        settlement=rules.off_exchange_settlement,
        window_us=context.window,
        unmapped_reason=unmapped_reason(context, summary),
        awaiting_instrument=tuple(_awaited_symbols(context)),
    )


def _orders(context: ComparisonContext) -> Iterator[OwnOrder]:
    account = context.account
    for key, order in account.evidence.open_orders.items():
        instrument = context.ledger.instrument(account.name, order.symbol)
        yield OwnOrder(
            key=key,
            symbol=order.symbol if instrument is None else instrument.symbol,
            side=order.side,
            price=order.price,
            open=order.open,
            updated_us=order.updated_us,
            seq=order.seq,
            vanished=key in account.coverage.missing_orders,
        )


def _flows(context: ComparisonContext, state: UnitState, summary: BreakSummary) -> list[FillFlow]:
    """Return the fills of a unit near the origin of a break, oldest first; a report may be one window late."""
    timeline, unit = state.timeline, state.unit
    latest_us = summary.seen_us + context.window
    flows: list[FillFlow] = []
    seqs_with_fee: set[int] = set()
    for index in range(timeline.last(), timeline.first() - 1, -1):
        seq = timeline.seqs[index]
        if seq <= summary.after_seq or len(flows) >= MAX_FLOWS:
            break
        explained = timeline.explained[index] - timeline.explained[index - 1]
        if explained:
            seqs_with_fee.add(seq)
        if timeline.occurred[index] > latest_us:
            continue
        amount = timeline.totals[index] - timeline.totals[index - 1] - explained
        turnover = timeline.turnovers[index]
        if turnover:
            flows.append(
                FillFlow(unit.code, seq, amount, turnover, unit.reported.rate_usd, fee_booked=seq in seqs_with_fee)
            )
    return flows[::-1]


def _quote_flows(context: ComparisonContext, summary: BreakSummary) -> list[FillFlow]:
    """Return the cash of fills near the origin: a fee in a third asset is a share of it."""
    quotes = islice(context.account.mappings.pairs_by_asset.quotes, MAX_QUOTES)
    flows: list[FillFlow] = []
    for code in quotes:
        state = _asset(context, code)
        if state is not None and code != context.unit.code and len(flows) < MAX_FLOWS:
            flows += _flows(context, state, summary)
    return flows[-MAX_FLOWS:]


def _pairs(context: ComparisonContext, related: Sequence[BreakSummary]) -> Iterator[SpotPair]:
    """Return the traded pairs of the unit and of the related breaks, then pairs that were never traded."""
    account, unit = context.account, context.unit
    codes = {other.code for other in related}
    traded: set[tuple[str, str]] = set()
    for symbol, base, quote in account.mappings.pairs_by_asset.among(unit.code, codes, MAX_PAIRS):
        traded.add((base, quote))
        yield SpotPair(symbol, base, quote, account.evidence.prices.get(symbol))
    if unit.kind == "asset":
        for other in related:
            if other.kind == "asset":
                yield from _untraded_pairs(context, other, traded)


def _untraded_pairs(
    context: ComparisonContext, other: BreakSummary, traded: set[tuple[str, str]]
) -> Iterator[SpotPair]:
    both: tuple[tuple[Unit | BreakSummary, Unit | BreakSummary], ...] = ((context.unit, other), (other, context.unit))
    for base, quote in both:
        symbol = None if (base.code, quote.code) in traded else _symbol_of(context, base, quote)
        if symbol is not None:
            yield SpotPair(symbol, base.code, quote.code, context.account.evidence.prices.get(symbol))


def _symbol_of(context: ComparisonContext, base: Unit | BreakSummary, quote: Unit | BreakSummary) -> str | None:
    """Return a spot symbol of the account between two assets, the first in alphabetical order."""
    return context.ledger.spot_symbols.first_between(
        base.account, (base.code, base.coinapi), (quote.code, quote.coinapi)
    )


def _contracts(context: ComparisonContext, related: Iterable[BreakSummary]) -> list[AccountContract]:
    """Return the contracts with a position or a break, in alphabetical order."""
    account, ledger = context.unit.account, context.ledger
    broken = {other.code for other in related if other.kind == "contract"} | {context.unit.code}
    codes = {*broken, *islice(ledger.held_contracts.get(account, ()), MAX_CONTRACTS)}
    states = (ledger.units.get((account, "contract", code)) for code in sorted(codes))
    known = (state.unit for state in states if state is not None)
    return [_contract(context, unit) for unit in islice(known, MAX_CONTRACTS)]


def _contract(context: ComparisonContext, unit: Unit) -> AccountContract:
    account, rules = context.account, context.rules
    terms = rules.terms_of(unit.names)
    settles_in = None
    if terms is not None and terms.settlement_asset is not None:
        settles_in = resolve_asset(terms.settlement_asset, None, account.snapshots, rules).unit
    average = None if unit.contract.cost_basis is None else average_price(unit.contract.cost_basis, terms)
    last_day = expiry(unit.coinapi)
    return AccountContract(
        code=unit.code,
        position=unit.value or ZERO,
        settles_in=settles_in,
        inverse=terms is not None and terms.kind == "inverse",
        multiplier=None if terms is None else terms.multiplier,
        average=average or unit.reported.avg_entry_price,
        price=account.evidence.prices.get(unit.code),
        liquidation_price=unit.reported.liquidation_price,
        expires_us=None if last_day is None else microseconds(datetime.combine(last_day, time(), UTC)),
    )


def _asset(context: ComparisonContext, code: str) -> UnitState | None:
    return context.ledger.units.get((context.unit.account, "asset", code))


def _is_uncompared(context: ComparisonContext, code: str) -> bool:
    state = _asset(context, code)
    if state is None or state.unit.unmodelled is not None or state.unit.balance.opening is None:
        return True
    comparison = context.comparison_of(state)
    return comparison is None or comparison.reported is None


def _is_undecided(context: ComparisonContext, code: str) -> bool:
    state = _asset(context, code)
    comparison = None if state is None else context.comparison_of(state)
    if state is None or comparison is None or comparison.set_aside:
        return False
    # Whether a report waits is noted with a unit at the end of a batch: batches are to change nothing.
    return bool(comparison.pending or comparison.doubt is not None or context.trellis.is_waiting(state.key))


def _scheduled_rates(rules: AccountRules, unit: Unit, pairs: Iterable[SpotPair]) -> tuple[Decimal, ...]:
    """Return the scheduled rates of the fills whose fee is taken in this unit."""
    rates: list[Decimal] = []
    for pair in pairs:
        rule = rule_of(rules.fees, pair.symbol, "SPOT")
        if rule is not None and unit.code in _fee_assets(rule, pair):
            rates += [rate for rate in (rule.maker, rule.taker) if rate]
    return tuple(dict.fromkeys(rates))


def _is_charged_elsewhere(rules: AccountRules, unit: Unit, pairs: Iterable[SpotPair]) -> bool:
    """True if the schedule takes fees of the unit's fills in another asset: in this unit they cost nothing."""
    scheduled = [(rule_of(rules.fees, pair.symbol, "SPOT"), pair) for pair in pairs]
    return any(rule is not None and unit.code not in _fee_assets(rule, pair) for rule, pair in scheduled)


def _fee_assets(rule: FeeRule, pair: SpotPair) -> set[str]:
    by_side = {"quote": {pair.quote}, "base": {pair.base}, "received": {pair.base, pair.quote}}
    return by_side.get(rule.asset, {rule.asset})


def _awaited_symbols(context: ComparisonContext) -> Iterator[str]:
    """Yield symbols without an instrument whose fills may move the unit: their text names it, or none of the account's.

    Only the text of a symbol survives a restart; what the fills move is not known while they wait.
    """
    account = context.account
    for symbol in account.mappings.awaited_symbols[:MAX_AWAITED]:
        named = _is_named(context.unit, symbol)
        if named or not any(_is_named(state.unit, symbol) for state in context.ledger.units_of(account.name)):
            yield symbol


def _is_named(unit: Unit, symbol: str) -> bool:
    text = symbol.upper()
    return unit.kind == "asset" and any(code.upper() in text for code in (unit.code, unit.coinapi) if code)
