"""The text of a case: what can be done first, figures whole and with their points in one column, lines that fit."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from recon.reads.case.document import document
from recon.reads.case.model import Case, Leg
from recon.reads.case.text import case_text

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
BIG = Decimal("123456789012345.678901234567")


def leg(unit: str = "ETH", amount: str = "0.2", **changes: Any) -> Leg:
    row: dict[str, Any] = {
        "id": f"{unit.lower():0<24}", "case_id": "c" * 24, "gateway": "prod-eu", "account": "BINANCE",
        "unit_kind": "asset", "unit": unit, "cause": "missed_fill", "certainty": "inferred", "state": "open",
        "amount": Decimal(amount), "amount_usd": Decimal("602.45"), "closed_at": None, "after_seq": 7, "until_seq": 9,
        "occurrences": 1, "note": "a price of 3000", "candidates": [], "owns_residual": True, "offset_by": None,
        "assignee": None, "evidence": [{"seq": 8, "text": "an order was open", "amount": None}], "tried": [],
        "proposal": None, "accepted_until": None, "accepted_amount": None, "severity": "medium", "gap": None,
    }  # fmt: skip
    opening = changes.pop("opening", Decimal(200))
    row |= changes
    step = {"at": NOW, "gateway": "prod-eu", "seq": 9, "number": 1, "event": "opened", "state": "open"}
    ends = [{"seq": seq, "recorded_at": NOW, "kind": "BALANCE_UPDATE", "account": "BINANCE"} for seq in (7, 9)]
    return Leg(
        row=row,
        history=[{**step, "reason": "a price of 3000", "actor": None}],
        ends=ends,
        kinds={"BALANCE_UPDATE": 3},
        figures={
            "opening": opening, "fills": Decimal("1.5"), "expected": opening + Decimal("1.5"), "explained": Decimal(0),
            "reported": opening + Decimal("1.5") + Decimal(amount), "drift": Decimal(amount),
            "unexplained": Decimal(amount), "in_flight": Decimal(0), "verdict": "break", "observed_at": NOW,
            "cut_seq": 9, "reason": None,
        },
        same_unit=[],
        same_case=[],
        age=timedelta(seconds=31),
        business_age=timedelta(seconds=31),
        steps=["comment", "assign", "propose", "accept"] if row["state"] == "open" else ["approve", "reject"],
    )  # fmt: skip


def case(*legs: Leg, **changes: Any) -> Case:
    of: dict[str, Any] = {
        "id": "c" * 24, "short": "cccccccc", "legs": legs, "times": {("prod-eu", 8): NOW}, "proposals": {},
        "material_usd": Decimal(10_000), "at": NOW,
    }  # fmt: skip
    return Case(**of | changes)


TRADE = (leg(), leg("USDT", "-600.00800", opening=Decimal(1_250_000)))


def test_next_is_first_and_acts_on_the_case() -> None:
    text = case_text(case(*TRADE))
    titles = [line for line in text.splitlines()[2:] if line and not line.startswith(" ")]
    assert titles[0] == "next"
    assert "1  take it up, so that others know\n     recon break assign --case cccccccc --to WHO" in text
    assert "recon break propose --case cccccccc --cause missed_fill --evidence TEXT" in text
    assert "--entry" not in text, "each leg's own amount is booked"
    assert "its legs are 1,204.90 usd together, 1,204.90 usd net" in text.lower()


def test_legs_of_several_causes_are_proposed_by_their_own() -> None:
    legs = (leg(cause="deposit"), leg("ZUSD", "-6242.85", cause="withdrawal"), leg("XRP", "-3", cause="withdrawal"))
    text = case_text(case(*legs))
    assert "propose the cause, each leg's own" in text
    assert "     recon break propose eth0000000 --cause deposit --evidence TEXT\n" in text
    assert "     recon break propose zusd000000 xrp0000000 --cause withdrawal --evidence TEXT\n" in text
    told = {each["step"]: each["command"] for each in document(case(*legs), legs[1])["next"]}
    assert told["propose"] == "recon break propose zusd000000 xrp0000000 --cause withdrawal --evidence TEXT"
    assert told["assign"] == "recon break assign --case cccccccc --to WHO", "whoever works on it takes it whole"


def test_figures_of_a_unit_have_their_points_in_one_column_and_are_never_cut() -> None:
    huge = leg("SHIB1000", "0.000000000000000001", opening=BIG)
    for width in (80, 120):
        text = case_text(case(*TRADE, huge), width=width)
        sums = [
            line for line in text.splitlines() if re.match(r"  [ +=] ?(opening|fills|expected|reported|drift)", line)
        ]
        assert "123,456,789,012,345.678901234567000000" in text
        body = text.partition("\narithmetic\n")[2].partition("\n\n")[0].splitlines()
        columns = {tuple(found.start() for found in re.finditer(r"\.", line)) for line in body if line[2] in "+= o"}
        blocks = text.count("opening")
        assert len({each for each in columns if each}) <= blocks
        assert sums
        assert max(map(len, text.splitlines())) <= width


def test_a_proposal_of_both_legs_has_one_digest_and_other_breaks_in_it_are_told() -> None:
    proposal = {"digest": "d" * 64, "cause": "missed_fill", "entry": "0.2", "login": "alice", "authenticated": True}
    proposed = [leg(unit, state="proposed", proposal={**proposal, "seq": 12}) for unit in ("ETH", "USDT")]
    alone = case_text(case(proposed[0], proposals={("prod-eu", 12): ["d" * 64]}))
    anyone = "alice proposed missed_fill; up to 10,000 USD one login may approve"
    assert f"1  {anyone}\n     recon break approve dddddddddd" in alone
    more = case_text(case(*proposed, proposals={("prod-eu", 12): ["d" * 64, "e" * 64, "f" * 64]}))
    words = " ".join(more.split())
    assert "alice proposed missed_fill, with 1 break of other cases; a second login approves" in words
    assert more.count("recon break approve") == 1
    assert "approve dddddddddd" not in more


@pytest.mark.parametrize(
    ("usd", "told"),
    [
        ("602.45", "up to 10,000 USD one login may approve"),
        ("15061.25", "above 10,000 USD a second login approves"),
        (None, "its worth is not known, so a second login approves"),
    ],
)
def test_who_decides_is_said_before_the_work_is_done(usd: str | None, told: str) -> None:
    of = leg(amount_usd=None if usd is None else Decimal(usd))
    assert f"propose the cause ({told})" in " ".join(case_text(case(of)).split())


def test_what_is_stale_never_says_current() -> None:
    assert "as of 09:00:00 UTC, current" in case_text(case(*TRADE))
    text = case_text(case(*TRADE, stale=True, stale_since=NOW - timedelta(seconds=34)))
    assert "STALE: as of 08:59:26, 34 s ago" in text
    assert "current" not in text


def test_texts_from_outside_change_no_terminal() -> None:
    evil = "x\x1b[2Jy"
    text = case_text(case(leg(note=evil, account=evil, evidence=[{"seq": None, "text": evil, "amount": None}])))
    assert "\x1b" not in text
    assert "x\\x1b[2Jy" in text


def test_what_is_over_offers_to_open_it_again_or_nothing() -> None:
    over = leg(state="cleared", closed_at=NOW)
    assert "next\n  nothing: it is over" in case_text(case(over))
