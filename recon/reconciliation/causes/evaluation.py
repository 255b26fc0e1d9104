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

from recon.exact import plain
from recon.reconciliation.causes.cause import CauseMatch, Strength
from recon.reconciliation.causes.context import CaseContext
from recon.reconciliation.causes.registry import CAUSES
from recon.reconciliation.causes.untested import UNEXPLAINED
from recon.reconciliation.model.break_ import Evidence, Tried

Certainty = Literal["exact", "inferred", "candidate"]

#: Pieces of evidence kept with a break.
MAX_EVIDENCE: Final = 8
#: Weaker than anything that fits.
WEAKEST: Final = len(Strength) + 1
#: Amounts named in a note.
_MAX_NAMED: Final = 4


class Evaluation(msgspec.Struct, frozen=True):
    """Why a break is there; `partners` are the breaks whose amounts it rests on."""

    cause: str
    certainty: Certainty
    note: str
    evidence: list[Evidence]
    tried: list[Tried]
    partners: tuple[str, ...] = ()
    #: The strength of what decided, WEAKEST where nothing did.
    strength: int = WEAKEST
    #: The order of ours that it rests on, and where that was last heard of.
    order: tuple[str, int] | None = None

    @property
    def fitting(self) -> list[str]:
        """Return every cause that fits, the decisive ones and weaker ones."""
        return [tried.cause for tried in self.tried if tried.fits]


def evaluate(case: CaseContext) -> Evaluation:
    """Name the cause of a break, with its certainty and evidence, and everything that was tried."""
    evaluation = _evaluate(case)
    amounts = case.own.amounts[1:]
    if not amounts:
        return evaluation
    certainty: Certainty = "inferred" if evaluation.certainty == "exact" else evaluation.certainty
    also: dict[str, str] = {}
    for amount in amounts:
        other = _evaluate(_with_amount(case, amount)).cause
        if other != evaluation.cause:
            certainty = "candidate"
            also.setdefault(other, f"the amount may also be {plain(amount)}")
    tried = [
        Tried(each.cause, fits=True, why=also[each.cause]) if each.cause in also else each for each in evaluation.tried
    ]
    listed = ", ".join(plain(amount) for amount in amounts[:_MAX_NAMED])
    note = f"{evaluation.note}; the amount may also be {listed}" + (f", and it {', '.join(also)}" if also else "")
    return msgspec.structs.replace(evaluation, certainty=certainty, note=note, tried=tried)


def _with_amount(case: CaseContext, amount: Decimal) -> CaseContext:
    """Return the case with one amount alone."""
    own = case.own
    expected = None if own.reported is None else own.reported - amount
    return msgspec.structs.replace(case, own=msgspec.structs.replace(own, amounts=(amount,), expected=expected))


def _evaluate(case: CaseContext) -> Evaluation:
    matches = _matches(case)
    tried = [Tried(code, match.strength is not None, match.why) for code, match in matches.items()]
    strongest = min((match.strength for match in matches.values() if match.strength is not None), default=None)
    evidence = _circumstances(case)
    if strongest is None:
        return Evaluation(UNEXPLAINED.code, "candidate", _unexplained(case), evidence[:MAX_EVIDENCE], tried)
    equals = [code for code, match in matches.items() if match.strength is strongest]
    first = matches[equals[0]]
    return Evaluation(
        equals[0],
        _certainty(case, strongest, equals),
        _note(first, equals),
        [*first.evidence, *evidence][:MAX_EVIDENCE],
        tried,
        first.partners,
        strongest,
        first.order,
    )


def _matches(case: CaseContext) -> dict[str, CauseMatch]:
    """Run the tests of all causes that apply to this kind of unit, in the order of the registry."""
    return {
        cause.code: cause.test(case)
        for cause in CAUSES.values()
        if cause.test is not None and cause.applies_to in (None, case.own.kind)
    }


def _certainty(case: CaseContext, strongest: Strength, equals: list[str]) -> Certainty:
    if len(equals) > 1 or (strongest is Strength.POSSIBLE and case.gap is not None):
        return "candidate"
    return "exact" if strongest is Strength.EXACT else "inferred"


def _note(first: CauseMatch, equals: list[str]) -> str:
    return first.why if len(equals) == 1 else f"may be {', '.join(equals)}: {first.why}"


def _unexplained(case: CaseContext) -> str:
    across = "" if case.gap is None else f"; it arose across a gap that began at event {case.gap.from_seq}"
    return f"nothing that is known fits{across}"


def _circumstances(case: CaseContext) -> list[Evidence]:
    """Return what is so whatever the cause: what was reported, where it arose, and what was not observed then."""
    own = case.own
    found: list[Evidence] = []
    if own.reported is not None and own.expected is not None:
        text = f"reported {plain(own.reported)}, the books and other breaks say {plain(own.expected)}"
        found.append(Evidence(text, own.until_seq, own.amount))
    found.append(Evidence(f"it arose after event {own.after_seq}, by event {own.until_seq}", own.after_seq))
    if case.gap is not None:
        until = "now" if case.gap.until_seq is None else f"event {case.gap.until_seq}"
        text = f"the account was not observed from event {case.gap.from_seq} until {until}: {case.gap.reason}"
        found.append(Evidence(text, case.gap.from_seq))
    return found
