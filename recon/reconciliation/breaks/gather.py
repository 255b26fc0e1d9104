"""From the books to a case: all that may tell why a break is there. Pure (semantics 8).

1. Only what every restart remembers alike is looked at: of a timeline what comparison keeps, of orders what the account
   keeps; and in an order that does not depend on when it was loaded.
2. Bounds: MAX_BESIDE breaks beside it, MAX_AMOUNTS amounts of each, MAX_FLOWS fills, MAX_CONTRACTS contracts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Final

from recon.ems.protocol.symbols import expiry
from recon.exact import ZERO, resolution
from recon.ledger.account import Account
from recon.ledger.asset_mapping import resolve_asset
from recon.ledger.cost_basis import average_price
from recon.ledger.evidence import MAX_OPEN_ORDERS
from recon.ledger.fees.schedule import rule_of
from recon.ledger.ledger import quantum_of
from recon.ledger.rules import AccountRules, FeeRule
from recon.ledger.timeline import KEPT_BEHIND
from recon.ledger.units import Unit, UnitState
from recon.reconciliation.causes.context import (
    AccountContract,
    BreakContext,
    BreakSummary,
    FillFlow,
    OwnOrder,
    SpotPair,
    overlaps,
)
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.matching.hypotheses import best
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.comparison import ComparisonState
from recon.reconciliation.model.lifecycle import ACTIVE
from recon.times import microseconds

MAX_BESIDE: Final = 8
MAX_AMOUNTS: Final = 8
MAX_FLOWS: Final = 64
MAX_CONTRACTS: Final = 32


def context_of(context: ComparisonContext, known: Break) -> BreakContext:
    """Gather what may tell why a break is there."""
    account, unit, rules, timeline = context.account, context.unit, context.rules, context.timeline
    own = _residual(context, context.state, known, pending=False)
    legs = tuple(_beside(context, own))
    elsewhere = tuple(_elsewhere(context, own))
    pairs = tuple(_pairs(context, unit, legs))
    quotes = sorted({quote for _, quote in account.traded_pairs.values()} - {unit.code})
    partners = sorted({code for pair in pairs for code in (pair.base, pair.quote)} - {unit.code})
    return BreakContext(
        break_=own,
        related_breaks=legs,
        same_asset_other_accounts=elsewhere,
        tolerance=max(timeline.quantum, resolution(own.reported or ZERO)),
        quantum=quantum_of(context.ledger, unit),
        orders=tuple(_orders(context, account)),
        orders_complete=len(account.open_orders) < MAX_OPEN_ORDERS,
        flows=tuple(_flows(context, context.state, own)),
        quote_flows=tuple(_traded(context, quotes, own)),
        pairs=pairs,
        contracts=tuple(_contracts(context, legs)),
        uncompared=frozenset(code for code in partners if _is_unjudged(context, code)),
        undecided=frozenset(code for code in partners if _is_undecided(context, code)),
        gaps=tuple(account.gaps),
        locks=tuple(unit.lock_changes),
        disagreements=tuple(account.disagreements),
        scheduled_rates=_schedule(rules, unit, pairs),
        fees_booked=unit.fee.learned or _is_charged_elsewhere(rules, unit, pairs),
        was_fee_candidate=known.was_fee_candidate,
        is_fee_asset=any(rule.asset == unit.code for rule in rules.fees),
        max_fee_rate=rules.learn_fees_up_to,
        funding=rules.funding,
        window_us=context.window,
        unmapped_reason=_unmapped(account, unit),
        awaiting_instrument=tuple(sorted(account.fills_awaiting_instrument)),
    )


def first_kept(state: UnitState, comparison: ComparisonState | None) -> int:
    """Return the first position of a timeline that is sure to be kept, whenever it was loaded or trimmed."""
    timeline = state.timeline
    return 1 if comparison is None else max(timeline.position_of(comparison.low) - KEPT_BEHIND, 0) + 1


def _residual(context: ComparisonContext, state: UnitState, known: Break, *, pending: bool) -> BreakSummary:
    comparison = context.comparison_of(state)
    amounts = known.candidates
    if pending and comparison is not None and comparison.chain is not None:
        fitting = [each for each in comparison.chain.candidates if each.fitting] or comparison.chain.candidates
        shown = best(fitting).residual - comparison.residual
        amounts = [shown, *(each.residual - comparison.residual for each in fitting)]
    first = amounts[0] if pending else known.amount
    others = [amount for amount in dict.fromkeys(amounts) if amount != first]
    reported = None if comparison is None else comparison.reported
    return BreakSummary(
        account=state.unit.account,
        kind=state.unit.kind,
        code=state.unit.code,
        amounts=(first, *others[: MAX_AMOUNTS - 1]),
        after_seq=known.after_seq,
        until_seq=known.until_seq,
        seen_us=known.seen_us,
        after_us=known.after_us,
        break_id=known.id,
        coinapi=state.unit.coinapi,
        rate_usd=state.unit.rate_usd,
        expected=None if reported is None else reported - first,
        reported=reported,
        pending=pending,
    )


def of_comparison(comparison: ComparisonState | None) -> Iterable[tuple[Break, bool]]:
    """Return the breaks of a unit that own their residual, and one that a chain may become, marked as pending."""
    if comparison is None:
        return
    for known in comparison.breaks:
        if known.state in ACTIVE and known.owns_residual:
            yield known, False
    if comparison.chain is not None and comparison.chain.candidates:
        yield comparison.chain.pending, True


def _beside(context: ComparisonContext, own: BreakSummary) -> list[BreakSummary]:
    """Return what else broke in the account in the same stretch of the log, the nearest."""
    return _nearest(context, own, context.ledger.units_of(own.account), lambda unit: unit.key != context.unit.key)


def _elsewhere(context: ComparisonContext, own: BreakSummary) -> list[BreakSummary]:
    """Return what broke of the same asset in other accounts of the gateway."""

    def is_same(unit: Unit) -> bool:
        if unit.kind != "asset" or unit.account == own.account:
            return False
        return unit.coinapi == own.coinapi if unit.coinapi and own.coinapi else unit.code == own.code

    if own.kind != "asset":
        return []
    return _nearest(context, own, context.ledger.units.values(), is_same, anywhere=True)


def _nearest(
    context: ComparisonContext,
    own: BreakSummary,
    among: Iterable[UnitState],
    wanted: Callable[[Unit], bool],
    *,
    anywhere: bool = False,
) -> list[BreakSummary]:
    """Return the residuals of some units, those nearest in the log; only such with overlapping origins by default."""
    found = [
        _residual(context, state, known, pending=pending)
        for state in among
        if wanted(state.unit)
        for known, pending in of_comparison(context.comparison_of(state))
        if anywhere or overlaps(known.after_seq, known.until_seq + 1, own)
    ]
    found.sort(key=lambda each: (abs(each.until_seq - own.until_seq), each.account, each.kind, each.code))
    return found[:MAX_BESIDE]


def active(context: ComparisonContext) -> Iterable[tuple[UnitState, Break]]:
    """Return every active break of the gateway that owns its residual."""
    for state in context.ledger.units.values():
        for known, pending in of_comparison(context.comparison_of(state)):
            if not pending:
                yield state, known


def _orders(context: ComparisonContext, account: Account) -> Iterable[OwnOrder]:
    for key, order in account.open_orders.items():
        instrument = context.ledger.instrument(account.name, order.symbol)
        yield OwnOrder(
            key=key,
            symbol=order.symbol if instrument is None else instrument.symbol,
            side=order.side,
            price=order.price,
            open=order.open,
            updated_us=order.updated_us,
            seq=order.seq,
            vanished=key in account.missing_orders,
        )


def _flows(context: ComparisonContext, state: UnitState, own: BreakSummary) -> list[FillFlow]:
    """Return what fills moved in a unit around an origin: a report may be a window late."""
    timeline = state.timeline
    first = first_kept(state, context.comparison_of(state))
    found: list[FillFlow] = []
    charged: set[int] = set()
    for index in range(timeline.last(), first - 1, -1):
        seq = timeline.seqs[index]
        if seq <= own.after_seq or len(found) >= MAX_FLOWS:
            break
        if timeline.explained[index] != timeline.explained[index - 1]:
            charged.add(seq)
        if timeline.occurred[index] > own.seen_us + context.window:
            continue
        amount = timeline.totals[index] - timeline.totals[index - 1]
        amount -= timeline.explained[index] - timeline.explained[index - 1]
        leg = timeline.received[index] - timeline.received[index - 1] - timeline.paid[index] + timeline.paid[index - 1]
        if amount or leg:
            worth = leg or amount
            found.append(FillFlow(state.unit.code, seq, amount, worth, state.unit.rate_usd, fee_booked=seq in charged))
    return found[::-1]


def _traded(context: ComparisonContext, quotes: Iterable[str], own: BreakSummary) -> list[FillFlow]:
    """Return the cash of fills around an origin: what a fee taken in a third asset is a share of."""
    found: list[FillFlow] = []
    for code in quotes:
        state = context.ledger.units.get((own.account, "asset", code))
        if state is not None and len(found) < MAX_FLOWS:
            found += _flows(context, state, own)
    return found[-MAX_FLOWS:]


def _pairs(context: ComparisonContext, unit: Unit, legs: Iterable[BreakSummary]) -> Iterable[SpotPair]:
    """Return the traded symbols of a unit, and those of what broke beside it; also untraded ones between the two."""
    account, known = context.account, set()
    broken = {leg.code for leg in legs}
    for symbol, (base, quote) in account.traded_pairs.items():
        if unit.code in (base, quote) or broken >= {base, quote}:
            known.add((base, quote))
            yield SpotPair(symbol, base, quote, account.prices.get(symbol))
    for leg in legs:
        if unit.kind != "asset" or leg.kind != "asset":
            continue
        both: tuple[tuple[Unit | BreakSummary, Unit | BreakSummary], ...] = ((unit, leg), (leg, unit))
        for base_, quote_ in both:
            named = None if (base_.code, quote_.code) in known else _symbol_of(context, base_, quote_)
            if named is not None:
                yield SpotPair(named, base_.code, quote_.code, account.prices.get(named))


def _symbol_of(context: ComparisonContext, base: Unit | BreakSummary, quote: Unit | BreakSummary) -> str | None:
    """Return a spot symbol of the account between two assets that it has not traded yet."""
    found: list[str] = []
    for (account, _), instrument in context.ledger.instruments.items():
        if account == base.account and instrument.spot:
            is_base = instrument.base == base.code or (base.coinapi and instrument.base_coinapi == base.coinapi)
            is_quote = instrument.quote == quote.code or (quote.coinapi and instrument.quote_coinapi == quote.coinapi)
            if is_base and is_quote:
                found.append(instrument.symbol)
    return min(found, default=None)


def _contracts(context: ComparisonContext, legs: Iterable[BreakSummary]) -> Iterable[AccountContract]:
    """Return the contracts that are held, and those that broke."""
    broken = {leg.code for leg in legs if leg.kind == "contract"} | {context.unit.code}
    units = [state.unit for state in context.ledger.units_of(context.unit.account) if state.unit.kind == "contract"]
    told = sorted((unit for unit in units if unit.value or unit.code in broken), key=lambda unit: unit.code)
    return [_contract(context, unit) for unit in told[:MAX_CONTRACTS]]


def _contract(context: ComparisonContext, unit: Unit) -> AccountContract:
    account, rules = context.account, context.rules
    terms = rules.contracts.get(unit.code)
    settles_in = None
    if terms is not None and terms.settlement_asset is not None:
        settles_in = resolve_asset(terms.settlement_asset, None, account.balance_rows, rules).unit
    average = None if unit.cost_basis is None else average_price(unit.cost_basis, terms)
    ends = expiry(unit.coinapi)
    return AccountContract(
        code=unit.code,
        position=unit.value or ZERO,
        settles_in=settles_in,
        inverse=terms is not None and terms.kind == "inverse",
        multiplier=None if terms is None else terms.multiplier,
        average=average or unit.reported_avg_entry_price,
        price=account.prices.get(unit.code),
        liquidation_price=unit.liquidation_price,
        expires_us=None if ends is None else microseconds(datetime.combine(ends, time(), UTC)),
    )


def _is_unjudged(context: ComparisonContext, code: str) -> bool:
    state = context.ledger.units.get((context.unit.account, "asset", code))
    if state is None or state.unit.unmodelled is not None or state.unit.opening is None:
        return True
    comparison = context.comparison_of(state)
    return comparison is None or comparison.reported is None


def _is_undecided(context: ComparisonContext, code: str) -> bool:
    state = context.ledger.units.get((context.unit.account, "asset", code))
    comparison = None if state is None else context.comparison_of(state)
    return comparison is not None and comparison.awaiting_time


def _schedule(rules: AccountRules, unit: Unit, pairs: Iterable[SpotPair]) -> tuple[Decimal, ...]:
    """Return the rates that the schedule tells for the unit's legs, where fees are taken in them."""
    found: list[Decimal] = []
    for pair in pairs:
        rule = rule_of(rules.fees, pair.symbol, "SPOT")
        if rule is None:
            continue
        if unit.code in _charged(rule, pair):
            found += [rate for rate in (rule.maker, rule.taker) if rate]
    return tuple(dict.fromkeys(found))


def _is_charged_elsewhere(rules: AccountRules, unit: Unit, pairs: Iterable[SpotPair]) -> bool:
    """Tell whether the schedule has fees of the unit's fills taken in another asset: here they cost nothing."""
    found = [(rule_of(rules.fees, pair.symbol, "SPOT"), pair) for pair in pairs]
    return any(rule is not None and unit.code not in _charged(rule, pair) for rule, pair in found)


def _charged(rule: FeeRule, pair: SpotPair) -> set[str]:
    taken = {"quote": {pair.quote}, "base": {pair.base}, "received": {pair.base, pair.quote}}
    return taken.get(rule.asset, {rule.asset})


def _unmapped(account: Account, unit: Unit) -> str | None:
    if unit.kind != "asset":
        return None
    for code, coinapi in account.unmapped.items():
        if code == unit.code or (coinapi is not None and coinapi == unit.coinapi):
            return f"legs of {code} have no balance row that is known to be theirs"
    return None
