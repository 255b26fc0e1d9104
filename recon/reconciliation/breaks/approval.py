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
from recon.ledger.actor import Actor
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.snapshot import amount_usd

_MINUTE_US: Final = 60_000_000
_DAY_US: Final = 1440 * _MINUTE_US


class ApprovalRequest(NamedTuple):
    """How much of a break is to be booked, or lived with."""

    subject: ComparisonContext
    known: Break
    amount: Decimal


def refusals(by: Actor, proposed: Sequence[tuple[ComparisonContext, Break]]) -> dict[str, str]:
    """Return, by break, why this person may not approve what is proposed; together they count as one approval."""
    sought = [
        ApprovalRequest(context, known, known.proposal.entry)
        for context, known in proposed
        if known.proposal is not None
    ]
    reasons, refused = material(sought), {}
    for _, known, _ in sought:
        lacking = _lacks_second(by, known)
        if known.id in reasons and lacking is not None:
            refused[known.id] = f"{reasons[known.id]}, and {lacking}"
    return refused


def material(sought: Sequence[ApprovalRequest]) -> dict[str, str]:
    """Return, by break, why what is sought is material, if it is; together they count as one."""
    reasons = ((each.known.id, _material(each, sought)) for each in sought)
    return {known: reason for known, reason in reasons if reason is not None}


def add_to_daily_total(context: ComparisonContext, amount: Decimal) -> None:
    """Add what is booked or lived with to its account's business day."""
    account, day = context.account, _day(context)
    before = account.approved_usd if account.approved_day == day else ZERO
    account.approved_day, account.approved_usd = day, before + abs(amount_usd(context.unit, amount) or ZERO)
    context.ledger.mark_changed(account)


def _material(one: ApprovalRequest, sought: Sequence[ApprovalRequest]) -> str | None:
    """Return why one of what is sought is material, None where it is not."""
    context, known, _ = one
    limit, account = context.rules.material_usd, context.account
    amounts = {each.known.id: each.amount for each in sought}
    case = ZERO
    for unit, other in context.open_breaks():
        if other.case_id != known.case_id:
            continue
        usd = amount_usd(unit, max(other.amount, amounts.get(other.id, ZERO), key=abs))
        if usd is None:
            return f"no USD value of {unit.code} is known, so it is material"
        case += abs(usd)
    if case > limit:
        return f"its case comes to {plain(case)} USD, above {plain(limit)}"
    day = account.approved_usd if account.approved_day == _day(context) else ZERO
    for each in sought:
        if each.subject.unit.account == account.name:
            day += abs(amount_usd(each.subject.unit, each.amount) or ZERO)
    if day > limit:
        return f"with it the account's approvals of the day are {plain(day)} USD, above {plain(limit)}"
    return None


def _lacks_second(by: Actor, known: Break) -> str | None:
    """Return what is missing of four eyes, None where nothing is."""
    proposal = known.proposal
    if not by.authenticated:
        return f"{by.login} is a login that people share"
    if proposal is None or not proposal.authenticated:
        return "it was proposed under a login that people share"
    if proposal.login == by.login:
        return "who proposed it may not approve it"
    return None


def _day(context: ComparisonContext) -> int:
    return (context.at.us - context.rules.cutoff_minute * _MINUTE_US) // _DAY_US
