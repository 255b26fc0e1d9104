"""Runs the tests of all causes on one break; the strongest match names the cause. Pure (semantics 8.4, architecture 4).

1. The strongest match decides; weaker matches never count, however many there are.
2. Equally strong matches are candidates: the first in the registry is shown, all are named.
3. If the break has several possible amounts, a cause must match each of them; else the cause is a candidate.
4. Across a gap, a cause that only the amount supports is a candidate at most.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import msgspec

from recon.display.figures import shown
from recon.reconciliation.causes.cause import CauseMatch, Strength
from recon.reconciliation.causes.context import BreakContext
from recon.reconciliation.causes.registry import CAUSES
from recon.reconciliation.causes.untested import UNEXPLAINED
from recon.reconciliation.model.break_ import CauseTried, Evidence

Certainty = Literal["exact", "inferred", "candidate"]

#: Pieces of evidence kept with a break.
MAX_EVIDENCE: Final = 8
#: Weaker than every match.
WEAKEST: Final = len(Strength) + 1
#: Amounts named in a note.
_MAX_NAMED: Final = 4


class Evaluation(msgspec.Struct, frozen=True):
    """The cause of a break, with everything that supports it and everything that was tried."""

    cause: str
    certainty: Certainty
    note: str
    evidence: list[Evidence]
    tried: list[CauseTried]
    #: The other breaks that support the cause, by id.
    supporting_breaks: tuple[str, ...] = ()
    #: The strength of the decisive match, WEAKEST if no cause matched.
    strength: int = WEAKEST
    #: The own order that supports the cause, and its last event.
    supporting_order: tuple[str, int] | None = None

    @property
    def fitting(self) -> list[str]:
        """Return every cause that matches, the decisive ones and weaker ones."""
        return [tried.cause for tried in self.tried if tried.fits]


def evaluate(context: BreakContext) -> Evaluation:
    """Return the cause of a break, with its certainty and evidence, and every cause that was tried."""
    evaluation = _evaluate(context)
    amounts = context.break_.amounts[1:]
    if not amounts:
        return evaluation
    others = _other_causes(context, evaluation.cause)
    listed = ", ".join(shown(amount) for amount in amounts[:_MAX_NAMED])
    named = f", and it {', '.join(others)}" if others else ""
    return msgspec.structs.replace(
        evaluation,
        certainty="candidate" if others or evaluation.certainty == "candidate" else "inferred",
        note=f"{evaluation.note}; the amount may also be {listed}{named}",
        tried=[others.get(tried.cause, tried) for tried in evaluation.tried],
    )


def _other_causes(context: BreakContext, cause: str) -> dict[str, CauseTried]:
    """Return the causes that other possible amounts of the break have."""
    others: dict[str, CauseTried] = {}
    for amount in context.break_.amounts[1:]:
        other = _evaluate(_with_amount(context, amount)).cause
        if other != cause:
            why = f"the amount may also be {shown(amount)}"
            others.setdefault(other, CauseTried(other, fits=True, why=why))
    return others


def _with_amount(context: BreakContext, amount: Decimal) -> BreakContext:
    break_ = context.break_
    expected = None if break_.reported is None else break_.reported - amount
    single = msgspec.structs.replace(break_, amounts=(amount,), expected=expected)
    return msgspec.structs.replace(context, break_=single)


def _evaluate(context: BreakContext) -> Evaluation:
    """Return the cause by the amount that is shown."""
    matches = _matches(context)
    tried = [CauseTried(code, match.strength is not None, match.why) for code, match in matches.items()]
    strongest = min((match.strength for match in matches.values() if match.strength is not None), default=None)
    circumstances = _circumstances(context)
    if strongest is None:
        return Evaluation(UNEXPLAINED.code, "candidate", _unexplained(context), circumstances[:MAX_EVIDENCE], tried)
    equals = [code for code, match in matches.items() if match.strength is strongest]
    first = matches[equals[0]]
    return Evaluation(
        cause=equals[0],
        certainty=_certainty(context, strongest, equals),
        note=_note(first, equals),
        evidence=[*first.evidence, *circumstances][:MAX_EVIDENCE],
        tried=tried,
        supporting_breaks=first.supporting_breaks,
        strength=strongest,
        supporting_order=first.supporting_order,
    )


def _matches(context: BreakContext) -> dict[str, CauseMatch]:
    """Run the tests of all causes that apply to this kind of unit, in the order of the registry."""
    return {
        cause.code: cause.test(context)
        for cause in CAUSES.values()
        if cause.test is not None and cause.applies_to in {None, context.break_.kind}
    }


def _certainty(context: BreakContext, strongest: Strength, equals: list[str]) -> Certainty:
    if len(equals) > 1 or (strongest is Strength.POSSIBLE and context.gap is not None):
        return "candidate"
    return "exact" if strongest is Strength.EXACT else "inferred"


def _note(first: CauseMatch, equals: list[str]) -> str:
    return first.why if len(equals) == 1 else f"may be {', '.join(equals)}: {first.why}"


def _unexplained(context: BreakContext) -> str:
    across = "" if context.gap is None else f"; it arose across a gap that began at event {context.gap.from_seq}"
    return f"nothing that is known fits{across}"


def _circumstances(context: BreakContext) -> list[Evidence]:
    """Return the evidence that every cause has: the report, the origin, and the gap."""
    break_ = context.break_
    evidence: list[Evidence] = []
    if break_.reported is not None and break_.expected is not None:
        text = f"reported {shown(break_.reported)}, the books and other breaks say {shown(break_.expected)}"
        # The figures are those of the last report, which may be a later one than the first that shows it.
        evidence.append(Evidence(text, break_.reported_seq or break_.until_seq, break_.amount))
    evidence.append(Evidence(f"it arose after event {break_.after_seq}, by event {break_.until_seq}", break_.after_seq))
    if context.gap is not None:
        until = "now" if context.gap.until_seq is None else f"event {context.gap.until_seq}"
        text = f"the account was not observed from event {context.gap.from_seq} until {until}: {context.gap.reason}"
        evidence.append(Evidence(text, context.gap.from_seq))
    return evidence
