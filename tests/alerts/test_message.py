"""Grouping, ids and bodies of messages; pauses between attempts."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from recon.alerts.message import MAX_MESSAGE_BYTES, MAX_MESSAGE_ENTRIES, Entry, compose, fitting, message_id
from recon.alerts.retry import FIRST_PAUSE, FIRST_SLOW_PAUSE, LAST_PAUSE, MAX_ATTEMPTS, pause
from recon.errors import DeliveryError
from tests.support.alert_rows import T0


def entries(count: int, size: int = 2) -> list[Entry]:
    return [Entry(f"a{n}", T0 + timedelta(seconds=n), json.dumps("x" * (size - 2))) for n in range(count)]


def test_the_same_entries_make_the_same_message() -> None:
    made = [
        compose(chosen, gateway="g", channel="webhook:ops", event="break.opened", case_id="c1", attempt=attempt)
        for attempt, chosen in enumerate((entries(3), entries(3)), 1)
    ]
    assert made[0].id == made[1].id == message_id(["a2", "a0", "a1"])
    assert made[0].body == made[1].body
    assert made[0].id != message_id(["a0", "a1"])


def test_the_body_carries_the_documents_as_they_were_written() -> None:
    document = '{ "amount" : "-10.50",  "b":1 }'
    body = compose(
        [Entry("a", T0, document)], gateway="g", channel="c", event="break.opened", case_id="c1", attempt=1
    ).body
    assert document in body
    assert json.loads(body) == {
        "type": "break.opened",
        "timestamp": "2026-01-05T09:30:00Z",
        "data": {"gateway": "g", "case_id": "c1", "count": 1, "alerts": [{"amount": "-10.50", "b": 1}]},
    }


def test_a_message_is_bounded_in_entries_and_bytes() -> None:
    assert len(fitting(entries(MAX_MESSAGE_ENTRIES + 1))) == MAX_MESSAGE_ENTRIES
    assert len(fitting(entries(10, MAX_MESSAGE_BYTES // 4))) == 4
    assert len(fitting(entries(2, MAX_MESSAGE_BYTES * 2))) == 1, "one that is too large goes alone, not never"


@pytest.mark.parametrize("slow", [False, True])
def test_pauses_double_up_to_the_longest_and_are_jittered(slow: bool) -> None:
    error = DeliveryError("no")
    error.slow = slow
    first = FIRST_SLOW_PAUSE if slow else FIRST_PAUSE
    highest = [pause(n, error, lambda: 1.0) for n in range(1, MAX_ATTEMPTS + 1)]
    lowest = [pause(n, error, lambda: 0.0) for n in range(1, MAX_ATTEMPTS + 1)]
    assert highest[:3] == [first, 2 * first, 4 * first]
    assert highest[-1] == LAST_PAUSE
    assert [2 * low for low in lowest] == highest
    assert timedelta(days=1) < sum(lowest, timedelta())
    assert sum(highest, timedelta()) < timedelta(days=3)


@pytest.mark.parametrize(
    ("asked", "waits"), [(None, 1.0), (0.0, 1.0), (-5.0, 1.0), (30.0, 30.0), (1e12, LAST_PAUSE.total_seconds())]
)
def test_what_the_receiver_asks_for_is_heard_within_the_bound(asked: float | None, waits: float) -> None:
    error = DeliveryError("busy")
    error.retry_after = asked
    assert pause(1, error, lambda: 0.0) == timedelta(seconds=waits)
