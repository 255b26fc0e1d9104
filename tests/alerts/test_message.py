"""Ids and bodies of messages; pauses between attempts, and rests of a channel."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from recon.alerts.message import MAX_MESSAGE_BYTES, MAX_MESSAGE_ENTRIES, CaseNumber, Told, compose, id_of
from recon.alerts.policy.model import Outgoing
from recon.alerts.retry import (
    CIRCUIT_FAILURES,
    FIRST_PAUSE,
    FIRST_REST,
    FIRST_SLOW_PAUSE,
    LAST_PAUSE,
    LAST_REST,
    MAX_ATTEMPTS,
    pause,
    rest,
)
from recon.errors import DeliveryError
from tests.support.alert_rows import T0, Step

CASE = CaseNumber("g", "c1", 3)


def outgoing(signals: int, *cases: tuple[str, str]) -> Outgoing:
    ids = tuple(f"a{number}" for number in range(signals))
    return Outgoing("m1", "webhook:ops", "firing", T0, ids, cases or (("g", "c1"),), "route default")


def told(*documents: str | None) -> list[Told]:
    return [Told(f"a{n}", "break.opened", T0 + timedelta(seconds=n), text) for n, text in enumerate(documents)]


def test_an_id_is_of_the_entries_whatever_their_order() -> None:
    assert id_of(["a2", "a0", "a1"]) == id_of(["a0", "a1", "a2"]) != id_of(["a0", "a1"])


def test_the_body_carries_the_documents_as_they_were_written() -> None:
    document = '{ "amount" : "-10.50",  "b":1 }'
    event, body = compose(outgoing(1), told(document), [CASE], {"missed_fill": "right 200 times of 200"})
    assert (event, document in body) == ("break.opened", True)
    assert json.loads(body) == {
        "type": "break.opened",
        "timestamp": "2026-01-05T09:30:00Z",
        "data": {
            "kind": "firing",
            "gateway": "g",
            "case_id": "c1",
            "case_seq": 3,
            "cases": [],
            "case_count": 1,
            "reason": "route default",
            "held": 0,
            "precision": {"missed_fill": "right 200 times of 200"},
            "count": 1,
            "alerts": [{"amount": "-10.50", "b": 1}],
            "more": None,
        },
    }


def test_a_message_of_several_cases_names_each_with_its_number() -> None:
    cases = [CASE, CaseNumber("h", "c2", 1)]
    _, body = compose(outgoing(2, ("g", "c1"), ("h", "c2")), told("{}", "{}"), cases, {})
    data = json.loads(body)["data"]
    assert (data["gateway"], data["case_id"], data["case_seq"], data["case_count"]) == (None, None, None, 2)
    assert data["cases"] == [
        {"gateway": "g", "case_id": "c1", "case_seq": 3},
        {"gateway": "h", "case_id": "c2", "case_seq": 1},
    ]


def test_what_the_policy_says_of_itself_tells_of_no_signal() -> None:
    notice = Outgoing("m1", "webhook:ops", "notice", T0, (), (), "the page budget is used up")
    event, body = compose(notice, [], [], {})
    said = json.loads(body)
    assert (event, said["timestamp"], said["data"]["count"]) == ("policy.notice", "2026-01-05T09:30:00Z", 0)
    assert said["data"]["reason"] == "the page budget is used up"


def test_what_was_removed_since_is_counted_and_said_to_be_missing() -> None:
    data = json.loads(compose(outgoing(2), told("{}", None), [CASE], {})[1])["data"]
    assert (data["count"], data["alerts"], data["more"]) == (2, [{}], "recon alerts show m1")


@pytest.mark.parametrize("filler", ["x", "\x01", '"', "€", "\U0001d518"])
@pytest.mark.parametrize("count", [1, 7, 150])
@pytest.mark.parametrize("length", [10, 800, 100_000])
def test_a_message_stays_below_the_bound_whatever_it_tells(filler: str, count: int, length: int) -> None:
    long = filler * length
    documents = [Step(note=long, account=long, unit=long, seq=n).signal().document.decode() for n in range(count)]
    cases = [(long, f"{long}{n}") for n in range(count)]
    message = Outgoing("m" * 40, "webhook:ops", "digest", T0, (), tuple(cases), long)
    numbers = [CaseNumber(*case, 10**9) for case in cases[:40]]
    _, body = compose(message, told(*documents), numbers, {f"cause_{n}": "right 200 times of 200" for n in range(30)})
    assert len(body.encode()) < MAX_MESSAGE_BYTES
    data = json.loads(body)["data"]
    assert data["count"] == count
    assert len(data["alerts"]) <= MAX_MESSAGE_ENTRIES
    if count == 1:
        (alert,) = data["alerts"]
        assert (alert["amount"], alert["break_id"]) == ("-10.50", "b1"), "names alone, but never nothing"


def test_a_channel_rests_after_some_failures_in_a_row_longer_and_longer() -> None:
    rests = [rest(failures, None, lambda: 1.0) for failures in range(1, 20)]
    assert rests[: CIRCUIT_FAILURES - 1] == [timedelta()] * (CIRCUIT_FAILURES - 1)
    assert (rests[CIRCUIT_FAILURES - 1], rests[-1]) == (FIRST_REST, LAST_REST)
    assert rest(1, 30.0, lambda: 0.0) == timedelta(seconds=30)
    assert rest(1, 1e12, lambda: 0.0) == LAST_PAUSE


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
