"""Why a case was told, and what another policy would have sent."""

from __future__ import annotations

from datetime import date, timedelta

from recon.alerts.policy.history import History, Sent, what_if, why
from recon.alerts.policy.model import Silence
from recon.alerts.policy.rules import Policy, Reminders, Route
from tests.alerts.policy.scripts import T0, after, signal

BEFORE = Policy(("desk",), reminders=Reminders((timedelta(hours=1),)))
NOW = Policy(("desk", "duty"), reminders=Reminders((timedelta(hours=3),)))
LOOKS = [
    (T0, (signal(1, case="c1"), signal(2, case="other"))),
    (after(hours=4), (signal(3, "taken_up", case="c1", actor="ann"),)),
    (after(hours=5), (signal(4, case="c2"),)),
    (after(hours=7), (signal(5, "ends", case="c1"),)),
]
HISTORY = History(LOOKS, [(T0, BEFORE), (after(hours=2), NOW)])


def test_why_tells_the_steps_of_one_case_under_the_policies_of_their_time() -> None:
    steps = why(HISTORY, "g", "c1", after(hours=8))
    assert [(step.kind, step.channel, step.at) for step in steps] == [
        ("sent", "desk", after(seconds=1)),
        ("sent", "desk", after(hours=1, seconds=1)),
        ("acknowledged", "", after(hours=4)),
        ("ended", "", after(hours=7)),
        ("sent", "desk", after(hours=7, seconds=1)),
    ]
    assert steps[1].reason == "reminder 1: nobody took it up in 1h"
    assert {step.case_id for step in steps} == {"c1"}


def test_why_ends_at_the_time_that_is_asked_for() -> None:
    assert [step.kind for step in why(HISTORY, "g", "c1", after(minutes=30))] == ["sent"]
    assert why(HISTORY, "g", "c1", T0 - timedelta(hours=1)) == []


def test_a_silence_is_in_the_steps() -> None:
    hushed = Silence("s1", T0, after(hours=2), "ann", "known", case_id="c1")
    steps = why(History(LOOKS, [(T0, BEFORE)], [hushed]), "g", "c1", after(hours=3))
    assert [step.kind for step in steps] == ["silenced", "sent"]


def test_what_if_counts_the_messages_of_another_policy() -> None:
    quiet = Policy(("desk", "mail"), routes=(Route("mail", ("mail",), send="digest"),))
    assert what_if(HISTORY, quiet, after(days=2)) == [Sent(date(2026, 3, 29), "mail", "digest", 1)]
    louder = Policy(("desk",), reminders=Reminders((timedelta(hours=1),), timedelta(hours=1)))
    assert what_if(HISTORY, louder, after(hours=4)) == [
        Sent(date(2026, 3, 28), "desk", "firing", 2),
        Sent(date(2026, 3, 28), "desk", "reminder", 6),
    ]
