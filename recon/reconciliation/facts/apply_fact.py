"""What a fact from outside does to the books and to breaks. Pure (semantics 8.4, 9.6, 10.3).

1. A surer fact takes the place of the entry that it makes surer: that one is reversed, the exact one booked, and no cut
   of the books adds up to anything else.
2. What a statement tells takes the place, too, of what a person had told of it by hand; a finding says so.
3. Else it explains the break in whose origin it lies, or which is its equal; what it does not reach is left of it.
4. Else it is booked now with its own valid time, as a cut like any other, and a finding says that history is corrected:
   reports tell whether they agree.
5. A fact from before a unit's opening is part of the opening: a finding, and nothing is booked.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import ZERO, plain
from recon.ledger.asset_mapping import resolve_asset
from recon.ledger.external_facts import (
    ExternalFact,
    Movement,
    RecordedFact,
    digest_of,
    family_of,
    manual_duplicate_of,
    movements_of,
    replaced_by,
)
from recon.ledger.ledger import Ledger, quantum_of
from recon.ledger.posting.derivatives import contract_of
from recon.ledger.posting.spot import open_if_absent
from recon.ledger.units import FEE, Entry, UnitState, post
from recon.reconciliation.breaks.resolution import explain, post_adjustment
from recon.reconciliation.causes.registry import replaceable_causes
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.matching.tolerance import total_tolerance
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.tracking.steps import explain_pending
from recon.times import LogTime, to_datetime

#: How long after a fact's stated time a break of its very amount may have begun: statements may know but the day.
ORIGIN_WITHIN_US: Final = 86_400_000_000
_HALF: Final = Decimal("0.5")

#: What became of a fact.
REPLACED: Final = "replaced"
EXPLAINED: Final = "explained"
BOOKED: Final = "booked"
BEFORE_OPENING: Final = "before_opening"

#: Gives the comparison of a unit, to be marked changed.
SubjectOf = Callable[[UnitState], ComparisonContext]


def apply_fact(ledger: Ledger, fact: ExternalFact, at: LogTime, subject_of: SubjectOf) -> None:
    """Take a fact other than a trade: each account of this gateway that it names has its own side of it."""
    for move in movements_of(fact):
        account, digest = move.account, digest_of(fact, move)
        if account not in ledger.accounts:
            if account == fact.account:
                note_unknown_account(ledger, fact, at)
            continue
        if is_new(ledger, account, fact, digest, at):
            effect = book_movement(subject_of(_held_of(ledger, move, at)), move, fact)
            record_fact(ledger, at, fact, move, digest, effect)


def note_unknown_account(ledger: Ledger, fact: ExternalFact, at: LogTime) -> None:
    """Find that a fact names an account of which the gateway has told nothing."""
    message = f"{fact.account} is no account that this gateway has named; nothing is booked"
    ledger.note_finding(None, at, "fact_without_account", fact.external_id, message)


def is_new(ledger: Ledger, account: str, fact: ExternalFact, digest: str, at: LogTime) -> bool:
    """Tell whether a fact is heard for the first time; another content under a known id is found."""
    known = ledger.fact_index.facts.get((account, fact.external_id))
    if known is not None and known != digest:
        message = f"{fact.fact} {fact.external_id} is known with another content; the first one stands"
        ledger.note_finding(account, at, "fact_conflict", fact.external_id, message)
    return known is None


def record_fact(
    ledger: Ledger,
    at: LogTime,
    fact: ExternalFact,
    move: Movement,
    digest: str,
    effect: str,
    *,
    order: str | None = None,
) -> None:
    """Keep what became of a fact, so that the same again changes nothing."""
    ledger.fact_index.facts[move.account, fact.external_id] = digest
    ledger.changes.facts.append(
        RecordedFact(
            account=move.account,
            external_id=fact.external_id,
            digest=digest,
            seq=at.seq,
            fact=fact.fact,
            kind=move.kind,
            unit=move.unit,
            amount=move.amount,
            occurred_us=fact.occurred_us,
            effect=effect,
            order=order,
        )
    )


def _held_of(ledger: Ledger, move: Movement, at: LogTime) -> UnitState:
    """Return the unit that a source's code means; one that no complete snapshot held opens at zero (semantics 4.3)."""
    account = ledger.accounts[move.account]
    if move.kind == "contract":
        return contract_of(ledger, account, move.unit, None, at)
    home = resolve_asset(move.unit, move.unit, account.balance_rows, ledger.rules_of(account.name))
    state = ledger.unit(account.name, "asset", home.unit)
    open_if_absent(ledger, account, state, at)
    return state


def book_movement(
    context: ComparisonContext,
    move: Movement,
    fact: ExternalFact,
    *,
    order: str | None = None,
    ordinal: int | None = None,
    whole: bool = True,
) -> str:
    """Book what a fact changes of one unit, and return what became of it.

    `order` and `ordinal` name the fill that it belongs to, where one is known; `whole` tells whether it is all that
    the fact tells of the unit, so that an entry of before may be the same.
    """
    unit, amount, us = context.unit, move.amount, fact.occurred_us
    if unit.opening is None or us < unit.opening_us:
        message = f"{_words(move, fact)} happened before {unit.code} was opened, and is part of its opening"
        context.ledger.note_finding(unit.account, context.at, "fact_before_opening", fact.external_id, message)
        return BEFORE_OPENING
    if not amount:
        return BOOKED
    bound = equal_within(context, amount)
    is_fee = move.cause in family_of(FEE)
    known = None
    if whole:
        entries = context.ledger.fact_index.entries.get(unit.key, {}).values()
        of = order if is_fee else None
        known = replaced_by(
            move, entries, replaceable_causes(move.cause), occurred_us=us, tolerance=bound, order=of, ordinal=ordinal
        )
        known = known or _told_before(context, move, fact, bound)
    if known is not None and _replace(context, move, fact, known, bound):
        return REPLACED
    is_fee = is_fee and known is None
    if is_fee and order is not None and _attribute(context, move, fact, bound, order, ordinal):
        return REPLACED
    if _explain(context, move, fact, bound):
        return EXPLAINED
    if is_fee and order is None and _attribute(context, move, fact, bound, order, ordinal):
        return REPLACED
    _book_late(context, move, fact, order, ordinal)
    return BOOKED


def _told_before(context: ComparisonContext, move: Movement, fact: ExternalFact, bound: Decimal) -> Entry | None:
    """Return the entry of what a person had told by hand of the same, unless a break of it is nearer in time."""
    us, entries = fact.occurred_us, context.ledger.fact_index.entries.get(context.unit.key, {}).values()
    known = manual_duplicate_of(move, entries, fact.external_id, occurred_us=us, tolerance=bound)
    if known is None:
        return None
    owner = _reason_of(context, move.amount, us, bound)
    if owner is not None and _is_of(owner, move.amount, bound):
        away = 0 if _lies_in(context, owner, us) else abs(owner.seen_us - us)
        if away <= abs(known.occurred_us - us):
            return None
    message = f"{_words(move, fact)} is what was told by hand as {known.fact}, and takes its place"
    context.ledger.note_finding(context.unit.account, context.at, "fact_told_before", fact.external_id, message)
    return known


def equal_within(context: ComparisonContext, amount: Decimal) -> Decimal:
    """Return how far two amounts may be apart to be equal in this unit: what a report's rounding hides, at least."""
    unit = context.unit
    hidden = quantum_of(context.ledger, unit) * _HALF
    return total_tolerance(context.tolerance, reported=amount, expected=amount, slack=hidden, rate_usd=unit.rate_usd)


def _replace(context: ComparisonContext, move: Movement, fact: ExternalFact, known: Entry, bound: Decimal) -> bool:
    """Reverse an entry, and book the exact one where that leaves the books as they are; return whether it did.

    Where it does not, what the reversed entry had explained is owned again by the break in question, if there is one.
    """
    comparison, unit, difference = context.comparison, context.unit, move.amount - known.amount
    estimated = known.cause == FEE and (unit.fees_estimated or unit.fee.is_open or bool(comparison.learning))
    if abs(difference) <= bound or estimated:
        # The two take each other's place; where the rate was learned, reports have agreed with the sum of fees, so
        # that others make up for the difference.
        others = abs(difference) > bound and not comparison.learning
        _take_back(context, known, fact, moves=ZERO)
        _stand_in(context, move, known, fact, moves=ZERO if others else difference)
        if others:
            us, number = fact.occurred_us, known.number
            post_adjustment(
                context, -difference, FEE, "inferred", us, replaces=number, fact=fact.external_id, moves=ZERO
            )
        elif abs(difference) > bound:
            _disown(context, difference)
        return True
    owner = _owner(context, difference, fact.occurred_us)
    _take_back(context, known, fact, moves=-known.amount)
    if owner is None:
        return False
    owner.amount += known.amount
    owner.candidates = [candidate + known.amount for candidate in owner.candidates]
    comparison.residual += known.amount
    _explain_break(context, owner, move, fact)
    return True


def _take_back(context: ComparisonContext, known: Entry, fact: ExternalFact, *, moves: Decimal) -> None:
    """Post the opposite of an entry that a fact makes surer."""
    post_adjustment(
        context,
        -known.amount,
        known.cause,
        known.certainty,
        known.occurred_us,
        order=known.order,
        ordinal=known.ordinal,
        break_id=known.break_id,
        replaces=known.number,
        fact=fact.external_id,
        moves=moves,
    )


def _stand_in(context: ComparisonContext, move: Movement, known: Entry, fact: ExternalFact, *, moves: Decimal) -> None:
    """Post the exact entry in the place of another."""
    post_adjustment(
        context,
        move.amount,
        move.cause,
        "exact",
        fact.occurred_us,
        order=known.order,
        ordinal=known.ordinal,
        break_id=known.break_id,
        replaces=known.number,
        fact=fact.external_id,
        moves=moves,
    )


def _attribute(
    context: ComparisonContext,
    move: Movement,
    fact: ExternalFact,
    bound: Decimal,
    order: str | None,
    ordinal: int | None,
) -> bool:
    """Let a fee be one of those that were inferred in sum, or are owned while their rate is learned; return whether.

    That of a known fill is, wherever the unit's fees are learned; any other is where the sum has room for it.
    """
    comparison, unit, amount, us = context.comparison, context.unit, move.amount, fact.occurred_us
    moves, of_fill = ZERO, order is not None
    if (of_fill and comparison.learning) or _covers(comparison.learning, amount, bound):
        _disown(context, amount)
        moves = amount
    elif (of_fill and unit.fees_estimated) or _covers(unit.fees_unattributed, amount, bound):
        post_adjustment(context, -amount, FEE, "inferred", us, replaces=0, fact=fact.external_id, moves=ZERO)
    else:
        return False
    known = fact.external_id
    post_adjustment(
        context, amount, move.cause, "exact", us, order=order, ordinal=ordinal, replaces=0, fact=known, moves=moves
    )
    return True


def _disown(context: ComparisonContext, amount: Decimal) -> None:
    """Let a part of the fees that are owned while their rate is learned be booked."""
    context.comparison.learning -= amount
    context.comparison.residual -= amount


def _covers(whole: Decimal, part: Decimal, bound: Decimal) -> bool:
    return bool(whole) and (whole > 0) == (part > 0) and abs(part) <= abs(whole) + bound


def _explain(context: ComparisonContext, move: Movement, fact: ExternalFact, bound: Decimal) -> bool:
    """Explain by a fact the break, or the chain under way, that it is the reason of; return whether there is one."""
    us = fact.occurred_us
    owner = _reason_of(context, move.amount, us, bound)
    if owner is None:
        return False
    chain = context.comparison.chain
    if chain is not None and owner is chain.pending:
        reason = _words(move, fact)
        explain_pending(
            context, chain, move.amount, cause=move.cause, reason=reason, occurred_us=us, fact=fact.external_id
        )
    else:
        _explain_break(context, owner, move, fact)
    return True


def _reason_of(context: ComparisonContext, amount: Decimal, us: int, bound: Decimal) -> Break | None:
    """Return the break, or the step of the chain under way, that a fact is the reason of."""
    within = _owner(context, amount, us, within_only=True) or _pending(context, amount, us, bound)
    return within or _owner(context, amount, us)


def _explain_break(context: ComparisonContext, owner: Break, move: Movement, fact: ExternalFact) -> None:
    bound = equal_within(context, move.amount)
    if abs(owner.amount - move.amount) > bound:
        # Of several amounts that fitted, the fact tells which one it was.
        told = next((each for each in owner.candidates if abs(each - move.amount) <= bound), owner.amount)
        context.comparison.residual += told - owner.amount
        owner.amount = told
    explain(
        context,
        owner,
        move.amount,
        cause=move.cause,
        step="explained",
        reason=_words(move, fact),
        occurred_us=fact.occurred_us,
        fact=fact.external_id,
    )


def _owner(context: ComparisonContext, amount: Decimal, us: int, *, within_only: bool = False) -> Break | None:
    """Return the active break that a fact lowers, the nearest in time of several.

    It is the one in whose origin the fact lies, preferably of its amount; else, unless `within_only`, one of its very
    amount that did not begin much later.
    """
    bound = equal_within(context, amount)
    owned = [known for known in context.comparison.breaks if known.owns_residual]
    within = [known for known in owned if _lies_in(context, known, us)]
    equal = [known for known in owned if _is_of(known, amount, bound)]
    both = [known for known in within if known in equal]
    close = [] if within_only else [known for known in equal if known.after_us <= us + ORIGIN_WITHIN_US]
    for some in (both, within, close):
        if some:
            return min(some, key=lambda known: (abs(known.seen_us - us), known.origin_seq))
    return None


def _is_of(known: Break, amount: Decimal, bound: Decimal) -> bool:
    """Tell whether a break is of an amount, or may be."""
    return any(abs(each - amount) <= bound for each in (known.amount, *known.candidates))


def _pending(context: ComparisonContext, amount: Decimal, us: int, bound: Decimal) -> Break | None:
    """Return the step that a chain is under way with, where the fact is what it comes to."""
    comparison = context.comparison
    chain = comparison.chain
    if chain is None or us > chain.pending.seen_us + context.window // 2:
        return None
    steps = (candidate.residual - comparison.residual for candidate in chain.candidates)
    return chain.pending if any(abs(step - amount) <= bound for step in steps) else None


def _lies_in(context: ComparisonContext, known: Break, us: int) -> bool:
    """Tell whether a time lies in the origin of a break, give or take what clocks may differ."""
    half = context.window // 2
    return known.after_us - context.window <= us <= known.seen_us + half


def _book_late(
    context: ComparisonContext, move: Movement, fact: ExternalFact, order: str | None, ordinal: int | None
) -> None:
    at, us, comparison = context.at, fact.occurred_us, context.comparison
    entry = post(
        context.state,
        move.amount,
        cause=move.cause,
        certainty="exact",
        seq=at.seq,
        clock=at.clock,
        occurred_us=us,
        recorded_us=at.us,
        order=order,
        ordinal=ordinal,
        fact=fact.external_id,
    )
    context.ledger.record_entry(entry, context.state)
    if us < at.us - context.window:
        message = f"{_words(move, fact)} is booked now: it corrects history, and reports tell whether they agree"
        context.ledger.note_finding(context.unit.account, at, "late_fact", fact.external_id, message)
    if comparison.chain is not None and us <= comparison.chain.last.us:
        # What reports have shown since is not moved by when we learn of it: the books are.
        _shift_candidates(context, move.amount)


def _shift_candidates(context: ComparisonContext, amount: Decimal) -> None:
    """Let the candidates of a chain be what they are beside an entry that is booked late."""
    chain = context.comparison.chain
    if chain is not None:
        number = context.timeline.numbers[-1]
        chain.candidates = [
            msgspec.structs.replace(candidate, residual=candidate.residual - amount, low=number)
            for candidate in chain.candidates
        ]


def _words(move: Movement, fact: ExternalFact) -> str:
    """Name a fact for a person: what, how much, when, and where it comes from."""
    what = f"{move.cause} of {plain(move.amount)} {move.unit} at {to_datetime(fact.occurred_us).isoformat()}"
    told = fact.source or fact.by.label
    return f"{what}, told by {told} as {fact.external_id}"
