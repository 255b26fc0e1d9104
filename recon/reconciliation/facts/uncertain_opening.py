"""Deciding an opening that the first reports left uncertain: by a fill told late, a person or a statement. Pure.

1. The unit opened with the later value. If the earlier one was right, an entry of cause `opening_told` says so: the
   opening itself never moves (semantics 4.5).
2. A fill of that time explains the difference, whether the EMS or REST tells it late.
3. Where somebody tells the earlier value, what the reports differ by is a break from there on.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.display.figures import shown
from recon.ledger.facts.external_fact import ExternalFact, Movement, digest_of, movements_of
from recon.ledger.ledger import Ledger
from recon.ledger.legs import Leg
from recon.ledger.units import FEE, Posting, Unit
from recon.reconciliation.breaks.resolution import post_adjustment
from recon.reconciliation.commit.openings import note_doubt
from recon.reconciliation.commit.steps import open_doubted
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.facts.apply_fact import (
    BEFORE_OPENING,
    BOOKED,
    ContextOf,
    is_new,
    note_unknown_account,
    record_fact,
    unit_of,
)
from recon.reconciliation.model.comparison import OpeningDoubt
from recon.times import LogTime

#: The cause of the entry that tells the earlier value of an uncertain opening.
OPENING_TOLD: Final = "opening_told"


def decided_by_fill(context: ComparisonContext, leg: Leg) -> bool:
    """Take a fill that is told now; return True if it explains what the first reports differ by."""
    doubt = context.comparison.uncertain
    if doubt is None or not doubt.after_us < leg.stamp.us <= doubt.until_us:
        return False
    rest = doubt.amount - leg.amount
    fee = context.rules.learn_fees_up_to * abs(leg.turnover or leg.amount)
    if abs(rest) <= context.tolerance_of(doubt.amount) or -fee <= rest < 0:
        _correct(context, doubt, doubt.amount, told=f"a fill of {shown(leg.amount)} that is told now explains it")
        if rest:
            post_adjustment(context, Posting(rest, FEE, context.at.us, "inferred", replaces=doubt.entry))
        note_doubt(context, None)
        return True
    if abs(rest) >= abs(doubt.amount):
        return False
    _correct(context, doubt, leg.amount, told=f"a fill of {shown(leg.amount)} that is told now explains a part of it")
    note_doubt(context, msgspec.structs.replace(doubt, amount=rest))
    return True


def _correct(context: ComparisonContext, doubt: OpeningDoubt, amount: Decimal, *, told: str, fact: str = "") -> None:
    """Book that less of the difference was held at the opening than was taken for it."""
    certainty = "inferred" if fact else "exact"
    posting = Posting(
        -amount, OPENING_TOLD, context.at.us, certainty, replaces=doubt.entry, fact=fact or None, told=bool(fact)
    )
    post_adjustment(context, posting)
    unit = context.unit
    unit.balance.open_since(doubt.after_us)  # what happened from there on is no part of the opening
    message = f"the first reports of {unit.code} differ by {shown(doubt.amount)}: {told}"
    context.ledger.note_finding(unit.account, context.at, "opening_settled", unit.code, message)


def tell_opening(ledger: Ledger, fact: ExternalFact, at: LogTime, context_of: ContextOf) -> None:
    """Take what somebody tells of an opening; one that is not uncertain, or neither of its values, is a finding."""
    for movement in movements_of(fact):
        account, digest = movement.account, digest_of(fact, movement)
        if account not in ledger.accounts:
            note_unknown_account(ledger, fact, at)
        elif is_new(ledger, account, fact, digest, at):
            context = context_of(unit_of(ledger, movement, at))
            effect = _settle(context, movement, fact)
            if effect is not None:
                record_fact(ledger, at, fact, movement, digest, effect)


def _settle(context: ComparisonContext, movement: Movement, fact: ExternalFact) -> str | None:
    """Return the effect of a told opening; None where it has none, and may be told again."""
    unit, doubt, held = context.unit, context.comparison.uncertain, movement.amount
    opening, tolerance = unit.balance.opening, context.tolerance_of(movement.amount)
    if opening is not None and abs(held - opening) <= tolerance:
        if doubt is not None:
            note_doubt(context, None)
            message = (
                f"{fact.by.label} tells that {shown(held)} {unit.code} were held at the start: the later report holds"
            )
            context.ledger.note_finding(unit.account, context.at, "opening_settled", unit.code, message)
        return BEFORE_OPENING
    if opening is not None and doubt is not None and abs(held - opening + doubt.amount) <= tolerance:
        told = f"{fact.by.label} tells that {shown(held)} were held at the start, so it is a break"
        _correct(context, doubt, doubt.amount, told=told, fact=fact.external_id)
        note_doubt(context, None)
        open_doubted(context, doubt)
        return BOOKED
    message = f"{fact.external_id} tells an opening of {shown(held)}, and is not taken: {_why_refused(unit, doubt)}"
    context.ledger.note_finding(unit.account, context.at, "opening_refused", fact.external_id, message)
    return None


def _why_refused(unit: Unit, doubt: OpeningDoubt | None) -> str:
    opening = unit.balance.opening
    if opening is None:
        return f"{unit.code} is not open yet; tell it again"
    if doubt is None:
        return f"{unit.code} opened with {shown(opening)}, and no report leaves that uncertain"
    return f"{unit.code} opened with {shown(opening - doubt.amount)} or {shown(opening)}"
