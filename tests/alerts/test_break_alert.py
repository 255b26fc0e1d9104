"""Who is told of what, and that an alert says all a receiver needs."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import msgspec
import pytest

from recon.alerts.break_alert import (
    MAX_EVIDENCE,
    MAX_NOTICE_BYTES,
    MAX_TEXT,
    MAX_TRIED,
    MAX_WHY,
    SIGNALLED,
    notice,
    signals_of,
)
from recon.reconciliation.model.break_ import CauseTried, Evidence
from recon.reconciliation.model.lifecycle import OVER, TRANSITIONS
from tests.support.alert_rows import FACTS, GATEWAY, T0, Step


def document(step: Step) -> dict[str, object]:
    decoded: dict[str, object] = json.loads(step.signal().document)
    return decoded


def events_of(*steps: Step) -> list[str]:
    """The events that go out as NOTIFY too."""
    signals = signals_of(GATEWAY, [step.transition() for step in steps])
    return [each.signal.event for each in signals if each.notice is not None]


def kinds_of(*steps: Step) -> list[tuple[str, str]]:
    return [
        (each.signal.event, each.signal.kind) for each in signals_of(GATEWAY, [step.transition() for step in steps])
    ]


def test_what_opens_and_what_ends_alerts_and_keeps_its_order() -> None:
    life = [
        "opened",
        "caused",
        "offset",
        "assign",
        "comment",
        "investigate",
        "propose",
        "reject",
    ]
    assert events_of(*(Step(event=event) for event in (*life, "cleared"))) == ["break.opened", "break.cleared"]
    later = ["accept", "expired", "reduced", "explained", "reopen", "propose", "approve"]
    assert events_of(*(Step(event=event, seq=121 + number) for number, event in enumerate(later))) == [
        "break.acceptance_expired", "break.explained", "break.reopened", "break.resolved",
    ]  # fmt: skip


def test_what_people_do_and_what_moves_are_signals_for_the_policy() -> None:
    life = ["opened", "caused", "offset", "assign", "comment", "investigate", "propose", "reject", "accept", "reduced"]
    assert kinds_of(*(Step(event=event, seq=121 + number) for number, event in enumerate(life))) == [
        ("break.opened", "fires"),
        ("break.changed", "moves"),
        ("break.assigned", "taken_up"),
        ("break.investigated", "taken_up"),
        ("break.proposed", "taken_up"),
        ("break.approval_wanted", "wants_approval"),
        ("break.rejected", "taken_up"),
        ("break.accepted", "taken_up"),
        ("break.reduced", "moves"),
    ]
    assert kinds_of(Step(occurrences=2), Step(event="reopen"), Step(event="expired", seq=130)) == [
        ("break.opened", "again"),
        ("break.reopened", "again"),
        ("break.acceptance_expired", "again"),
    ]


def test_of_two_changes_at_one_position_the_last_one_stands() -> None:
    steps = [Step(event="caused", amount="-1"), Step(event="caused", amount="-2")]
    (only,) = signals_of(GATEWAY, [step.transition() for step in steps])
    assert str(only.signal.amount) == "-2"


def test_the_steps_that_alert_are_steps_of_the_table() -> None:
    assert SIGNALLED.keys() <= {step for step, _, _ in TRANSITIONS}
    ends = {step for step, _, state in TRANSITIONS if state in OVER}
    assert ends <= SIGNALLED.keys(), "however a break ends, its receivers hear of it"


def test_what_a_fact_explains_before_it_was_open_alerts_nobody() -> None:
    assert events_of(Step(event="explained", first_cause="")) == []
    assert events_of(Step(event="explained")) == ["break.explained"]


def test_an_acceptance_that_ends_with_its_break_is_not_told_apart() -> None:
    expired = Step(event="expired")
    assert events_of(expired, Step(event="explained")) == ["break.explained"]
    assert events_of(expired, Step(event="explained", break_id="b2")) == ["break.acceptance_expired", "break.explained"]
    assert events_of(expired, Step(event="cleared", seq=121)) == ["break.acceptance_expired", "break.cleared"]


def test_who_decided_is_told() -> None:
    said = document(Step(event="approve", actor="bob"))
    assert (said["type"], said["version"], said["actor"]) == ("break.resolved", 1, "bob")


def test_the_document_holds_everything_to_act_on() -> None:
    alert = Step(event="cleared").signal()
    assert json.loads(alert.document) == {
        "type": "break.cleared",
        "id": alert.id,
        "version": 1,
        "gateway": "prod-eu",
        "account": "KRAKEN/JOHN",
        "unit_kind": "asset",
        "unit": "ZUSD",
        "unit_coinapi": "USD",
        "amount": "-10.50",
        "amount_usd": "-10.50",
        "rate_usd": "1",
        "candidates": ["-10.50", "100"],
        "cause": "unexplained",
        "certainty": "exact",
        "severity": "high",
        "age_seconds": 20,
        "assignee": None,
        "actor": None,
        "note": "no report, gap or race explains it",
        "evidence": [{"text": "an order of ours is open", "seq": 105, "amount": "10.50"}],
        "tried": [{"cause": "withdrawal", "fits": False, "why": "it did not move alone"}],
        "reason": "the books caught up with the report",
        "state": "cleared",
        "seen_at": "2026-01-05T09:29:40Z",
        "opened_at": "2026-01-05T09:30:00Z",
        "closed_at": "2026-01-05T09:30:00.000120Z",
        "occurrences": 1,
        "offset_by": None,
        "break_id": "b1",
        "case_id": "c1",
        "origin": {"after_seq": 101, "until_seq": 112},
        "log": {"seq": 120, "at": "2026-01-05T09:30:00.000120Z"},
        "books": {
            "reported": "989.50",
            "expected": "1000.00",
            "drift": "-10.50",
            "explained": "0",
            "unexplained": "-10.50",
            "opening": "1000",
            "in_flight": "0.0",
            "judgement": "break",
            "unmodelled": None,
            "withheld": [],
            "observed_at": "2026-01-05T09:29:59Z",
            "cut_seq": 119,
            "as_of": "2026-01-05T09:30:00.000005Z",
        },
        "coverage": {"state": "covered", "reason": None},
        "look": [
            "recon breaks --json",
            "recon balances --json",
            "recon events --gateway prod-eu --account KRAKEN/JOHN --since 101",
        ],
    }
    assert datetime.fromisoformat("2026-01-05T09:30:00.000120Z") == T0 + timedelta(microseconds=120)


def test_what_is_not_known_is_null_and_never_zero() -> None:
    unknown = msgspec.structs.replace(
        FACTS,
        reported=None,
        expected=None,
        drift=None,
        rate_usd=None,
        amount_usd=None,
        observed_us=None,
        cut_seq=None,
    )
    (alert,) = signals_of(GATEWAY, [msgspec.structs.replace(Step().transition(), snapshot=unknown)])
    said = json.loads(alert.document)
    assert (said["amount_usd"], said["rate_usd"], said["closed_at"]) == (None, None, None)
    books = said["books"]
    assert [books[key] for key in ("reported", "expected", "drift", "observed_at", "cut_seq")] == [None] * 5


def test_evidence_and_what_was_tried_are_bounded() -> None:
    step = Step().transition()
    many = msgspec.structs.replace(
        step.break_,
        evidence=[Evidence("x" * (MAX_WHY + 1))] * (MAX_EVIDENCE + 1),
        tried=[CauseTried("deposit", fits=False, why="y" * (MAX_WHY + 1))] * (MAX_TRIED + 1),
    )
    (alert,) = signals_of(GATEWAY, [msgspec.structs.replace(step, break_=many)])
    said = json.loads(alert.document)
    assert (len(said["evidence"]), len(said["tried"])) == (MAX_EVIDENCE, MAX_TRIED)
    assert {len(each["text"]) for each in said["evidence"]} == {len(each["why"]) for each in said["tried"]} == {MAX_WHY}


def test_an_account_with_odd_characters_is_quoted_for_the_shell() -> None:
    look = document(Step(account="KRAKEN/$(rm -rf) it's"))["look"]
    assert isinstance(look, list)
    assert """--account 'KRAKEN/$(rm -rf) it'"'"'s' --since 101""" in look[2]


def test_long_texts_are_clipped() -> None:
    note = document(Step(note="x" * (MAX_TEXT + 1)))["note"]
    assert isinstance(note, str)
    assert (len(note), note[-1]) == (MAX_TEXT, "…")


@pytest.mark.parametrize(
    "other",
    [
        Step(break_id="b2"),
        Step(event="cleared"),
        Step(occurrences=2),
        Step(seq=121),
    ],
)
def test_an_id_is_of_what_it_is_about(other: Step) -> None:
    assert Step().signal().id != other.signal().id
    assert Step().signal().id != Step().signal("other-gateway").id


def test_an_id_does_not_depend_on_what_is_merely_said() -> None:
    assert Step().signal().id == Step(note="another insight", amount="-11", case_id="c2").signal().id
    assert Step().signal().id == "9fe805a46d8b4de5c7e2aaa67d0e88b1", "ids must outlive releases"


def test_a_notice_is_compact_and_complete() -> None:
    assert json.loads(notice(Step().signal().signal)) == {
        "type": "break.opened",
        "id": Step().signal().id,
        "break_id": "b1",
        "case_id": "c1",
        "seq": 120,
        "amount": "-10.50",
        "gateway": "prod-eu",
        "account": "KRAKEN/JOHN",
        "unit_kind": "asset",
        "unit": "ZUSD",
        "cause": "unexplained",
    }


@pytest.mark.parametrize("filler", ["x", "\x01", '"', "€", "\U0001d518"])
@pytest.mark.parametrize("length", [700, 2_000, 100_000])
def test_a_notice_stays_below_the_bound_whatever_the_names(filler: str, length: int) -> None:
    said = notice(Step(account=filler * length, unit=filler * length).signal().signal)
    assert len(said.encode()) <= MAX_NOTICE_BYTES
    decoded = json.loads(said)
    assert decoded["amount"] == "-10.50"
    assert ("clipped" in decoded) == (decoded["account"] != filler * length)
