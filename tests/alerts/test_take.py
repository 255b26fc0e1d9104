"""A look of the policy that never fails: at a signal, or at what time has it do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
import pytest

from recon.alerts.policy.fold import decide
from recon.alerts.policy.model import Signal, Silence
from recon.alerts.policy.rules import Policy, Reminders, Route
from recon.alerts.policy.state import Decision, State
from recon.alerts.take import UNDUE, UNTAKEN, Decide, Look, take
from tests.support.alert_rows import GATEWAY, T0, Step

AT_ONCE: Final = Policy(("webhook:ops",), (Route("everything", (), send="page"),), group_wait=timedelta())
REMIND: Final = timedelta(hours=1)
WAITS: Final = msgspec.structs.replace(
    AT_ONCE, group_wait=timedelta(seconds=30), burst=99, reminders=Reminders((REMIND,))
)


def faulty(
    state: State, policy: Policy, signals: Sequence[Signal], silences: Sequence[Silence], now: datetime
) -> Decision:
    """A policy with a defect: it fails at one break, after it has changed its memory."""
    if any(signal.subject == "b2" for signal in signals):
        state.cases.clear()
        raise ZeroDivisionError("a defect")
    return decide(state, policy, signals, silences, now)


def test_what_the_policy_cannot_take_is_told_plainly_and_the_rest_as_ever() -> None:
    signals = [Step(break_id=f"b{n}", case_id=f"c{n}", seq=n).signal().signal for n in (1, 2, 3)]
    taken = take(faulty, b"", signals, Look(AT_ONCE, (), T0))
    assert [(message.cases[0][1], message.kind) for message in taken.messages] == [
        ("c1", "firing"), ("c2", "notice"), ("c3", "firing"),
    ]  # fmt: skip
    assert taken.messages[1].reason == UNTAKEN
    assert taken.failures == (f"{signals[1].id}: ZeroDivisionError: a defect",)
    assert sorted(json.loads(taken.state)["cases"]) == [f"{GATEWAY}\x1fc1", f"{GATEWAY}\x1fc3"]
    assert take(faulty, b"", signals, Look(AT_ONCE, (), T0)) == taken


def test_a_policy_that_fails_at_the_time_alone_says_so() -> None:
    def late(*given: object) -> Decision:
        raise ZeroDivisionError("a defect")

    with pytest.raises(ZeroDivisionError):
        take(late, b"", [], Look(AT_ONCE, (), T0))


def at_time(*at_fault: str) -> Decide:
    """Return a policy with a defect at what is due of these cases: it waits in a batch, or is a reminder."""

    def late(
        state: State, policy: Policy, signals: Sequence[Signal], silences: Sequence[Silence], now: datetime
    ) -> Decision:
        waiting = {entry.case_id for each in state.batches.values() if each.due <= now for entry in each.entries}
        aged = {each.case_id for each in state.cases.values() if each.pages and now >= each.since + REMIND}
        if not signals and (waiting | aged).intersection(at_fault):
            state.cases.clear()
            raise ZeroDivisionError("a defect")
        return decide(state, policy, signals, silences, now)

    return late


def waiting_of(gateways: Sequence[str]) -> bytes:
    steps = [Step(break_id=f"b{n}", case_id=f"c{n}", seq=n).signal().signal for n, _ in enumerate(gateways)]
    signals = [msgspec.structs.replace(each, gateway=name) for each, name in zip(steps, gateways, strict=True)]
    return take(decide, b"", signals, Look(WAITS, (), T0)).state


def test_a_batch_at_which_the_policy_fails_is_sent_as_it_is_and_the_others_as_ever() -> None:
    state = waiting_of(["g0", "g1", "g2"])
    look = Look(WAITS, (), T0 + timedelta(minutes=1))
    taken = take(at_time("c1"), state, [], look)
    said = {message.cases[0][1]: (message.kind, message.reason == UNDUE) for message in taken.messages}
    assert said == {"c0": ("firing", False), "c1": ("notice", True), "c2": ("firing", False)}
    assert taken.failures == ("what was due: ZeroDivisionError: a defect",)
    assert json.loads(taken.state)["batches"] == {}
    assert take(at_time("c1"), state, [], look) == taken, "the ids stay"


def test_what_fails_at_several_is_told_of_all_that_was_due() -> None:
    taken = take(at_time("c0", "c2"), waiting_of(["g0", "g1", "g2"]), [], Look(WAITS, (), T0 + timedelta(minutes=1)))
    assert [message.cases[0][1] for message in taken.messages if message.reason == UNDUE] == ["c0", "c1", "c2"]


def test_a_case_at_whose_reminder_the_policy_fails_is_prompted_for_no_more() -> None:
    told = take(decide, waiting_of(["g0", "g1"]), [], Look(WAITS, (), T0 + timedelta(minutes=1))).state
    late = at_time("c1")
    taken = take(late, told, [], Look(WAITS, (), T0 + REMIND * 1.5))
    assert [(message.kind, message.cases[0][1]) for message in taken.messages] == [("reminder", "c0")]
    assert taken.failures == ("what was due: ZeroDivisionError: a defect",)
    taken = take(late, taken.state, [], Look(WAITS, (), T0 + REMIND * 3))
    assert not taken.failures, "time goes on"
