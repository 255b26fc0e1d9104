"""The USD value of what a fact would change, by account, before it changes anything. Pure (semantics 10.7).

1. What a fact would not book has no value: an account or an instrument that is not known, a time before the opening, a
   part of a trade that reports contain, a movement that is known.
2. Every changed unit counts by its absolute value; a unit without a rate has no value, and that is material.
3. A fee that takes the place of an inferred one counts as the larger of the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.asset_mapping import resolve_asset
from recon.ledger.facts.external_fact import OPENING_HELD, TRADE, ExternalFact, Movement, cash_of, fee_of, movements_of
from recon.ledger.facts.matching import replaced_by
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.posting.openings import is_untouched
from recon.ledger.units import Unit, UnitState
from recon.reconciliation.causes.registry import replaceable_causes
from recon.reconciliation.facts.trade_cover import Cover, cover_of
from recon.reconciliation.facts.traded_instrument import traded_of
from recon.reconciliation.model.snapshot import amount_usd


def value_by_account(ledger: Ledger, fact: ExternalFact) -> dict[str, Decimal | None]:
    """Return the USD value of what a fact would change, by account; None where a changed unit has no rate."""
    changes = _changes_of_trade(ledger, fact) if fact.fact == TRADE else _changes_of_movements(ledger, fact)
    values: dict[str, Decimal | None] = {}
    for account, unit, amount in changes:
        early = fact.fact != OPENING_HELD and unit is not None and _before_opening(unit, fact.occurred_us)
        if not amount or early:
            continue
        usd, sum_usd = None if unit is None else amount_usd(unit, amount), values.get(account.name, ZERO)
        values[account.name] = None if usd is None or sum_usd is None else sum_usd + abs(usd)
    return values


def _changes_of_movements(ledger: Ledger, fact: ExternalFact) -> Iterator[tuple[Account, Unit | None, Decimal]]:
    for movement in movements_of(fact):
        account = ledger.accounts.get(movement.account)
        if account is None or (account.name, fact.external_id) in ledger.fact_index.facts:
            continue
        if movement.kind == "contract":
            unit = _known_contract(ledger, account, movement.unit)
        else:
            unit = _known_asset(ledger, account, movement.unit, movement.unit)
        # Who tells an opening decides what the first reports differ by, either way.
        decides = fact.fact == OPENING_HELD and unit is not None
        yield account, unit, unit.balance.uncertain if decides and unit is not None else movement.amount


def _changes_of_trade(ledger: Ledger, fact: ExternalFact) -> Iterator[tuple[Account, Unit | None, Decimal]]:
    account = ledger.accounts.get(fact.account)
    if account is None or (account.name, fact.external_id) in ledger.fact_index.facts:
        return
    traded = traded_of(ledger, account, fact)
    if traded is None:
        return
    fact, instrument = traded
    cover = cover_of(ledger, account, fact)
    if cover.missing:
        yield from _missing_legs(ledger, account, instrument, cover.missing, cash_of(fact, cover.missing))
    fee = fee_of(fact)
    if fee is not None:
        unit = _known_asset(ledger, account, fee.unit, fee.unit)
        yield account, unit, _larger_fee(ledger, unit, fee, fact, cover)


def _missing_legs(
    ledger: Ledger, account: Account, instrument: Instrument, missing: Decimal, cash: Decimal | None
) -> Iterator[tuple[Account, Unit | None, Decimal]]:
    """Yield the units that the unreported part of a trade would change."""
    if instrument.derivative:
        yield account, _known_contract(ledger, account, instrument.symbol), missing
        return
    yield account, _known_asset(ledger, account, instrument.base or "", instrument.base_coinapi), missing
    if cash is not None:
        yield account, _known_asset(ledger, account, instrument.quote or "", instrument.quote_coinapi), cash


def _larger_fee(ledger: Ledger, unit: Unit | None, fee: Movement, fact: ExternalFact, cover: Cover) -> Decimal:
    """Return the amount of a fee, or of the inferred fee of the same fill if that is larger."""
    if unit is None or cover.key is None:
        return fee.amount
    inferred = replaced_by(
        fee,
        ledger.fact_index.entries_of(unit.key),
        replaceable_causes(fee.cause),
        occurred_us=fact.occurred_us,
        tolerance=ZERO,
        order=cover.key,
        ordinal=cover.ordinal,
    )
    return fee.amount if inferred is None else max(fee.amount, inferred.amount, key=abs)


def _known_asset(ledger: Ledger, account: Account, asset: str, coinapi: str | None) -> Unit | None:
    """Return the unit of an asset's code if the ledger has it; nothing is created."""
    mapping = resolve_asset(asset, coinapi, account.snapshots, ledger.rules_of(account.name))
    return _known(ledger.units.get((account.name, "asset", mapping.unit)))


def _known_contract(ledger: Ledger, account: Account, symbol: str) -> Unit | None:
    return _known(ledger.known_contract(account.name, symbol))


def _known(state: UnitState | None) -> Unit | None:
    """Return the unit; None if only its name is known: it may open at zero, and then a fact is booked."""
    return None if state is None or is_untouched(state.unit) else state.unit


def _before_opening(unit: Unit, us: int) -> bool:
    """True if a fact of this time is part of the unit's opening, and so is not booked."""
    return unit.balance.opening is None or us < unit.balance.opening_us
