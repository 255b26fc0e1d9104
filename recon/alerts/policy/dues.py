"""When a case is due to be reminded of, or to be escalated. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from recon.alerts.policy.rules import Policy
from recon.alerts.policy.state import Case

#: Most reminders of one case; then whoever was to hear them has not.
MAX_REMINDERS: Final = 500


def case_due(policy: Policy, case: Case) -> datetime | None:
    """Return when something is due of a case; None while somebody has it, or if nothing is.

    What a new policy would have done before it came into force is due in the past, so it is done at once.
    """
    if not case.subjects or case.taken_by or not case.pages:
        return None
    reminder, escalation = reminder_due(policy, case), escalation_due(policy, case)
    if reminder is None or escalation is None:
        return reminder if escalation is None else escalation
    return min(reminder, escalation)


def reminder_due(policy: Policy, case: Case) -> datetime | None:
    """Return when the next reminder is due by age alone; None if there is none."""
    after, every = policy.reminders.after, policy.reminders.every
    if case.reminded < len(after):
        return case.since + after[case.reminded]
    if every is None or case.reminded >= MAX_REMINDERS:
        return None
    last = after[-1] if after else every * 0
    return case.since + last + every * (case.reminded - len(after) + 1)


def escalation_due(policy: Policy, case: Case) -> datetime | None:
    """Return when the next escalation is due by age alone; None if there is none."""
    if case.escalated >= len(policy.escalations):
        return None
    return case.since + policy.escalations[case.escalated].after
