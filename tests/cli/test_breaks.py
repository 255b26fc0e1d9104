"""`recon break`, `recon order` and `recon rules`: explained like a colleague, decided by people, refused clearly."""

from __future__ import annotations

import io
import json
import re
import shlex
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import make_url, text

from recon.cli import recording
from recon.db.engine import create_engine
from recon.db.roles import OPERATOR
from recon.errors import DecisionRefused
from recon.ledger.rules import AccountRules
from recon.log.events import RULES_PROPOSED, NewEvent
from recon.reads.case.document import age_words
from recon.reads.case.leg import ages
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.database_days import fold, write_events

pytestmark = pytest.mark.postgres

REFUSED = DecisionRefused.exit_status
GATEWAYS = ("prod-eu", "prod-us")
PEOPLE = ("test_alice", "test_bob")

Rows = list[dict[str, Any]]
Person = Callable[[str], None]


@pytest.fixture
def acting_as(day: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Decide as somebody with a login of their own."""
    with create_engine(day.superuser_url, "tests", pooled=False).begin() as connection:
        for person in PEOPLE:
            connection.execute(text(f"CREATE ROLE {person} LOGIN IN ROLE {OPERATOR}"))

    def become(person: str) -> None:
        url = make_url(day.superuser_url).set(username=person).render_as_string(hide_password=False)
        monkeypatch.setenv("RECON_DATABASE__OPERATOR_URL", url)

    yield become
    with create_engine(day.superuser_url, "tests", pooled=False).begin() as connection:
        for person in PEOPLE:
            connection.execute(text(f"DROP ROLE {person}"))


def fold_all(day: TestDatabase) -> None:
    for gateway in GATEWAYS:
        fold(day.service_url, gateway)


def breaks(recon: Recon, *arguments: str) -> Rows:
    found: Rows = recon("breaks", "--json", *arguments).json()["breaks"]
    return found


def heads(recon: Recon) -> dict[str, int]:
    return {row["name"]: row["head_seq"] for row in recon("status", "--json").json()["gateways"]}


def one(recon: Recon, break_id: str) -> dict[str, Any]:
    (found,) = recon("break", "show", break_id, "--json").json()
    assert isinstance(found, dict)
    return found


def pair(recon: Recon) -> Rows:
    """Return the breaks of one case of small amounts: base and quote of one missed fill."""
    shown = breaks(recon)
    return next(
        [row for row in shown if row["case_id"] == first["case_id"]]
        for first in shown
        if sum(row["case_id"] == first["case_id"] for row in shown) == 2
        and all(row["amount_usd"] is not None for row in shown if row["case_id"] == first["case_id"])
    )


def large(recon: Recon) -> dict[str, Any]:
    """Return the break that is worth most: material, alone in its case."""
    return max(breaks(recon), key=lambda row: Decimal(row["amount_usd"] or 0))


# --- show


def test_a_break_is_explained_with_its_arithmetic_and_where_to_look(recon: Recon, day: TestDatabase) -> None:
    for row in breaks(recon):
        shown = recon("break", "show", row["id"][:10])
        assert shown.status == 0, shown.err
        head, place, *titles = [line for line in shown.out.splitlines() if line and not line.startswith(" ")]
        assert head.startswith(f"case {row['case_id'][:8]}  {row['cause']}, {row['certainty']}")
        assert head.endswith(row["state"])
        assert place.startswith(f"{row['account']} on {row['gateway']}, ")
        assert titles[:-1] == ["next", "what", "arithmetic", "evidence", "origin", "so far"]
        assert titles[-1].startswith("tried  ")
        told = one(recon, row["id"])
        figures = {key: Decimal(told["figures"][key]) for key in ("reported", "opening", "fills", "explained")}
        unexplained = Decimal(told["figures"]["unexplained"])
        assert figures["reported"] == figures["opening"] + figures["fills"] + figures["explained"] + unexplained
        sums = [line.split() for line in shown.out.splitlines() if line.startswith("  = expected")]
        expected = [Decimal(figure.replace(",", "")) for line in sums for figure in line[2:]]
        assert figures["opening"] + figures["fills"] in expected
        assert told["origin"]["command"] in shown.out

        between = recon(*shlex.split(told["origin"]["command"])[1:], "--json").json()
        assert between[0]["seq"] == row["after_seq"]
        assert between[-1]["seq"] == row["until_seq"]
        assert {each["kind"] for each in between} == set(told["origin"]["kinds"])


def test_what_can_be_done_next_is_what_the_table_allows(recon: Recon, day: TestDatabase) -> None:
    told = one(recon, breaks(recon)[0]["id"])
    assert [each["step"] for each in told["next"]] == ["comment", "assign", "investigate", "propose", "accept"]
    propose = next(each["command"] for each in told["next"] if each["step"] == "propose")
    as_printed = recon(*shlex.split(propose)[1:])
    assert (as_printed.status, "TEXT stands for words of your own" in as_printed.err) == (2, True)
    (digest,) = recon(*shlex.split(propose.replace("TEXT", "statement-7"))[1:], "--json").json()["digests"]
    fold_all(day)
    told = one(recon, told["id"])
    assert (told["state"], told["proposal"]["evidence"]) == ("proposed", ["statement-7"])
    assert {"approve", "reject"} <= {each["step"] for each in told["next"]}
    approve = next(each["command"] for each in told["next"] if each["step"] == "approve")
    assert digest.startswith(approve.split()[-1])


@pytest.mark.parametrize(
    ("hours", "days", "age"),
    [
        (0.5, range(7), "30 m"),
        (49, range(7), "2 d 1 h"),
        (49, (0, 1, 2, 3, 4), "2 d 1 h, 1 h of it business time"),
        (49, (5, 6), "2 d 1 h, 2 d of it business time"),
    ],
)
def test_the_age_counts_business_days(hours: float, days: tuple[int, ...], age: str) -> None:
    monday = datetime(2026, 1, 5, 1, tzinfo=UTC)
    rules = AccountRules(business_days=tuple(days))
    assert age_words(*ages(monday - timedelta(hours=hours), monday, rules)) == age


def test_a_case_shows_all_its_breaks(recon: Recon, day: TestDatabase) -> None:
    base, quote = pair(recon)
    shown = recon("break", "show", base["case_id"][:12])
    assert shown.out.count("\nwhat\n") == 1
    assert "2 breaks" in shown.out
    for row in (base, quote):
        of_leg = recon("break", "show", row["id"]).out
        assert (
            of_leg.partition("\nwhat\n")[0].splitlines()[2:] == shown.out.partition("\nwhat\n")[0].splitlines()[2:]
        ), "a leg shows its case"
        alone = recon("break", "show", row["id"], "--leg").out
        assert "1 break," in alone
    propose = next(line.strip() for line in shown.out.splitlines() if " break propose " in line)
    case = base["case_id"][:8]
    assert propose == f"recon break propose --case {case} --cause missed_fill --evidence TEXT"
    assert "propose the cause for both legs (up to 10,000 USD one login may approve)" in shown.out
    assert one(recon, base["id"])["next"][3]["command"] == propose
    # What is offered books the whole trade: both legs, and one digest.
    assert recon(*shlex.split(propose.replace("TEXT", "statement-7"))[1:]).status == 0
    fold_all(day)
    proposed = recon("break", "show", base["id"])
    assert {one(recon, row["id"])["state"] for row in (base, quote)} == {"proposed"}
    approve = next(line.strip() for line in proposed.out.splitlines() if " break approve " in line)
    for row in (base, quote):
        leg = one(recon, row["id"])
        assert {each["command"] for each in leg["next"] if each["step"] == "approve"} == {approve}
        for words in (("approve",), ("reject", "--text", "half")):
            half = recon("break", *words, leg["proposal"]["digest"][:10])
            assert (half.status, f"digest {approve.split()[-1]}" in half.err) == (REFUSED, True), half.err
    listed = recon("breaks").out
    assert not any(one(recon, row["id"])["proposal"]["digest"][:10] in listed for row in (base, quote))
    assert recon(*shlex.split(approve)[1:]).status == 0
    fold_all(day)
    assert {one(recon, row["id"])["state"] for row in (base, quote)} == {"resolved"}


def test_what_failed_and_other_readings_are_shown_when_asked_for(recon: Recon, day: TestDatabase) -> None:
    row = pair(recon)[0]
    brief, whole = recon("break", "show", row["id"]).out, recon("break", "show", row["id"], "--verbose").out
    assert "--verbose shows all" in brief
    assert "\n  fails  " not in brief
    assert f"\npath of {row['unit']}, break {row['id'][:8]}\n" in whole
    assert "\n  fails  " in whole
    # Ages of the two answers may be of different seconds.
    above = re.sub(r"\b\d+ s\b", "some s", brief[: brief.index("\ntried")])
    assert re.sub(r"\b\d+ s\b", "some s", whole).startswith(above)
    assert max(map(len, whole.splitlines())) <= 80, "but for commands, of which none is so long here"


def test_a_step_on_one_leg_says_that_there_are_others(recon: Recon, day: TestDatabase) -> None:
    base, _ = pair(recon)
    told = recon("break", "propose", base["id"], "--cause", "missed_fill")
    assert f"1 of 2 breaks of case {base['case_id'][:8]}: --case {base['case_id'][:8]} takes all of it" in told.err


def test_an_id_that_is_none_or_means_several_is_refused(recon: Recon, day: TestDatabase) -> None:
    assert "no break id and no case id" in recon("break", "show", "f" * 24).err
    assert "is not an id" in recon("break", "show", "%").err
    ids = sorted(row["id"] for row in breaks(recon, "--all"))
    start = next((a[:1] for a, b in pairwise(ids) if a[0] == b[0]), None)
    assert start is not None, "seventeen ids cannot all begin differently"
    result = recon("break", "show", start)
    assert (result.status, "several break ids start with" in result.err) == (2, True)
    case = recon("break", "comment", pair(recon)[0]["case_id"], "--text", "?")
    assert (case.status, "use --case" in case.err) == (2, True)


# --- the life of a break


def test_from_open_to_resolved_and_back_with_who_and_why(recon: Recon, day: TestDatabase) -> None:
    base, quote = pair(recon)
    case = ("--case", base["case_id"][:10], "--name", "Ann")
    before = heads(recon)
    for arguments in (
        ("assign", *case, "--to", "Bo"),
        ("investigate", *case),
        ("comment", *case, "--text", "asked the venue"),
        ("propose", *case, "--cause", "missed_fill", "--evidence", "trade 17", "--evidence", "statement of May"),
    ):
        result = recon("break", *arguments)
        assert result.status == 0, result.err
        assert "no service is running" in result.err
        fold_all(day)
    assert sum(heads(recon).values()) - sum(before.values()) == 4, "one event each, for both breaks"
    told = [one(recon, row["id"]) for row in (base, quote)]
    assert [(row["state"], row["assignee"]) for row in told] == [("proposed", "Bo")] * 2
    assert [Decimal(row["proposal"]["entry"]) for row in told] == [Decimal(row["amount"]) for row in (base, quote)]
    shown = recon("break", "show", base["id"]).out
    assert shown.splitlines()[0].endswith("proposed, Bo")
    assert "to Bo, by Ann" in shown
    assert "asked the venue" in shown
    assert "evidence: trade 17; statement of May" in " ".join(shown.split())

    again = recon("break", "propose", *case, "--cause", "missed_fill", "--json").json()
    (digest,) = again["digests"]
    fold_all(day)
    approved = recon("break", "approve", digest[:12], "--text", "looks right")
    assert approved.status == 0, approved.err
    fold_all(day)
    told = [one(recon, row["id"]) for row in (base, quote)]
    assert [row["state"] for row in told] == ["resolved"] * 2
    assert all(Decimal(row["figures"]["unexplained"]).copy_abs() < Decimal("0.01") for row in told)
    assert [each["step"] for each in told[0]["next"]] == ["comment", "reopen"]

    assert recon("break", "reopen", base["id"], "--text", "the venue took it back").status == 0
    fold_all(day)
    assert one(recon, base["id"])["state"] == "open"
    assert Decimal(one(recon, base["id"])["amount"]) == Decimal(base["amount"])
    actors = [step["actor"] for step in one(recon, base["id"])["history"]]
    assert "Ann (asserted, login recon_service)" in actors


def test_an_acceptance_has_an_end_and_a_size(recon: Recon, day: TestDatabase) -> None:
    row = pair(recon)[0]
    assert recon("break", "accept", row["id"], "--until", "2020-01-01").status == 2
    assert recon("break", "accept", row["id"], "--until", "soon").status == 2
    assert recon("break", "accept", row["id"], "--until", "3d", "--amount", "-1").status == 2
    with serving(day):
        accepted = recon("break", "accept", row["id"], "--until", "3d", "--text", "known to the venue", "--name", "Ann")
    assert (accepted.status, "recon break approve" in accepted.out) == (0, False), accepted.err
    told = one(recon, row["id"])
    assert told["state"] == "accepted"
    assert Decimal(told["accepted_amount"]) == abs(Decimal(row["amount"]))
    until = datetime.fromisoformat(told["accepted_until"])
    assert timedelta(days=2) < until - datetime.now(UTC) < timedelta(days=3, hours=1)
    assert "accepted until" in recon("break", "show", row["id"]).out
    assert row["id"] in {each["id"] for each in breaks(recon)}, "accepted is not over"
    assert recon("status", "--json").json()["in_work"] == [], "its other leg is open"
    with serving(day):
        assert (
            recon("break", "accept", pair(recon)[1]["id"], "--until", "9d", "--text", "t", "--name", "Ann").status == 0
        )
    (in_work,) = recon("status", "--json").json()["in_work"]
    assert f"; accepted until {until:%Y-%m-%d}" in in_work["what"]
    assert in_work["note"].startswith("Ann")


def test_a_step_that_the_table_does_not_allow_changes_nothing(recon: Recon, day: TestDatabase) -> None:
    row = breaks(recon)[0]
    over = next(each for each in breaks(recon, "--all") if each["state"] == "cleared")
    before = heads(recon)
    refused: list[tuple[tuple[str, ...], str]] = [
        (
            ("reopen", row["id"], "--text", "x"),
            f"break {row['id'][:10]} is open: reopen is not allowed; allowed: ",
        ),
        (("assign", over["id"], "--to", "Bo"), f"is {over['state']}: assign is not allowed; allowed: comment"),
        (("investigate", row["id"], over["id"]), f"break {over['id'][:10]} is {over['state']}"),
        (("assign", "--state", over["state"], "--to", "Bo", "--yes"), "selected allows assign in state"),
    ]
    for arguments, reason in refused:
        result = recon("break", *arguments)
        assert result.status == REFUSED, arguments
        assert reason in result.err
    wrong: list[tuple[tuple[str, ...], str]] = [
        (("approve", "0" * 12), "no proposal that waits for approval"),
        (("approve", "0" * 4), "too short"),
        (("assign", "--to", "Bo"), "exactly one of the three"),
        (("assign", row["id"], "--case", row["case_id"], "--to", "Bo"), "exactly one of the three"),
        (("assign", "--cause", "nonsense", "--to", "Bo", "--yes"), "there is no cause 'nonsense'"),
        (("assign", "--state", "sleeping", "--to", "Bo"), "--state"),
        (("assign", "--opened-since", "never", "--to", "Bo"), "--opened-since"),
        (("propose", row["id"], "--cause", "deposit", "--entry", "much"), "--entry"),
        (("propose", "--case", pair(recon)[0]["case_id"], "--cause", "deposit", "--entry", "1"), "--entry is for one"),
    ]
    for arguments, reason in wrong:
        result = recon("break", *arguments)
        assert result.status == 2, arguments
        assert reason in result.err
    assert heads(recon) == before


def test_a_cause_that_moves_the_other_way_than_a_leg_is_refused_before_anything_is_written(
    recon: Recon, day: TestDatabase
) -> None:
    before, legs = heads(recon), pair(recon)
    for cause, sign in (("deposit", -1), ("withdrawal", 1)):
        (wrong,) = [row for row in legs if Decimal(row["amount"]) * sign > 0]
        for which in (("--case", wrong["case_id"]), (wrong["id"],)):
            result = recon("break", "propose", *which, "--cause", cause, "--evidence", "statement-7")
            assert result.status == REFUSED
            assert f"break {wrong['id'][:10]} of {wrong['amount']} {wrong['unit']} is a" in result.err
            assert f"{cause}s are" in result.err
    assert heads(recon) == before
    assert {row["state"] for row in pair(recon)} == {"open"}


def test_what_the_fold_refuses_is_said_too(recon: Recon, day: TestDatabase) -> None:
    row = large(recon)
    assert recon("break", "propose", row["id"], "--cause", "deposit", "--entry", "-1").status == 0
    with serving(day):
        result = recon("break", "propose", row["id"], "--cause", "deposit", "--entry", "-1", "--json")
    assert result.status == REFUSED
    assert "an entry explains at most" in result.err
    (outcome,) = result.json()["breaks"]
    assert outcome["state"] == "open"
    assert outcome["outcome"].startswith("refused: ")


# --- filters


class Terminal(io.StringIO):
    """What a person types."""

    def isatty(self) -> bool:
        return True


def test_a_filter_says_how_many_before_it_acts(
    recon: Recon, day: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = heads(recon)
    wanted = [row for row in breaks(recon) if row["gateway"] == "prod-eu"]
    asked = recon("break", "assign", "--gateway", "prod-eu", "--to", "Bo")
    assert asked.status == 2
    assert f"Assign {len(wanted)} breaks (" in asked.err
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    declined = recon("break", "assign", "--gateway", "prod-eu", "--to", "Bo")
    assert (declined.status, "nothing was done" in declined.err) == (1, True)
    assert heads(recon) == before
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert recon("break", "comment", "--gateway", "prod-eu", "--text", "looking at it").status == 0
    assert heads(recon) == before | {"prod-eu": before["prod-eu"] + 1}
    fold_all(day)
    before = heads(recon)

    done = recon("break", "assign", "--opened-since", "1h", "--to", "Bo", "--yes", "--no-wait", "--json")
    assert done.status == 0, done.err
    assert {row["id"] for row in done.json()["breaks"]} == {row["id"] for row in breaks(recon)}
    assert {name: heads(recon)[name] - seq for name, seq in before.items()} == dict.fromkeys(GATEWAYS, 1)
    fold_all(day)
    assert {(row["state"], row["assignee"]) for row in breaks(recon)} == {("assigned", "Bo")}
    account = breaks(recon)[0]["account"]
    narrow = recon("break", "investigate", "--account", account, "--state", "assigned", "--yes", "--json").json()
    assert {row["account"] for row in narrow["breaks"]} == {account}


def test_a_step_takes_the_filters_of_the_list(recon: Recon, day: TestDatabase) -> None:
    listed = recon("breaks", "--filter", "cause=missed_fill", "-f", "since=1h", "--json").json()["breaks"]
    taken = recon("break", "assign", "-f", "cause=missed_fill", "-f", "since=1h", "--to", "Bo", "--yes", "--json")
    assert {row["id"] for row in taken.json()["breaks"]} == {row["id"] for row in listed} != set(), taken.err
    before = heads(recon)
    for words, message in (
        (("--account", "KRAKEN"), "there is no account 'KRAKEN'; did you mean KRAKEN/JOHN?"),
        (("--filter", "severity=hihg"), "there is no severity 'hihg'; did you mean high?"),
        (("--filter", "side=BUY"), "breaks cannot be narrowed by side"),
        (("--account", "BINANCE", "--filter", "account=KRAKEN/JOHN"), "no break matches the filter"),
    ):
        refused = recon("break", "assign", *words, "--to", "Bo", "--yes")
        assert (refused.status, message in refused.err) == (2, True), refused.err
    assert heads(recon) == before


# --- waiting for the books


def sign_of_life(day: TestDatabase, state: str) -> None:
    """Say of a service what it said of itself a moment ago."""
    with create_engine(day.service_url, "tests", pooled=False).begin() as connection:
        connection.execute(
            text(
                "INSERT INTO recon_store.service_parts (gateway, instance, part, state, since, updated_at)"
                " VALUES ('prod-eu', 'a', 'projector', :state, now(), now()) ON CONFLICT DO NOTHING"
            ),
            {"state": state},
        )


class serving:  # noqa: N801 - reads as a word
    """A service's sign of life, and a projector that folds what comes in."""

    def __init__(self, day: TestDatabase) -> None:
        self._day, self._end = day, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._end.wait(0.05):
            fold_all(self._day)

    def __enter__(self) -> None:
        sign_of_life(self._day, "folding")
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def test_with_a_service_the_outcome_is_waited_for(recon: Recon, day: TestDatabase) -> None:
    row = breaks(recon)[0]
    with serving(day):
        result = recon("break", "assign", row["id"], "--to", "Bo", "--name", "Ann", "--json")
    assert result.status == 0
    assert "without authentication: recon_service is a shared login, and the name Ann is only a claim" in result.err
    (outcome,) = result.json()["breaks"]
    assert result.json()["folded"] is True
    assert (outcome["was"], outcome["state"]) == ("open", "assigned")
    assert outcome["outcome"] == "Ann (asserted, login recon_service) assigns Bo"


def test_a_person_waits_for_a_service_that_runs_alone(
    recon: Recon, day: TestDatabase, acting_as: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = breaks(recon)[0]
    acting_as("test_alice")
    with serving(day):
        result = recon("break", "assign", row["id"], "--to", "Bo", "--json")
    assert (result.status, result.err, result.json()["folded"]) == (0, "", True)
    assert result.json()["breaks"][0]["outcome"] == "test_alice assigns Bo"

    monkeypatch.setattr(recording, "WAIT_SECONDS", 0.0)
    late = recon("break", "comment", row["id"], "--text", "nobody folds it now")
    assert (late.status, "it is not folded yet" in late.err) == (0, True), "a service runs, and is behind"


def test_a_person_is_told_at_once_that_no_service_runs(
    recon: Recon, day: TestDatabase, acting_as: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waits() -> None:
        raise AssertionError("it waits, although nobody folds the log")

    monkeypatch.setattr(recording, "pause", waits)
    row = breaks(recon)[0]
    acting_as("test_alice")
    sign_of_life(day, "stopped")
    result = recon("break", "assign", row["id"], "--to", "Bo", "--json")
    assert (result.status, result.json()["folded"]) == (0, False)
    assert "no service is running" in result.err
    fold_all(day)
    assert one(recon, row["id"])["assignee"] == "Bo"


# --- four eyes


def test_what_is_material_needs_two_logins(recon: Recon, day: TestDatabase, acting_as: Person) -> None:
    row = large(recon)
    acting_as("test_alice")
    proposed = recon(
        "break", "propose", row["id"], "--cause", "deposit", "--evidence", "tx 0xabc", "--json", "--no-wait"
    )
    assert proposed.status == 0, proposed.err
    fold_all(day)
    (digest,) = proposed.json()["digests"]
    assert one(recon, row["id"])["proposal"] == {
        "digest": digest,
        "cause": "deposit",
        "entry": row["amount"],
        "evidence": ["tx 0xabc"],
        "login": "test_alice",
        "authenticated": True,
        "seq": proposed.json()["breaks"][0]["seq"],
    }
    before = heads(recon)
    own = recon("break", "approve", digest)
    assert own.status == REFUSED
    assert "test_alice" in own.err
    assert len(own.err.splitlines()) == 1
    assert heads(recon) == before, "the database refused it: nothing was written"

    acting_as("test_bob")
    assert recon("break", "approve", digest, "--text", "seen on chain", "--no-wait").status == 0
    fold_all(day)
    told = one(recon, row["id"])
    assert told["state"] == "resolved"
    assert told["history"][-1]["actor"] == "test_bob"


def test_to_accept_what_is_material_needs_two_logins(recon: Recon, day: TestDatabase, acting_as: Person) -> None:
    row = large(recon)
    acting_as("test_alice")
    with serving(day):
        asked = recon("break", "accept", row["id"], "--until", "3d", "--text", "known to the venue", "--json")
    assert asked.status == 0, asked.err
    (outcome,), (digest,) = asked.json()["breaks"], asked.json()["digests"]
    assert (outcome["was"], outcome["step"], outcome["state"]) == ("open", "accept", "proposed")
    assert "USD, above 10,000.00 USD" in outcome["outcome"]
    shown = recon("break", "show", row["id"]).out
    proposed = "test_alice proposed to accept it for a while; above 10,000 USD a second login approves"
    assert proposed in " ".join(shown.split())
    assert "proposed by test_alice at event" in shown
    assert f"recon break approve {digest[:10]}" in shown
    before = heads(recon)
    own = recon("break", "approve", digest[:10])
    assert (own.status, "test_alice" in own.err, heads(recon)) == (REFUSED, True, before)
    with serving(day):
        again = recon("break", "accept", row["id"], "--until", "3d")
    assert again.out.splitlines()[-1].startswith("Proposed. ")

    acting_as("test_bob")
    with serving(day):
        assert recon("break", "approve", again.out.splitlines()[-1].split()[-1]).status == 0
    told = one(recon, row["id"])
    assert (told["state"], told["proposal"]) == ("accepted", None)
    assert [(step["event"], step["actor"]) for step in told["history"]][-1] == ("accept", "test_bob")


def test_a_shared_login_approves_nothing_material(recon: Recon, day: TestDatabase) -> None:
    row = large(recon)
    (digest,) = recon("break", "propose", row["id"], "--cause", "deposit", "--json").json()["digests"]
    fold_all(day)
    before = heads(recon)
    result = recon("break", "approve", digest, "--name", "somebody else")
    assert result.status == REFUSED
    assert "shared" in result.err
    assert heads(recon) == before
    assert recon("break", "reject", digest, "--text", "no proof").status == 0
    fold_all(day)
    assert one(recon, row["id"])["state"] == "investigating"


# --- orders and rules


def test_an_order_is_settled_by_a_persons_word(recon: Recon, day: TestDatabase) -> None:
    account = next(row for row in recon("status", "--json").json()["accounts"] if row["state"] == "unresolved")
    order = account["reason"].split(": ")[1]
    known = ("--account", account["account"])
    before = heads(recon)
    wrong = recon("order", "settle", *known, "--order", "none", "--text", "x")
    assert (wrong.status, "has no order 'none'" in wrong.err) == (2, True)
    wrong = recon("order", "settle", *known, "--order", order, "--text", "x", "--gateway", "nope")
    assert (wrong.status, "no gateway 'nope' has a log; there are" in wrong.err) == (2, True)
    wrong = recon("order", "settle", "--account", "NOPE", "--order", order, "--text", "x")
    assert (wrong.status, "no gateway has an account 'NOPE'; there are" in wrong.err) == (2, True), wrong.err
    with create_engine(day.analyst_url, "tests", pooled=False).connect() as connection:
        others = "SELECT order_key FROM recon.orders WHERE account = :account AND order_key <> :order LIMIT 1"
        fine = connection.scalar(text(others), {"account": account["account"], "order": order})
    wrong = recon("order", "settle", *known, "--order", fine, "--text", "x")
    assert (wrong.status, f"order {fine} is accounted for" in wrong.err) == (REFUSED, True)
    assert heads(recon) == before, "nothing was written"
    arguments = (*known, "--order", order[:-1], "--text", "cancelled, the venue says", "--json")
    assert recon("order", "settle", *arguments).status == 0
    fold_all(day)
    states = {row["account"]: row["state"] for row in recon("status", "--json").json()["accounts"]}
    assert states[account["account"]] == "covered"
    before = heads(recon)
    again = recon("order", "settle", *known, "--order", order, "--text", "x")
    assert (again.status, f"order {order} is accounted for" in again.err) == (REFUSED, True)
    assert heads(recon) == before


def test_rules_that_loosen_wait_for_a_second_person(recon: Recon, day: TestDatabase, acting_as: Person) -> None:
    shown = recon("rules", "show", "--gateway", "prod-eu", "--json").json()
    assert [row["state"] for row in shown] == ["in force"]
    looser = shown[0]["rules"] | {"defaults": shown[0]["rules"]["defaults"] | {"material_usd": "1000000"}}
    event = NewEvent(RULES_PROPOSED, json.dumps(looser, sort_keys=True).encode(), datetime.now(UTC))
    write_events(day.service_url, "prod-eu", [event])
    fold_all(day)
    in_force, waiting = recon("rules", "show", "--gateway", "prod-eu", "--json").json()
    assert in_force["digest"] == shown[0]["digest"]
    assert (waiting["state"], waiting["rules"]["defaults"]["material_usd"]) == ("waiting", "1000000")
    assert "material_usd" in waiting["looser"]
    table = recon("rules", "show")
    assert f"recon rules approve {waiting['digest'][:10]}" in table.err

    assert recon("rules", "approve", "0" * 10).status == 2
    shared = recon("rules", "approve", waiting["digest"][:10])
    assert shared.status == REFUSED
    assert "a login that people share" in shared.err
    acting_as("test_alice")
    assert recon("rules", "approve", waiting["digest"][:10], "--text", "agreed", "--no-wait").status == 0
    fold_all(day)
    (now,) = recon("rules", "show", "--gateway", "prod-eu", "--json").json()
    assert (now["state"], now["digest"], now["seq"]) == ("in force", waiting["digest"], waiting["seq"])


def test_rules_are_rejected(recon: Recon, day: TestDatabase) -> None:
    (before,) = recon("rules", "show", "--gateway", "prod-us", "--json").json()
    looser = before["rules"] | {"defaults": before["rules"]["defaults"] | {"settlement_window_us": 60_000_000}}
    event = NewEvent(RULES_PROPOSED, json.dumps(looser, sort_keys=True).encode(), datetime.now(UTC))
    write_events(day.service_url, "prod-us", [event])
    fold_all(day)
    waiting = recon("rules", "show", "--gateway", "prod-us", "--json").json()[1]
    assert recon("rules", "reject", waiting["digest"], "--text", "too long a window").status == 0
    fold_all(day)
    assert recon("rules", "show", "--gateway", "prod-us", "--json").json() == [before]
