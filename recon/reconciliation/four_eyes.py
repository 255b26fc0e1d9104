"""When an approval needs a second person, and whether it has one. Pure (semantics 10.1, 10.2).

1. Material is what is above the account's `material_usd`: the case as it stands, or what was approved of the account in
   its business day with what is to be approved now. What has no USD value is material.
2. Who proposes and who approves what is material are two logins, both authenticated by the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from recon.books.people import Person
from recon.exact import ZERO, plain
from recon.reconciliation.facts import amount_usd
from recon.reconciliation.state import Break
from recon.reconciliation.subject import Subject

_MINUTE_US: Final = 60_000_000
_DAY_US: Final = 1440 * _MINUTE_US


def refusals(by: Person, proposed: Sequence[tuple[Subject, Break]]) -> dict[str, str]:
    """Return, by break, why this person may not approve what is proposed; together they count as one approval."""
    refused: dict[str, str] = {}
    for subject, known in proposed:
        material = _material(subject, known, proposed)
        reason = None if material is None else _lacks_second(by, known)
        if reason is not None:
            refused[known.id] = f"{material}, and {reason}"
    return refused


def count(subject: Subject, entry: Decimal) -> None:
    """Add an approved entry to its account's business day."""
    account, day = subject.account, _day(subject)
    before = account.approved_usd if account.approved_day == day else ZERO
    account.approved_day, account.approved_usd = day, before + abs(amount_usd(subject.unit, entry) or ZERO)
    subject.book.touch(account)


def _material(subject: Subject, known: Break, proposed: Sequence[tuple[Subject, Break]]) -> str | None:
    """Return why an approval is material, None where it is not."""
    limit, account = subject.rules.material_usd, subject.account
    case = ZERO
    for unit, other in subject.open_breaks():
        if other.case_id != known.case_id:
            continue
        usd = amount_usd(unit, other.amount)
        if usd is None:
            return f"no USD value of {unit.code} is known, so it is material"
        case += abs(usd)
    if case > limit:
        return f"its case is of {plain(case)} USD, above {plain(limit)}"
    day = account.approved_usd if account.approved_day == _day(subject) else ZERO
    for other_subject, other in proposed:
        if other_subject.unit.account == account.name and other.proposal is not None:
            day += abs(amount_usd(other_subject.unit, other.proposal.entry) or ZERO)
    if day > limit:
        return f"with it the account's approvals of the day are {plain(day)} USD, above {plain(limit)}"
    return None


def _lacks_second(by: Person, known: Break) -> str | None:
    """Return what is missing of four eyes, None where nothing is."""
    proposal = known.proposal
    if not by.authenticated:
        return f"{by.login} is a login that people share"
    if proposal is None or not proposal.authenticated:
        return "it was proposed under a login that people share"
    if proposal.login == by.login:
        return "who proposed it may not approve it"
    return None


def _day(subject: Subject) -> int:
    return (subject.at.us - subject.rules.cutoff_minute * _MINUTE_US) // _DAY_US
