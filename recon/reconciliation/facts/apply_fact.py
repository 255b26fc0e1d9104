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

import msgspec

from recon.exact import ZERO, plain
from recon.ledger.asset_mapping import resolve_asset
from recon.ledger.facts.external_fact import ExternalFact, Movement, RecordedFact, digest_of, movements_of
from recon.ledger.facts.matching import family_of, manual_duplicate_of, replaced_by
from recon.ledger.ledger import Ledger, quantum_of
from recon.ledger.posting.derivatives import contract_of
from recon.ledger.posting.openings import open_if_absent
from recon.ledger.units import FEE, Entry, FillRef, Posting, UnitState, fill_of, post
from recon.reconciliation.breaks.resolution import explain, post_adjustment
from recon.reconciliation.causes.registry import replaceable_causes
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.matching.tolerance import total_tolerance
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.tracking.steps import explain_pending
from recon.times import LogTime, to_datetime

#: How long after a fact's time a break of its exact amount may begin: some statements contain only the day.
ORIGIN_WITHIN_US: Final = 86_400_000_000
_HALF: Final = Decimal("0.5")

#: The effects of a fact.
REPLACED: Final = "replaced"
EXPLAINED: Final = "explained"
BOOKED: Final = "booked"
BEFORE_OPENING: Final = "before_opening"

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
            effect = book_movement(context_of(_unit_of(ledger, movement, at)), movement, fact)
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
            seq=at.seq,
            fact=fact.fact,
            kind=movement.kind,
            unit=movement.unit,
            amount=movement.amount,
            occurred_us=fact.occurred_us,
            effect=effect,
            order=order,
        )
    )


def _unit_of(ledger: Ledger, movement: Movement, at: LogTime) -> UnitState:
    """Return the unit of a source's code; a unit that no complete snapshot contained opens at zero (semantics 4.3)."""
    account = ledger.accounts[movement.account]
    if movement.kind == "contract":
        return contract_of(ledger, account, movement.unit, None, at)
    mapping = resolve_asset(movement.unit, movement.unit, account.snapshots.balance_rows, ledger.rules_of(account.name))
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
        message = f"{_description(movement, fact)} happened before {unit.code} was opened, and is part of its opening"
        context.ledger.note_finding(unit.account, context.at, "fact_before_opening", fact.external_id, message)
        return BEFORE_OPENING
    if not amount:
        return BOOKED
    bound = equal_within(context, amount)
    entry = _replaceable_entry(context, movement, fact, bound, fill) if whole else None
    if entry is not None and _replace(context, movement, fact, entry, bound):
        return REPLACED
    is_fee = _is_fee(movement) and entry is None
    if is_fee and fill is not None and _attribute_fee(context, movement, fact, bound, fill):
        return REPLACED
    if _explain(context, movement, fact, bound):
        return EXPLAINED
    if is_fee and fill is None and _attribute_fee(context, movement, fact, bound, fill):
        return REPLACED
    _post_late(context, movement, fact, fill)
    return BOOKED


def _is_fee(movement: Movement) -> bool:
    return movement.cause in family_of(FEE)


def _replaceable_entry(
    context: ComparisonContext, movement: Movement, fact: ExternalFact, bound: Decimal, fill: FillRef | None
) -> Entry | None:
    """Return the entry of the same movement that the fact replaces, if any."""
    inferred = replaced_by(
        movement,
        context.ledger.fact_index.entries.get(context.unit.key, {}).values(),
        replaceable_causes(movement.cause),
        occurred_us=fact.occurred_us,
        tolerance=bound,
        order=fill.order if fill is not None and _is_fee(movement) else None,
        ordinal=None if fill is None else fill.ordinal,
    )
    return inferred or _manual_duplicate(context, movement, fact, bound)


def _manual_duplicate(
    context: ComparisonContext, movement: Movement, fact: ExternalFact, bound: Decimal
) -> Entry | None:
    """Return the entry that a person recorded manually for the same movement, unless a break is nearer in time."""
    us, entries = fact.occurred_us, context.ledger.fact_index.entries.get(context.unit.key, {}).values()
    entry = manual_duplicate_of(movement, entries, fact.external_id, occurred_us=us, tolerance=bound)
    if entry is None:
        return None
    break_ = _break_stated_by(context, movement.amount, us, bound)
    if break_ is not None and _can_be_of(break_, movement.amount, bound):
        distance_us = 0 if _lies_in(context, break_, us) else abs(break_.seen_us - us)
        if distance_us <= abs(entry.occurred_us - us):
            return None
    message = f"{_description(movement, fact)} is what was told by hand as {entry.fact}, and takes its place"
    context.ledger.note_finding(context.unit.account, context.at, "fact_told_before", fact.external_id, message)
    return entry


def equal_within(context: ComparisonContext, amount: Decimal) -> Decimal:
    """Return the largest difference of equal amounts in this unit: at least half a quantum, which rounding hides."""
    unit = context.unit
    hidden = quantum_of(context.ledger, unit) * _HALF
    return total_tolerance(
        context.tolerance, reported=amount, expected=amount, slack=hidden, rate_usd=unit.reported.rate_usd
    )


def _replace(context: ComparisonContext, movement: Movement, fact: ExternalFact, entry: Entry, bound: Decimal) -> bool:
    """Replace an inferred entry by the exact one; return False if nothing but the reversal was posted.

    If the amounts differ, the reversed amount belongs to the break that the difference explains, if there is one.
    """
    comparison, unit, difference = context.comparison, context.unit, movement.amount - entry.amount
    estimated = entry.cause == FEE and (unit.fees.estimated or unit.fees.model.is_open or bool(comparison.learning))
    if abs(difference) <= bound or estimated:
        # If the rate is known, reports agreed with the sum of all fees: the other fees take the difference.
        shared = abs(difference) > bound and not comparison.learning
        _reverse(context, entry, fact, cut_shift=ZERO)
        _post_in_place(context, movement, entry, fact, cut_shift=ZERO if shared else difference)
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
        elif abs(difference) > bound:
            _release_accrued(context, difference)
        return True
    break_ = _break_lowered_by(context, difference, fact.occurred_us)
    _reverse(context, entry, fact, cut_shift=-entry.amount)
    if break_ is None:
        return False
    break_.amount += entry.amount
    break_.candidates = [candidate + entry.amount for candidate in break_.candidates]
    comparison.residual += entry.amount
    _explain_break(context, break_, movement, fact)
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
    posting = Posting(
        movement.amount,
        movement.cause,
        fact.occurred_us,
        fill=fill_of(entry),
        break_id=entry.break_id,
        replaces=entry.number,
        fact=fact.external_id,
        cut_shift=cut_shift,
    )
    post_adjustment(context, posting)


def _attribute_fee(
    context: ComparisonContext, movement: Movement, fact: ExternalFact, bound: Decimal, fill: FillRef | None
) -> bool:
    """Take a fee out of the fees that were inferred as a sum, or accrued; return False if it is in neither.

    A fee of a known fill is in them if the unit's fees are learned; any other fee if the sum is large enough.
    """
    comparison, unit, amount, us = context.comparison, context.unit, movement.amount, fact.occurred_us
    cut_shift = ZERO
    if (fill is not None and comparison.learning) or _covers(comparison.learning, amount, bound):
        _release_accrued(context, amount)
        cut_shift = amount
    elif (fill is not None and unit.fees.estimated) or _covers(unit.fees.unattributed, amount, bound):
        inferred = Posting(-amount, FEE, us, "inferred", replaces=0, fact=fact.external_id, cut_shift=ZERO)
        post_adjustment(context, inferred)
    else:
        return False
    fee = Posting(amount, movement.cause, us, fill=fill, replaces=0, fact=fact.external_id, cut_shift=cut_shift)
    post_adjustment(context, fee)
    return True


def _release_accrued(context: ComparisonContext, amount: Decimal) -> None:
    """Take an amount that is posted now out of the accrued fees."""
    context.comparison.learning -= amount
    context.comparison.residual -= amount


def _covers(whole: Decimal, part: Decimal, bound: Decimal) -> bool:
    return bool(whole) and (whole > 0) == (part > 0) and abs(part) <= abs(whole) + bound


def _explain(context: ComparisonContext, movement: Movement, fact: ExternalFact, bound: Decimal) -> bool:
    """Explain the break, or the pending break, that a fact states; return False if there is none."""
    us = fact.occurred_us
    break_ = _break_stated_by(context, movement.amount, us, bound)
    if break_ is None:
        return False
    chain = context.comparison.chain
    if chain is not None and break_ is chain.pending:
        reason = _description(movement, fact)
        explain_pending(
            context, chain, movement.amount, cause=movement.cause, reason=reason, occurred_us=us, fact=fact.external_id
        )
    else:
        _explain_break(context, break_, movement, fact)
    return True


def _break_stated_by(context: ComparisonContext, amount: Decimal, us: int, bound: Decimal) -> Break | None:
    """Return the break, or the pending break, that a fact states: first by its time, then by its amount."""
    within = _break_lowered_by(context, amount, us, within_only=True) or _pending_break(context, amount, us, bound)
    return within or _break_lowered_by(context, amount, us)


def _explain_break(context: ComparisonContext, break_: Break, movement: Movement, fact: ExternalFact) -> None:
    bound = equal_within(context, movement.amount)
    if abs(break_.amount - movement.amount) > bound:
        # The fact decides which of several possible amounts the break has.
        amount = next(
            (candidate for candidate in break_.candidates if abs(candidate - movement.amount) <= bound), break_.amount
        )
        context.comparison.residual += amount - break_.amount
        break_.amount = amount
    posting = Posting(movement.amount, movement.cause, fact.occurred_us, fact=fact.external_id)
    explain(context, break_, posting, step="explained", reason=_description(movement, fact))


def _break_lowered_by(
    context: ComparisonContext, amount: Decimal, us: int, *, within_only: bool = False
) -> Break | None:
    """Return the active break that a fact lowers, the nearest in time of several.

    Its origin contains the time of the fact, preferably with an equal amount. Otherwise, unless `within_only`, the
    amounts are equal and the break did not begin much later.
    """
    bound = equal_within(context, amount)
    active = [break_ for break_ in context.comparison.breaks if break_.owns_residual]
    within = [break_ for break_ in active if _lies_in(context, break_, us)]
    equal = [break_ for break_ in active if _can_be_of(break_, amount, bound)]
    both = [break_ for break_ in within if break_ in equal]
    close = [] if within_only else [break_ for break_ in equal if break_.after_us <= us + ORIGIN_WITHIN_US]
    for breaks in (both, within, close):
        if breaks:
            return min(breaks, key=lambda break_: (abs(break_.seen_us - us), break_.origin_seq))
    return None


def _can_be_of(break_: Break, amount: Decimal, bound: Decimal) -> bool:
    """True if an amount is one of the possible amounts of a break."""
    return any(abs(candidate - amount) <= bound for candidate in (break_.amount, *break_.candidates))


def _pending_break(context: ComparisonContext, amount: Decimal, us: int, bound: Decimal) -> Break | None:
    """Return the pending break of the chain if the amount of the fact is one of its possible amounts."""
    comparison = context.comparison
    chain = comparison.chain
    if chain is None or us > chain.pending.seen_us + context.window // 2:
        return None
    steps = (candidate.residual - comparison.residual for candidate in chain.candidates)
    return chain.pending if any(abs(step - amount) <= bound for step in steps) else None


def _lies_in(context: ComparisonContext, break_: Break, us: int) -> bool:
    """True if a time lies in the origin of a break, within the possible difference of clocks."""
    half = context.window // 2
    return break_.after_us - context.window <= us <= break_.seen_us + half


def _post_late(context: ComparisonContext, movement: Movement, fact: ExternalFact, fill: FillRef | None) -> None:
    at, us, comparison = context.at, fact.occurred_us, context.comparison
    posting = Posting(movement.amount, movement.cause, us, fill=fill, fact=fact.external_id)
    context.ledger.record_entry(post(context.state, posting, at), context.state)
    if us < at.us - context.window:
        message = (
            f"{_description(movement, fact)} is booked now: it corrects history, and reports tell whether they agree"
        )
        context.ledger.note_finding(context.unit.account, at, "late_fact", fact.external_id, message)
    if comparison.chain is not None and us <= comparison.chain.last.us:
        # The late entry moves the ledger but not the reports since, so the chain's residuals shrink by it.
        _shift_candidates(context, movement.amount)


def _shift_candidates(context: ComparisonContext, amount: Decimal) -> None:
    """Reduce the residuals of the chain by an entry that is posted late."""
    chain = context.comparison.chain
    if chain is not None:
        number = context.timeline.numbers[-1]
        chain.candidates = [
            msgspec.structs.replace(candidate, residual=candidate.residual - amount, low=number)
            for candidate in chain.candidates
        ]


def _description(movement: Movement, fact: ExternalFact) -> str:
    """Return a fact in words: its cause, amount, time and source."""
    what = (
        f"{movement.cause} of {plain(movement.amount)} {movement.unit} at {to_datetime(fact.occurred_us).isoformat()}"
    )
    source = fact.source or fact.by.label
    return f"{what}, told by {source} as {fact.external_id}"
