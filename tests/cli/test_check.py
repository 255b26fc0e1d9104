"""`recon check`: one document and one of four statuses, whatever happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import jsonschema
import pytest
from sqlalchemy import Engine, text

from recon.cli.commands import check as check_module
from recon.ledger.changes import LedgerChanges
from recon.reads.check.document import schema
from tests.cli.conftest import Recon, Result
from tests.cli.recorded_service import GATEWAY, RecordedService
from tests.conftest import TestDatabase
from tests.support.coverage_rows import CoverageLog

pytestmark = pytest.mark.postgres

CLEAN, BREAKS, NOT_COVERED, COULD_NOT_RUN = 0, 1, 2, 3


@pytest.fixture
def check(recon: Recon) -> Iterator[Recon]:
    """Run the check; each of its documents is one of the schema, and tells the status it ends with."""

    def run(*arguments: str) -> Result:
        result = recon("check", *arguments)
        jsonschema.Draft202012Validator(schema()).validate(result.json())
        assert result.json()["exit_status"] == result.status
        assert result.err, "a person is told too"
        return result

    return run  # type: ignore[return-value]  # a fixture that has nothing to undo


def test_what_is_covered_and_has_no_break_is_clean(check: Recon, service: RecordedService) -> None:
    service.accounts(A="covered", B="covered")
    result = check()
    assert result.status == CLEAN
    assert result.json()["status"] == "clean"
    assert result.err.startswith("clean: 0 units of 2 accounts")
    ((log,),) = [result.json()["logs"]]
    assert (log["gateway"], len(log["digest"])) == (GATEWAY, 64)
    assert log["seq"] == log["head_seq"]


def test_a_service_that_has_gone_is_not_covered(check: Recon, service: RecordedService) -> None:
    service.accounts(A="covered")
    service.die()
    result = check()
    assert result.status == NOT_COVERED
    assert "no service records it" in result.err
    assert result.json()["unseen"][0]["what"] == "not_current"


def test_a_database_without_any_account_is_not_clean(
    check: Recon, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    result = check()
    assert result.status == NOT_COVERED
    assert result.json()["unseen"][0]["what"] == "nothing"


def test_a_gap_that_is_over_counts_only_where_covered_time_is_required(check: Recon, service: RecordedService) -> None:
    service.accounts(A="covered")
    story = service.story
    told = story.intervals("A", (1, "covered", None), (40, "gap", "disconnected"), (50, "covered", None))
    left = story.backfill("A", 40, 50, 60, state="open", questions=["positions could not be read: refused"])
    service.story.write(LedgerChanges(intervals=told, backfills=[left]))
    assert check().status == CLEAN
    result = check("--require-covered")
    assert result.status == NOT_COVERED
    ((gap,),) = [[each for each in result.json()["unseen"] if each["what"] == "gap"]]
    assert (gap["account"], gap["reason"]) == ("A", "open: positions")
    whole = story.backfill("A", 40, 50, 60, state="whole")
    service.story.write(LedgerChanges(backfills=[whole]))
    assert check("--require-covered").status == CLEAN


def test_breaks_are_told_exactly_and_go_before_what_is_not_covered(
    check: Recon, day: TestDatabase, engine: Engine
) -> None:
    result = check()
    assert result.status == BREAKS, "though no service records these gateways"
    with engine.connect() as connection:
        stored = {
            row.id: row.amount for row in connection.execute(text("SELECT id, amount FROM recon.open_breaks")).all()
        }
    assert {each["id"]: Decimal(each["amount"]) for each in result.json()["breaks"]} == stored
    assert result.err.startswith(f"breaks: {len(stored)} break")
    ignored = check("--fail-on", "none")
    assert ignored.status == NOT_COVERED
    assert f"{len(stored)} open breaks do not count" in ignored.err
    account = result.json()["breaks"][0]["account"]
    assert {each["account"] for each in check("--account", account).json()["breaks"]} == {account}


def test_only_material_cases_count_where_these_are_asked_for(check: Recon, day: TestDatabase) -> None:
    every = check("--fail-on", "any").json()["breaks"]
    counted = {each["id"] for each in check("--fail-on", "material").json()["breaks"] if each["counts"]}
    cases: dict[tuple[str, str, str], list[str | None]] = {}
    for each in every:
        cases.setdefault((each["gateway"], each["account"], each["case_id"]), []).append(each["amount_usd"])
    limit = Decimal(10_000)
    material = {
        key for key, sizes in cases.items() if None in sizes or sum(abs(Decimal(size or 0)) for size in sizes) > limit
    }
    assert counted == {each["id"] for each in every if (each["gateway"], each["account"], each["case_id"]) in material}
    assert 0 < len(counted) < len(every), "the day has both"


def test_a_database_that_is_away_could_not_run_and_no_password_is_told(
    check: Recon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", "postgresql://recon_service:wr0ng@127.0.0.1:1/recon")
    result = check()
    assert result.status == COULD_NOT_RUN
    assert "connection to server" in result.json()["reason"]
    assert "wr0ng" not in result.out + result.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--fail-on", "some"], "--fail-on must be any, material or none"),
        (["--fail"], "there is no option --fail"),
        (["--since", "1d"], "--since is for --require-covered and --require-source"),
        (["--require-source", "custodion"], "there is no class of sources 'custodion'"),
        (["--require-covered", "--since", "soon"], "--since soon is no time"),
        (["extra"], "this is too much: extra"),
        (["--account", "NOBODY"], "there is no account 'NOBODY'"),
        (["--config", "missing.toml"], "missing.toml"),
    ],
)
def test_what_cannot_be_understood_could_not_run(
    check: Recon, service: RecordedService, arguments: list[str], told: str
) -> None:
    result = check(*arguments)
    assert result.status == COULD_NOT_RUN
    assert told in result.json()["reason"]
    assert told in result.err


def test_settings_that_cannot_be_used_could_not_run(check: Recon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_GATEWAYS", "[]")
    assert check().status == COULD_NOT_RUN


def test_a_defect_could_not_run_either_and_an_interrupt_stays_one(
    recon: Recon, check: Recon, service: RecordedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_module, "read_check", lambda *_: 1 // 0)
    result = check()
    assert result.status == COULD_NOT_RUN
    assert "a defect: ZeroDivisionError" in result.json()["reason"]
    assert "Traceback" not in result.err
    assert "Traceback" in recon("--traceback", "check").err

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(check_module, "read_check", interrupted)
    result = recon("check")
    assert (result.status, result.out) == (130, "")


def test_the_schema_can_be_printed(recon: Recon) -> None:
    assert recon("check", "--schema").json() == json.loads(json.dumps(schema()))


def test_an_account_that_shows_no_sign_of_life_is_not_covered(check: Recon, service: RecordedService) -> None:
    silent = service.story.account("A", alive=20)
    service.story.write(LedgerChanges(accounts={"A": silent}))
    result = check()
    assert result.status == NOT_COVERED
    assert "it shows no sign of life" in result.err
    assert service.now - service.story.at(20) > timedelta(seconds=30)


TOLD = """
    INSERT INTO recon_store.source_checks (gateway, edition, account, unit_kind, unit, source, at, seq, number,
        recorded_at, reported, expected, drift, verdict, told_unit, absent, external_id, data)
    SELECT gateway, edition, 'A', 'asset', :unit, :source, now() - CAST(:age AS interval), :seq, 0,
        now(), 1, 1, 0, :verdict, :unit, false, :source || :seq, ''
    FROM recon_store.editions
"""


def test_an_independent_source_must_have_agreed_where_one_is_required(
    check: Recon, service: RecordedService, engine: Engine
) -> None:
    service.accounts(A="covered")
    for unit, amount in (("BTC", "1"), ("ETH", "2"), ("DUST", "0")):
        service.story.hold("A", unit, amount)

    def told(unit: str, source: str, verdict: str, age: str, seq: int) -> None:
        values = {"unit": unit, "source": source, "verdict": verdict, "age": age, "seq": seq}
        with engine.begin() as connection:
            connection.execute(text(TOLD), values)

    def lacking(*arguments: str) -> dict[str, str]:
        result = check("--require-source", "custodian", *arguments)
        found = {each["unit"]: each["reason"] for each in result.json()["unseen"] if each["what"] == "source"}
        assert result.status == (NOT_COVERED if found else CLEAN)
        return found

    assert check().status == CLEAN
    assert lacking() == dict.fromkeys(["BTC", "ETH"], "no custodian has told of it since then"), "what is held alone"
    told("BTC", "custodian", "agreed", "2 hours", 1)
    told("ETH", "custodian", "agreed", "2 days", 2)
    told("ETH", "venue", "agreed", "1 hour", 3)
    assert list(lacking()) == ["ETH"], "another source said so, or too long ago"
    assert lacking("--require-source", "venue") == {}
    assert lacking("--since", "3d") == {}
    assert list(lacking("--since", "1h")) == ["BTC", "ETH"]
    told("BTC", "custodian", "break", "1 hour", 4)
    assert lacking()["BTC"] == "custodian: break", "what it said last counts"


def test_a_past_time_is_judged_by_what_was_and_what_was_known_then(
    check: Recon, day: TestDatabase, engine: Engine
) -> None:
    with engine.connect() as connection:
        began, opened, ended = connection.execute(
            text(
                "SELECT (SELECT min(recorded_at) FROM recon.events), (SELECT min(opened_at) FROM recon.breaks),"
                " (SELECT max(recorded_at) FROM recon.events)"
            )
        ).one()

    def at(time: datetime, *more: str) -> Result:
        return check("--as-of", time.isoformat(), "--known-at", time.isoformat(), *more)

    before = at(began - timedelta(hours=1))
    assert before.status == NOT_COVERED
    assert before.json()["unseen"][0]["what"] == "nothing"
    quiet = at(opened - timedelta(milliseconds=1))
    assert quiet.json()["breaks"] == [], "none had opened"
    later = at(ended)
    assert later.status == BREAKS
    with engine.connect() as connection:
        stored = connection.execute(
            text("SELECT id FROM recon.breaks_as_of(:at, :at) WHERE state = 'open'"), {"at": ended}
        ).scalars()
        assert {each["id"] for each in later.json()["breaks"]} == set(stored)
    assert later.json()["asked"]["as_of"] == later.json()["asked"]["known_at"]
    assert all(each["material"] for each in later.json()["breaks"]), "of no known worth"
    ignored = at(ended, "--fail-on", "none")
    assert ignored.status == (NOT_COVERED if ignored.json()["unseen"] else CLEAN)
    required = at(ended, "--fail-on", "none", "--require-covered", "--require-source", "custodian")
    assert required.status == NOT_COVERED
    assert {each["what"] for each in required.json()["unseen"]} >= {"source"}


def test_a_log_that_had_ended_before_covers_nothing_at_a_past_time(
    check: Recon, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    ended = datetime.now(UTC) - timedelta(hours=1)
    story = CoverageLog(database.service_url, "eu", ends_at=ended)
    intervals = story.intervals("A", (1, "covered", None), (40, "gap", "disconnected"), (50, "covered", None))
    story.write(LedgerChanges(accounts={"A": story.account("A")}, intervals=intervals))
    assert check("--as-of", ended.isoformat()).status == CLEAN
    covered = check("--as-of", ended.isoformat(), "--require-covered")
    assert [(each["what"], each["reason"]) for each in covered.json()["unseen"]] == [("gap", "gap: disconnected")]
    in_gap = check("--as-of", story.at(45).isoformat())
    assert in_gap.status == NOT_COVERED
    assert "it was not covered, but gap: disconnected" in in_gap.err
    after = check("--as-of", (ended + timedelta(minutes=5)).isoformat())
    assert after.status == NOT_COVERED
    assert "nothing was recorded from then until the time that is asked for" in after.err
