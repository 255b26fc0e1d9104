"""What needs a second person, and whether it has one. Pure (semantics 10.1, 10.2).

1. Material is what is above the account's `material_usd`: the case as it stands, or what was approved or accepted of
   the account in its business day with what is to be now. What has no USD value is material.
2. Who proposes and who approves what is material are two logins, both authenticated by the database.
3. To live with a break silences it up to the drift that is accepted, so that counts like an entry of this amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from recon.exact import ZERO, plain
from recon.ledger.actor import Person
from recon.reconciliation.context import Subject
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.snapshot import amount_usd

_MINUTE_US: Final = 60_000_000
_DAY_US: Final = 1440 * _MINUTE_US


class Sought(NamedTuple):
    """How much of a break is to be booked, or lived with."""

    subject: Subject
    known: Break
    amount: Decimal


def refusals(by: Person, proposed: Sequence[tuple[Subject, Break]]) -> dict[str, str]:
    """Return, by break, why this person may not approve what is proposed; together they count as one approval."""
    sought = [Sought(subject, known, known.proposal.entry) for subject, known in proposed if known.proposal is not None]
    reasons, refused = material(sought), {}
    for _, known, _ in sought:
        lacking = _lacks_second(by, known)
        if known.id in reasons and lacking is not None:
            refused[known.id] = f"{reasons[known.id]}, and {lacking}"
    return refused


def material(sought: Sequence[Sought]) -> dict[str, str]:
    """Return, by break, why what is sought is material, if it is; together they count as one."""
    reasons = ((each.known.id, _material(each, sought)) for each in sought)
    return {known: reason for known, reason in reasons if reason is not None}


def count(subject: Subject, amount: Decimal) -> None:
    """Add what is booked or lived with to its account's business day."""
    account, day = subject.account, _day(subject)
    before = account.approved_usd if account.approved_day == day else ZERO
    account.approved_day, account.approved_usd = day, before + abs(amount_usd(subject.unit, amount) or ZERO)
    subject.book.touch(account)


def _material(one: Sought, sought: Sequence[Sought]) -> str | None:
    """Return why one of what is sought is material, None where it is not."""
    subject, known, _ = one
    limit, account = subject.rules.material_usd, subject.account
    amounts = {each.known.id: each.amount for each in sought}
    case = ZERO
    for unit, other in subject.open_breaks():
        if other.case_id != known.case_id:
            continue
        usd = amount_usd(unit, max(other.amount, amounts.get(other.id, ZERO), key=abs))
        if usd is None:
            return f"no USD value of {unit.code} is known, so it is material"
        case += abs(usd)
    if case > limit:
        return f"its case comes to {plain(case)} USD, above {plain(limit)}"
    day = account.approved_usd if account.approved_day == _day(subject) else ZERO
    for each in sought:
        if each.subject.unit.account == account.name:
            day += abs(amount_usd(each.subject.unit, each.amount) or ZERO)
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
