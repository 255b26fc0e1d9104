"""The entry that an external fact replaces, or the inferred fees that it is one of. Pure (semantics 10.3)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from recon.exact import ZERO
from recon.ledger.facts.external_fact import ExternalFact, Movement
from recon.ledger.facts.matching import family_of, manual_duplicate_of, replaced_by
from recon.ledger.facts.postings import told_posting
from recon.ledger.legs import Leg, Stamp
from recon.ledger.units import FEE, Entry, FillRef, Posting, fill_of
from recon.reconciliation.breaks.resolution import post_adjustment
from recon.reconciliation.causes.registry import replaceable_causes
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.facts.break_explanation import (
    break_lowered_by,
    can_be_of,
    description_of,
    explain_break,
    lies_in,
    stated_by,
)
from recon.reconciliation.model.break_ import Break


def is_fee(movement: Movement) -> bool:
    """True if a movement is a fee or a rebate."""
    return movement.cause in family_of(FEE)


def replaceable_entry(
    context: ComparisonContext, movement: Movement, fact: ExternalFact, bound: Decimal, fill: FillRef | None
) -> Entry | None:
    """Return the entry of the same movement that the fact replaces, if any."""
    inferred = replaced_by(
        movement,
        context.ledger.fact_index.entries_of(context.unit.key),
        replaceable_causes(movement.cause),
        occurred_us=fact.occurred_us,
        tolerance=bound,
        order=fill.order if fill is not None and is_fee(movement) else None,
        ordinal=None if fill is None else fill.ordinal,
    )
    return inferred or _manual_duplicate(context, movement, fact, bound)


def _manual_duplicate(
    context: ComparisonContext, movement: Movement, fact: ExternalFact, bound: Decimal
) -> Entry | None:
    """Return the entry that a person recorded manually for the same movement, unless a break is nearer in time."""
    us, entries = fact.occurred_us, context.ledger.fact_index.entries_of(context.unit.key)
    entry = manual_duplicate_of(movement, entries, fact.external_id, occurred_us=us, tolerance=bound)
    if entry is None:
        return None
    break_ = stated_by(context, movement, us, bound)
    if isinstance(break_, Break) and can_be_of(break_, movement.amount, bound):
        distance_us = 0 if lies_in(context, break_, us) else abs(break_.seen_us - us)
        if distance_us <= abs(entry.occurred_us - us):
            return None
    message = f"{description_of(movement, fact)} is the manual fact {entry.fact}, and replaces it"
    context.ledger.note_finding(context.unit.account, context.at, "fact_told_before", fact.external_id, message)
    return entry


def replace_entry(
    context: ComparisonContext, movement: Movement, fact: ExternalFact, entry: Entry, bound: Decimal
) -> bool:
    """Replace an inferred entry by the exact one; return False if nothing but the reversal was posted.

    If the amounts differ, the reversed amount belongs to the break that the difference explains, if there is one.
    """
    difference = movement.amount - entry.amount
    us = fact.occurred_us
    break_ = None if abs(difference) <= bound else break_lowered_by(context, difference, us, fee=is_fee(movement))
    if abs(difference) <= bound or (entry.cause == FEE and break_ is None):
        # Reports agreed with the sum of all fees: the other fees take the difference.
        shared = abs(difference) > bound
        _reverse(context, entry, fact, cut_shift=ZERO)
        _post_in_place(context, movement, entry, fact, cut_shift=ZERO if shared else difference)
        if not shared:
            _note_cost(context, -difference)
        if shared:
            rest = Posting(
                -difference,
                FEE,
                fact.occurred_us,
                "inferred",
                replaces=entry.number,
                fact=fact.external_id,
                cut_shift=ZERO,
            )
            post_adjustment(context, rest)
        return True
    _reverse(context, entry, fact, cut_shift=-entry.amount)
    if break_ is None:
        _note_reversal(context, entry)
        return False
    break_.amount += entry.amount
    break_.candidates = [candidate + entry.amount for candidate in break_.candidates]
    explain_break(context, break_, movement, fact)
    return True


def _reverse(context: ComparisonContext, entry: Entry, fact: ExternalFact, *, cut_shift: Decimal) -> None:
    """Post the opposite of an entry that a fact replaces."""
    opposite = Posting(
        -entry.amount,
        entry.cause,
        entry.occurred_us,
        entry.certainty,
        fill=fill_of(entry),
        break_id=entry.break_id,
        replaces=entry.number,
        fact=fact.external_id,
        cut_shift=cut_shift,
    )
    post_adjustment(context, opposite)


def _post_in_place(
    context: ComparisonContext, movement: Movement, entry: Entry, fact: ExternalFact, *, cut_shift: Decimal
) -> None:
    """Post the exact entry in the place of a reversed one."""
    posting = told_posting(
        movement.amount, movement.cause, fact, fill=fill_of(entry), break_id=entry.break_id, replaces=entry.number
    )
    post_adjustment(context, msgspec.structs.replace(posting, cut_shift=cut_shift))


def attribute_fee(
    context: ComparisonContext, movement: Movement, fact: ExternalFact, bound: Decimal, fill: FillRef | None
) -> bool:
    """Take a fee out of the fees that were inferred as a sum; return False if it is not in them.

    A fee of a known fill is in them if fees were posted in sum; any other fee if the sum is large enough.
    """
    unit, amount, us = context.unit, movement.amount, fact.occurred_us
    if not ((fill is not None and unit.fees.estimated) or covers(unit.fees.unattributed, amount, bound)):
        return False
    inferred = Posting(-amount, FEE, us, "inferred", replaces=0, fact=fact.external_id, cut_shift=ZERO)
    post_adjustment(context, inferred)
    fee = told_posting(amount, movement.cause, fact, fill=fill, replaces=0)
    post_adjustment(context, msgspec.structs.replace(fee, cut_shift=ZERO))
    return True


def _note_cost(context: ComparisonContext, cost: Decimal) -> None:
    """Note that the books have so much more cost than before; reports contain it already, so nothing is moved."""
    if cost:
        us = context.at.us
        context.ledger.effects.legs.append((context.state, Leg(ZERO, Stamp(us), us, booked_fee=cost)))


def _note_reversal(context: ComparisonContext, entry: Entry) -> None:
    """Note an entry that is reversed and not replaced: a cost booked, or else what explained a break."""
    if entry.break_id is None:
        _note_cost(context, entry.amount)
        return
    us = context.at.us
    context.ledger.effects.legs.append((context.state, Leg(-entry.amount, Stamp(us), us, explains=True)))


def covers(whole: Decimal, part: Decimal, bound: Decimal) -> bool:
    """True if a part may be in a sum of one sign."""
    return bool(whole) and (whole > 0) == (part > 0) and abs(part) <= abs(whole) + bound
