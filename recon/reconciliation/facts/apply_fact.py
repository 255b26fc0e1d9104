"""Effects of an external fact on the ledger and on breaks. Pure (semantics 8.4, 9.6, 10.3).

1. A fact replaces an inferred entry of the same movement: that entry is reversed and the exact one posted, so no cut
   changes its sum.
2. A statement also replaces a fact that a person recorded manually for the same movement, and a finding reports that.
3. Otherwise the fact explains the break of its time or of its amount; a larger break keeps the rest.
4. Otherwise the fact is posted now with its own valid time, like any other entry. A finding reports the corrected
   history, and later reports show whether they agree.
5. A fact from before a unit's opening is part of the opening: a finding reports it, and nothing is posted.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from recon.ledger.asset_mapping import resolve_asset
from recon.ledger.facts.external_fact import (
    ApprovedFact,
    ExternalFact,
    Movement,
    RecordedFact,
    digest_of,
    movements_of,
)
from recon.ledger.facts.postings import told_posting
from recon.ledger.ledger import Ledger
from recon.ledger.legs import Leg, Stamp
from recon.ledger.posting.derivatives import contract_of
from recon.ledger.posting.openings import open_if_absent
from recon.ledger.stamps import resolution_of
from recon.ledger.units import FillRef, UnitState, post
from recon.reconciliation.commit.openings import note_doubt
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.facts.break_explanation import (
    description_of,
    equal_within,
    explain_by_fact,
)
from recon.reconciliation.facts.entry_replacement import attribute_fee, is_fee, replace_entry, replaceable_entry
from recon.reconciliation.facts.trade_fee import fee_of_trade
from recon.times import LogTime

#: The effects of a fact.
REPLACED: Final = "replaced"
EXPLAINED: Final = "explained"
BOOKED: Final = "booked"
BEFORE_OPENING: Final = "before_opening"
#: Reports or another statement contained it already.
MATCHED: Final = "matched"

#: Returns the comparison of a unit, marked as changed.
ContextOf = Callable[[UnitState], ComparisonContext]


def apply_fact(ledger: Ledger, fact: ExternalFact, at: LogTime, context_of: ContextOf) -> None:
    """Apply a fact other than a trade; a transfer has one side in each account of this gateway that it names."""
    for movement in movements_of(fact):
        account, digest = movement.account, digest_of(fact, movement)
        if account not in ledger.accounts:
            if account == fact.account:
                note_unknown_account(ledger, fact, at)
            continue
        if is_new(ledger, account, fact, digest, at):
            context = context_of(unit_of(ledger, movement, at))
            untold, fill = fee_of_trade(context, movement, fact)
            effect = (
                book_movement(context, untold, fact, fill=fill) if untold.amount or not movement.amount else MATCHED
            )
            record_fact(ledger, at, fact, movement, digest, effect)


def note_unknown_account(ledger: Ledger, fact: ExternalFact, at: LogTime) -> None:
    """Note that the gateway has never named the account of a fact."""
    message = f"{fact.account} is no account that this gateway has named; nothing is booked"
    ledger.note_finding(None, at, "fact_without_account", fact.external_id, message)


def is_new(ledger: Ledger, account: str, fact: ExternalFact, digest: str, at: LogTime) -> bool:
    """True if a fact comes for the first time; note a known id with another content."""
    recorded_digest = ledger.fact_index.facts.get((account, fact.external_id))
    if recorded_digest is not None and recorded_digest != digest:
        message = f"{fact.fact} {fact.external_id} is known with another content; the first one stands"
        ledger.note_finding(account, at, "fact_conflict", fact.external_id, message)
    return recorded_digest is None


def record_fact(
    ledger: Ledger,
    at: LogTime,
    fact: ExternalFact,
    movement: Movement,
    digest: str,
    effect: str,
    *,
    order: str | None = None,
) -> None:
    """Record the effect of a fact, so that the same fact changes nothing a second time."""
    ledger.fact_index.facts[movement.account, fact.external_id] = digest
    ledger.changes.facts.append(
        RecordedFact(
            account=movement.account,
            external_id=fact.external_id,
            digest=digest,
            seq=fact.told_seq if isinstance(fact, ApprovedFact) else at.seq,
            fact=fact.fact,
            kind=movement.kind,
            unit=movement.unit,
            amount=movement.amount,
            occurred_us=fact.occurred_us,
            effect=effect,
            order=order,
            approved_seq=fact.approved_seq if isinstance(fact, ApprovedFact) else None,
        )
    )


def unit_of(ledger: Ledger, movement: Movement, at: LogTime) -> UnitState:
    """Return the unit of a source's code; a unit that no complete snapshot contained opens at zero (semantics 4.3)."""
    account = ledger.accounts[movement.account]
    if movement.kind == "contract":
        return contract_of(ledger, account, movement.unit, None, at)
    mapping = resolve_asset(movement.unit, movement.unit, account.snapshots, ledger.rules_of(account.name))
    state = ledger.unit(account.name, "asset", mapping.unit)
    open_if_absent(ledger, account, state, at)
    return state


def book_movement(
    context: ComparisonContext,
    movement: Movement,
    fact: ExternalFact,
    *,
    fill: FillRef | None = None,
    whole: bool = True,
) -> str:
    """Post the movement of one unit that a fact states, and return its effect.

    `fill` is the one that the movement belongs to, if known. `whole` is true if the movement is
    everything that the fact states of the unit: only then can an earlier entry be the same movement.
    """
    unit, amount, us = context.unit, movement.amount, fact.occurred_us
    if unit.balance.opening is None or us < unit.balance.opening_us:
        message = f"{description_of(movement, fact)} happened before {unit.code} was opened, and is part of its opening"
        context.ledger.note_finding(unit.account, context.at, "fact_before_opening", fact.external_id, message)
        _decide_doubt(context, amount, us)
        return BEFORE_OPENING
    if not amount:
        return BOOKED
    bound = equal_within(context, amount)
    entry = replaceable_entry(context, movement, fact, bound, fill) if whole else None
    if entry is not None and replace_entry(context, movement, fact, entry, bound):
        return REPLACED
    new_fee = is_fee(movement) and entry is None
    if new_fee and fill is not None and attribute_fee(context, movement, fact, bound, fill):
        return REPLACED
    if explain_by_fact(context, movement, fact, bound):
        return EXPLAINED
    if new_fee and fill is None and attribute_fee(context, movement, fact, bound, fill):
        return REPLACED
    _post_late(context, movement, fact, fill)
    return BOOKED


def _decide_doubt(context: ComparisonContext, amount: Decimal, us: int) -> None:
    """Note that an uncertain opening is decided if a movement of its time explains what the first reports differ by."""
    doubt = context.comparison.uncertain
    of_that_time = doubt is not None and doubt.after_us < us <= doubt.until_us
    if doubt is not None and of_that_time and abs(amount - doubt.amount) <= context.tolerance_of(amount):
        note_doubt(context, None)


def _post_late(context: ComparisonContext, movement: Movement, fact: ExternalFact, fill: FillRef | None) -> None:
    at, us = context.at, fact.occurred_us
    posting = told_posting(movement.amount, movement.cause, fact, fill=fill)
    context.ledger.record_entry(post(context.state, posting, at), context.state)
    order = None if fill is None else fill.order
    leg = Leg(movement.amount, told_stamp(context, us), at.us, order, explains=True)
    context.ledger.effects.legs.append((context.state, leg))
    if us < at.us - context.window:
        message = (
            f"{description_of(movement, fact)} is booked now: it corrects history, and later reports show whether"
            " they agree"
        )
        context.ledger.note_finding(context.unit.account, at, "late_fact", fact.external_id, message)


def told_stamp(context: ComparisonContext, us: int) -> Stamp:
    """Return the stamp of what a fact tells: its time if no report of the unit came since, else now.

    Reports that came since did not show it.
    """
    observed_us, now_us = context.comparison.observed_us, context.at.us
    if observed_us is not None and us <= observed_us:
        return Stamp(now_us)
    return Stamp(min(us, now_us), resolution_of(us))
