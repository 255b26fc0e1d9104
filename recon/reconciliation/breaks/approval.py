"""Four-eyes approval: which proposals need a second person, and whether they have one. Pure (semantics 10.1, 10.2).

1. A proposal is material if its case, or the account's total of approvals in the business day, exceeds `material_usd`.
   An amount without a USD value is material.
2. A material proposal needs two logins, of proposer and approver, both authenticated by the database.
3. An acceptance counts like an entry of the accepted amount: it silences the break up to that drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from recon.display.worth import worth
from recon.exact import ZERO
from recon.ledger.actor import Actor
from recon.ledger.rules import AccountRules
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.snapshot import amount_usd

_MINUTE_US: Final = 60_000_000
_DAY_US: Final = 1440 * _MINUTE_US


class ApprovalRequest(NamedTuple):
    """The amount of a break that is to be posted, or accepted."""

    context: ComparisonContext
    break_: Break
    amount: Decimal


def refusals(by: Actor, proposed: Sequence[tuple[ComparisonContext, Break]]) -> dict[str, str]:
    """Return, by break, why this person may not approve its proposal; all proposals count as one approval."""
    requests = [
        ApprovalRequest(context, break_, break_.proposal.entry)
        for context, break_ in proposed
        if break_.proposal is not None
    ]
    reasons, refused = material(requests), {}
    for _, break_, _ in requests:
        lacking = _lacks_second(by, break_)
        if break_.id in reasons and lacking is not None:
            refused[break_.id] = f"{reasons[break_.id]}, and {lacking}"
    return refused


def material(requests: Sequence[ApprovalRequest]) -> dict[str, str]:
    """Return, by break, why its request is material, if it is; all requests count as one."""
    amounts = {request.break_.id: request.amount for request in requests}
    asked_usd: dict[str, Decimal] = {}
    for context, _, amount in requests:
        usd = abs(amount_usd(context.unit, amount) or ZERO)
        asked_usd[context.account.name] = asked_usd.get(context.account.name, ZERO) + usd
    reasons: dict[tuple[str, str], str | None] = {}
    found: dict[str, str] = {}
    for context, break_, _ in requests:
        # All requests of one case have one reason: each case is summed up once.
        case = context.account.name, break_.case_id
        if case not in reasons:
            reasons[case] = _material_case(context, break_.case_id, amounts) or _material_day(
                context, asked_usd[context.account.name]
            )
        reason = reasons[case]
        if reason is not None:
            found[break_.id] = reason
    return found


def add_to_daily_total(context: ComparisonContext, amount: Decimal) -> None:
    """Add a posted or accepted amount to the account's total of the business day."""
    account, day = context.account, _day(context)
    account.approvals.add(day, abs(amount_usd(context.unit, amount) or ZERO))
    context.ledger.mark_changed(account)


def _material_case(context: ComparisonContext, case_id: str, amounts: Mapping[str, Decimal]) -> str | None:
    """Return why a case is material, None if it is not; `amounts` are the requested ones, by break."""
    limit, case_usd = context.rules.material_usd, ZERO
    for unit, open_break in context.open_breaks_of_case(case_id):
        usd = amount_usd(unit, max(open_break.amount, amounts.get(open_break.id, ZERO), key=abs))
        if usd is None:
            return f"no USD value of {unit.code} is known, so it is material"
        case_usd += abs(usd)
    if case_usd > limit:
        return f"its case comes to {worth(case_usd)}, above {worth(limit)}"
    return None


def _material_day(context: ComparisonContext, asked_usd: Decimal) -> str | None:
    """Return why the account's day is material with what is asked for now, None if it is not."""
    limit, account, day = context.rules.material_usd, context.account, _day(context)
    day_usd = account.approvals.of_day(day) + account.told.of_day(day) + asked_usd
    if day_usd > limit:
        return f"with it the account's approvals of the day are {worth(day_usd)}, above {worth(limit)}"
    return None


def _lacks_second(by: Actor, break_: Break) -> str | None:
    """Return why four eyes are missing, None if they are not."""
    proposal = break_.proposal
    if not by.authenticated:
        return f"{by.login} is a login that people share"
    if proposal is None or not proposal.authenticated:
        return "it was proposed under a login that people share"
    if proposal.login == by.login:
        return "who proposed it may not approve it"
    return None


def business_day(us: int, rules: AccountRules) -> int:
    """Return the business day of an account at a log time, in days since the epoch."""
    return (us - rules.cutoff_minute * _MINUTE_US) // _DAY_US


def _day(context: ComparisonContext) -> int:
    return business_day(context.at.us, context.rules)
