"""What a venue answered, as amounts of the units that the books know. Pure (semantics 5.12).

1. Amounts of one unit are one: both legs of a hedged contract, and the members of a pool.
2. Where the venue lists all that it holds, each known unit that it does not list is told as zero.
3. An id names log position and place, so no amount is told twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from recon.exact import ZERO
from recon.ledger.facts.external_fact import ExternalFact, held_of
from recon.ledger.facts.venue_answer import VenueAnswer, id_in_answer
from recon.ledger.ledger import Ledger
from recon.reconciliation.sources.checks import known_unit
from recon.times import LogTime


def facts_of_answer(ledger: Ledger, answer: VenueAnswer, at: LogTime) -> Iterator[ExternalFact]:
    """Yield what an answer says was held, each amount once; of an account that is not known, the first alone."""
    if not answer.holds:
        return
    known_account = answer.account in ledger.accounts
    sums: dict[str, Decimal] = {}
    for held in answer.amounts:
        unit = _code_of(ledger, answer, held.unit) if known_account else held.unit
        sums[unit] = sums.get(unit, ZERO) + held.amount
    absent = _not_listed(ledger, answer, sums) if answer.complete and known_account else []
    told = [(unit, amount, False) for unit, amount in sums.items()] + [(unit, ZERO, True) for unit in absent]
    for number, (unit, amount, is_absent) in enumerate(told if known_account else told[:1]):
        yield answer.held(unit, amount, id_in_answer(at.seq, number), absent=is_absent)


def _code_of(ledger: Ledger, answer: VenueAnswer, unit: str) -> str:
    """Return the code of the books for the code of a venue; the venue's own where the books know no such unit."""
    state = known_unit(ledger, held_of(answer.held(unit, ZERO, "")))
    return unit if state is None else state.unit.code


def _not_listed(ledger: Ledger, answer: VenueAnswer, sums: dict[str, Decimal]) -> list[str]:
    of_kind = (state.unit.code for state in ledger.units_of(answer.account) if state.unit.kind == answer.unit_kind)
    return sorted(code for code in of_kind if code not in sums)
