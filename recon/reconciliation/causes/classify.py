"""From opinions to a judgement: the surest cause that fits decides. Pure (semantics 8.4, architecture 4).

1. The strongest opinion decides; a weaker one never takes part, however many there are.
2. Several causes that fit equally well are candidates: the first of the table is shown, all are named.
3. Where the amount itself is one of several, a cause must hold for each of them, or is a candidate.
4. Where the account was not observed, what only the amount speaks for is no more than a candidate.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import plain
from recon.reconciliation.causes import derivatives, fees, fills, integrity, mapping, moves, periodic, small
from recon.reconciliation.causes.context import CaseContext, Certainty, Hypothesis, Opinion, Strength
from recon.reconciliation.model import cause_codes
from recon.reconciliation.model.break_ import Evidence, Tried

#: The hypotheses, in the order of `codes.CAUSES`.
HYPOTHESES: Final[dict[str, Hypothesis]] = {
    cause_codes.INCONSISTENT_REPORT: integrity.inconsistent_report,
    cause_codes.MISSED_FILL_GAP: fills.missed_fill_gap,
    cause_codes.MISSED_FILL: fills.missed_fill,
    cause_codes.EXTERNAL_ORDER: fills.external_order,
    cause_codes.FEE_EXPECTED: fees.fee_expected,
    cause_codes.FEE_VARIANCE: fees.fee_variance,
    cause_codes.FEE_THIRD_ASSET: fees.fee_third_asset,
    cause_codes.REBATE: fees.rebate,
    cause_codes.FUNDING: periodic.funding,
    cause_codes.INTEREST: periodic.interest,
    cause_codes.REWARD: periodic.reward,
    cause_codes.CONVERSION: moves.conversion,
    cause_codes.DEPOSIT: moves.deposit,
    cause_codes.WITHDRAWAL: moves.withdrawal,
    cause_codes.TRANSFER: moves.transfer,
    cause_codes.LIQUIDATION: derivatives.liquidation,
    cause_codes.ADL: derivatives.adl,
    cause_codes.EXPIRY: derivatives.expiry,
    cause_codes.UNIT_OR_SIDE: mapping.unit_or_side,
    cause_codes.ROUNDING: small.rounding,
    cause_codes.DUST: small.dust,
    cause_codes.UNMAPPED: mapping.unmapped,
}
#: What cannot be of a contract, and of an asset that no contract settles in; not even tried.
_OF_ASSETS: Final = frozenset(
    {
        cause_codes.INCONSISTENT_REPORT,
        cause_codes.FEE_EXPECTED,
        cause_codes.FEE_VARIANCE,
        cause_codes.FEE_THIRD_ASSET,
        cause_codes.REBATE,
        cause_codes.FUNDING,
        cause_codes.INTEREST,
        cause_codes.REWARD,
        cause_codes.CONVERSION,
        cause_codes.DEPOSIT,
        cause_codes.WITHDRAWAL,
        cause_codes.TRANSFER,
        cause_codes.UNMAPPED,
    }
)
_CERTAINTY: Final[dict[Strength, Certainty]] = {Strength.EXACT: "exact"}
#: Pieces of evidence kept with a break.
MAX_EVIDENCE: Final = 8
#: Weaker than anything that fits.
WEAKEST: Final = len(Strength) + 1
#: Amounts named in a note.
_MAX_NAMED: Final = 4


class Judgement(msgspec.Struct, frozen=True):
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


def classify(case: CaseContext) -> Judgement:
    """Name the cause of a break, with its certainty and evidence, and everything that was tried."""
    judgement = _judge(case)
    amounts = case.own.amounts[1:]
    if not amounts:
        return judgement
    certainty: Certainty = "inferred" if judgement.certainty == "exact" else judgement.certainty
    also: dict[str, str] = {}
    for amount in amounts:
        other = _judge(_with_amount(case, amount)).cause
        if other != judgement.cause:
            certainty = "candidate"
            also.setdefault(other, f"the amount may also be {plain(amount)}")
    tried = [
        Tried(each.cause, fits=True, why=also[each.cause]) if each.cause in also else each for each in judgement.tried
    ]
    listed = ", ".join(plain(amount) for amount in amounts[:_MAX_NAMED])
    note = f"{judgement.note}; the amount may also be {listed}" + (f", and it {', '.join(also)}" if also else "")
    return msgspec.structs.replace(judgement, certainty=certainty, note=note, tried=tried)


def _with_amount(case: CaseContext, amount: Decimal) -> CaseContext:
    """Return the case with one amount alone."""
    own = case.own
    expected = None if own.reported is None else own.reported - amount
    return msgspec.structs.replace(case, own=msgspec.structs.replace(own, amounts=(amount,), expected=expected))


def _judge(case: CaseContext) -> Judgement:
    opinions = [hold(case) for cause, hold in HYPOTHESES.items() if case.own.kind == "asset" or cause not in _OF_ASSETS]
    tried = [Tried(opinion.cause, opinion.strength is not None, opinion.why) for opinion in opinions]
    fitting = [opinion for opinion in opinions if opinion.strength is not None]
    evidence = _circumstances(case)
    if not fitting:
        return Judgement(cause_codes.UNEXPLAINED, "candidate", _unexplained(case), evidence[:MAX_EVIDENCE], tried)
    surest = min(opinion.strength for opinion in fitting if opinion.strength is not None)
    equals = [opinion for opinion in fitting if opinion.strength is surest]
    first = equals[0]
    return Judgement(
        first.cause,
        _certainty(case, surest, equals),
        _note(equals),
        [*first.evidence, *evidence][:MAX_EVIDENCE],
        tried,
        first.partners,
        surest,
        first.order,
    )


def _certainty(case: CaseContext, surest: Strength, equals: list[Opinion]) -> Certainty:
    if len(equals) > 1 or (surest is Strength.POSSIBLE and case.gap is not None):
        return "candidate"
    return _CERTAINTY.get(surest, "inferred")


def _note(equals: list[Opinion]) -> str:
    words = equals[0].why
    return words if len(equals) == 1 else f"may be {', '.join(opinion.cause for opinion in equals)}: {words}"


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
