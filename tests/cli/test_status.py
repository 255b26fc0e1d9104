"""`recon status` on one screen: what needs somebody first, each with its command; stale is said first and looks so."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import msgspec
import pytest

from recon.cli.command_line import COMMANDS
from recon.cli.status_screen import MAX_NEEDS, StatusView, status_lines
from recon.cli.tables.look import Look
from recon.display.shapes import shape_of
from recon.ledger.changes import Finding, LedgerChanges
from recon.log.events import NewEvent
from recon.reads.currency import Stale
from recon.reads.needs import Kind, Need, Needs
from recon.reads.standing import Standing
from recon.testing import BTC_USDT, GatewayDriver, OrderScript, balance_row
from recon.web.need_lines import line_of
from tests.cli.conftest import Recon
from tests.cli.test_breaks import fold_all
from tests.conftest import TestDatabase
from tests.support.coverage_rows import CoverageLog
from tests.support.database_days import fold, write_events

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
GATEWAY = {
    "name": "prod-eu", "state": "connected", "connected_at": NOW - timedelta(hours=1), "changed_at": NOW,
    "last_event_at": NOW, "head_seq": 1_234_567, "lag_events": 0, "recorder": "a",
}  # fmt: skip
COMMAND = "recon break assign --case 755136f7 --to WHO"


def look(width: int = 80, *, glyphs: bool = True) -> Look:
    return Look(width, 24, colour=False, glyphs=glyphs, now=NOW)


def standing(**changes: Any) -> Standing:
    of: dict[str, Any] = {
        "gateways": [GATEWAY], "accounts": 6, "covered": 6, "covered_then": 6, "unaccounted_orders": 0,
        "units": {"agreed": 14, "break": 5, "unmodelled": 1}, "open_cases": 4, "open_breaks": 5,
        "oldest": NOW - timedelta(seconds=31), "cleared_today": 1, "usd": Decimal("18523.08"), "sent": 6, "waiting": 0,
        "failed": 0, "last_sent_at": NOW, "channels": 2, "rules": {"prod-eu": "5e5334af00"}, "rules_waiting": [],
    }  # fmt: skip
    return Standing(**of | changes)


def view(*needs: Need, stale: tuple[Stale, ...] = (), **changes: Any) -> StatusView:
    work = Need(kind="take up", what="+0.2 ETH missed_fill, BINANCE", usd=Decimal(600), priced=True, note="alice")
    return StatusView(
        needs=Needs(needs, [work] if needs else []), standing=standing(**changes), stale=stale, running=not stale
    )


TAKE_UP = Need(
    kind="take up", what="+1,000 XBTUSD missed_fill, BITMEX", priced=True, since=NOW - timedelta(seconds=15),
    command=COMMAND,
)  # fmt: skip
APPROVE = Need(
    kind="to approve", what="+5.000 XETH deposit, KRAKEN/JOHN", usd=Decimal("15061.25"), priced=True,
    since=NOW - timedelta(seconds=24), note="proposed by alice; a second login decides",
    command="recon break approve 3d2feb0983",
)  # fmt: skip


def test_what_needs_somebody_is_first_with_worth_age_and_command() -> None:
    lines = status_lines(view(APPROVE, TAKE_UP), look())
    assert lines[0] == f"recon  current, nothing behind{' ' * 27}2026-01-05 09:00:00 UTC"
    assert lines[2].startswith("NEEDS SOMEBODY")
    assert lines[3].split()[:3] == ["1", "◐", "approve"]
    assert lines[3].endswith("+5.000 XETH deposit, KRAKEN/JOHN                15,061.25 USD  24 s")
    assert lines[4].strip() == "proposed by alice; a second login decides"
    assert lines[5].strip() == "recon break approve 3d2feb0983"
    assert "worth unknown" in lines[6]
    text = "\n".join(lines)
    assert "UNITS      ◆ 5 break   ✓ 14 agreed   □ 1 unmodelled" in text
    assert "CASES      ◆ 4 open (5 breaks), oldest 31 s   ✓ 1 cleared today" in text
    assert "  ✓ prod-eu  connected" in text
    assert "1,234,567" in text


def test_a_wide_screen_has_the_command_beside_it() -> None:
    lines = status_lines(view(APPROVE, TAKE_UP), look(120))
    assert any(line.startswith("2 ◆ take up") and line.endswith(COMMAND) for line in lines)


@pytest.mark.parametrize("width", [70, 80, 120, 200])
@pytest.mark.parametrize("stale", [(), (Stale("prod-eu", None, NOW - timedelta(seconds=34), "no service records it"),)])
def test_no_line_is_wider_than_the_screen(width: int, stale: tuple[Stale, ...]) -> None:
    long = Need(
        kind="look at", what="123,456,789,012,345.678901234567 SHIB " * 4, since=NOW - timedelta(days=400),
        usd=Decimal("123456789012.34"), priced=True, note="word " * 40, command="recon findings",
    )  # fmt: skip
    for line in status_lines(view(APPROVE, TAKE_UP, long, stale=stale), look(width)):
        assert len(line) <= width, line


def test_each_need_has_a_shape() -> None:
    for kind in get_args(Kind):
        line = status_lines(view(msgspec.structs.replace(TAKE_UP, kind=kind)), look())[3]
        assert shape_of(kind).glyph
        assert line.startswith(f"1 {shape_of(kind).glyph} "), line


@pytest.mark.parametrize(
    ("covered", "title"), [(0, "recon  no account is covered "), (3, "recon  current, but for 3 accounts ")]
)
def test_the_title_does_not_call_it_current_where_no_account_is_covered(covered: int, title: str) -> None:
    stale = tuple(Stale("prod-eu", name, NOW, "it is not covered, but unresolved", heard=True) for name in "ABC")
    assert status_lines(view(stale=stale, covered=covered), look())[0].startswith(title)


def test_stale_is_said_first_and_nothing_looks_current() -> None:
    gone = Stale("prod-eu", None, NOW - timedelta(seconds=34), "no service records it; start `recon run`")
    lines = status_lines(view(APPROVE, stale=(gone,)), look())
    text = "\n".join(lines)
    assert lines[0].startswith("▒ STALE  the service does not run")
    assert lines[1] == "  Figures are as of 08:59:26 UTC, 34 s ago. Breaks since then are not seen."
    assert "start it: recon run" in lines[2]
    assert "✓" not in text
    assert "current" not in text
    nothing = "\n".join(status_lines(view(stale=(gone,)), look()))
    assert "NOTHING KNOWN NEEDS SOMEBODY, but this is not current" in nothing


@pytest.mark.parametrize("stopped", [True, False])
def test_a_stale_screen_counts_who_was_covered_when_last_seen(
    recon: Recon, database: TestDatabase, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), symbols=[])
    for name in ("BITMEX", "GONE"):
        driver.server_info(account=name)
        for kind in ("SYMBOLS", "ORDER_EXEC_REPORT", "BALANCE", "POSITION"):
            driver.snapshot(f"{kind}_SNAPSHOT", [], account=name)
    for _ in range(45):
        driver.tick(silent=["GONE"])
    # Accounts are not all heard in the last moment.
    driver.tick(silent=["GONE", "BITMEX"])
    if stopped:
        driver.close_session("stopped")
    told = [NewEvent(each.kind, each.payload, each.received_at, each.account, each.session) for each in driver.log]
    write_events(database.service_url, "prod-eu", told)
    fold(database.service_url, "prod-eu")
    shown = recon("status").out
    assert "0 of 3 covered now; 2 when last seen" in shown, shown


def test_nothing_to_do_is_said_with_its_proof() -> None:
    text = "\n".join(status_lines(view(open_cases=0, open_breaks=0, units={"agreed": 20}), look()))
    assert "NOTHING NEEDS SOMEBODY" in text
    assert "20 units agree, all 6 accounts covered." in text
    assert "CASES      ✓ none open" in text


def test_a_fresh_start_is_not_called_clear_and_the_title_agrees_with_the_column() -> None:
    fresh: dict[str, Any] = {"accounts": 0, "covered": 0, "units": {}, "open_cases": 0, "open_breaks": 0}
    behind = [GATEWAY | {"lag_events": 84}, GATEWAY | {"name": "prod-us", "lag_events": 42}]
    text = "\n".join(status_lines(view(**fresh, gateways=behind), look()))
    assert text.startswith("recon  begins: nothing is known yet ")
    assert "NOTHING IS KNOWN YET" in text
    for word in ("NEEDS SOMEBODY", "nothing behind", "agree", "all 0", "none open"):
        assert word not in text
    title, *lines = status_lines(view(gateways=behind), look())
    assert title.startswith("recon  current, 126 events behind ")
    assert [line.split()[5] for line in lines if "prod-" in line] == ["84", "42"]


def test_without_a_channel_nobody_is_told_and_that_is_said() -> None:
    shown = "\n".join(status_lines(view(channels=0, sent=0, receivers=0, last_sent_at=None), look()))
    assert "nobody is told, for no channel is set up: recon docs alerts" in shown
    shown = "\n".join(status_lines(view(channels=0, sent=0, receivers=1, last_sent_at=None), look()))
    assert "nothing was sent yet" in shown


def test_more_than_a_screen_of_needs_is_counted() -> None:
    high = Look(80, 60, colour=False, glyphs=True, now=NOW)
    text = "\n".join(status_lines(view(*[TAKE_UP] * (MAX_NEEDS + 3)), high))
    assert f"{MAX_NEEDS + 3} things" in text
    assert "(3 more: recon status | less shows all)" in text


def test_on_a_low_terminal_notes_give_way_and_then_the_least_urgent() -> None:
    many = [APPROVE, *[TAKE_UP] * 7]
    low = look()
    lines = status_lines(view(*many), low)
    assert len(lines) < low.height
    assert "proposed by alice" not in "\n".join(lines)
    assert any("more: recon status | less" in line for line in lines)
    assert lines[3].startswith("1 ◐ approve")
    high = Look(80, 60, colour=False, glyphs=True, now=NOW)
    assert sum(line[2:3] == "◆" for line in status_lines(view(*many), high)) == 7


def test_without_utf8_shapes_are_ascii() -> None:
    text = "\n".join(status_lines(view(APPROVE, TAKE_UP), look(glyphs=False)))
    assert text.isascii()


# --- what needs somebody, in a database


@pytest.mark.postgres
def test_each_command_of_a_need_can_be_run(recon: Recon, day: TestDatabase) -> None:
    shown = recon("status", "--json").json()
    assert [need["kind"] for need in shown["needs"]].count("take up") > 0
    kinds = [need["kind"] for need in shown["needs"]]
    order = ["stale", "to approve", "take up", "not covered", "set up", "look at"]
    assert kinds == sorted(kinds, key=order.index), "ordered by need"
    assert {"gateways", "accounts", "open_breaks", "alerts", "verdicts", "service"} <= set(shown), "as before"
    for need in shown["needs"]:
        words = shlex.split(need["command"].replace("WHO", "Bo"))
        assert words[0] == "recon"
        if need["kind"] not in {"stale", "take up"} and words[1] in COMMANDS:
            assert recon(*words[1:]).status in {0, 11}, need
    take_up = next(need for need in shown["needs"] if need["kind"] == "take up")
    assert recon(*shlex.split(take_up["command"].replace("WHO", "Bo"))[1:]).status == 0
    fold_all(day)
    after = recon("status", "--json").json()
    assert take_up["case_id"] in {need["case_id"] for need in after["in_work"]}
    assert take_up["case_id"] not in {need["case_id"] for need in after["needs"]}


@pytest.mark.postgres
def test_a_proposal_needs_somebody_first_with_its_digest(recon: Recon, day: TestDatabase) -> None:
    row = max(recon("breaks", "--json").json()["breaks"], key=lambda each: Decimal(each["amount_usd"] or 0))
    proposed = recon("break", "propose", row["id"], "--cause", "deposit", "--name", "alice", "--json").json()
    fold_all(day)
    needs = [need for need in recon("status", "--json").json()["needs"] if need["kind"] != "stale"]
    assert needs[0]["kind"] == "to approve"
    assert needs[0]["command"] == f"recon break approve {proposed['digests'][0][:10]}"
    assert Decimal(needs[0]["usd"]) == abs(Decimal(row["amount_usd"]))


@pytest.mark.postgres
def test_a_pipe_gets_the_screen_without_colours_and_shapes(recon: Recon, day: TestDatabase) -> None:
    shown = recon("status")
    assert shown.status == 11
    assert shown.out.startswith("~ STALE  ")
    assert "\x1b" not in shown.out
    assert shown.out.isascii()
    assert "set up" in shown.out
    assert json.loads(recon("status", "--json").out)["current"] is False
    wrong = recon("status", "--gateway", "prod-eux")
    assert (wrong.status, "did you mean prod-eu" in wrong.err) == (2, True)


def test_each_gateway_that_is_not_current_is_named_in_the_headline() -> None:
    stale = tuple(Stale(f"prod-{number}", None, NOW, "it is failing") for number in range(9))
    head = [
        status_lines(msgspec.structs.replace(view(stale=stale[:many]), running=True), look())[0] for many in (1, 2, 9)
    ]
    assert "prod-0 is not current" in head[0]
    assert "prod-0 and prod-1 are not current" in head[1]
    assert "9 gateways are not current" in head[2]


@pytest.mark.postgres
def test_an_asset_that_was_named_since_needs_nobody_and_one_that_was_not_is_to_be_set_up(
    recon: Recon, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    told = CoverageLog(database.service_url)
    told.write(
        LedgerChanges(
            accounts={"KRAKEN": told.account("KRAKEN")},
            intervals=told.intervals("KRAKEN", (1, "covered", None)),
            findings=[
                Finding("KRAKEN", 10, "unmapped", "USD", "USD: no balance row"),
                Finding("KRAKEN", 11, "unmapped", "ETH", "ETH: no balance row"),
                Finding("KRAKEN", 12, "unreadable", "", "it is no JSON"),
            ],
        )
    )
    told.hold("KRAKEN", "USD", "5")
    told.hold("KRAKEN", "ETH", None, judgement="unobserved")
    needs = recon("status", "--json").json()["needs"]
    assert [need["what"] for need in needs if need["kind"] == "look at"] == ["1 finding unreadable, eu event 12"]
    (to_set_up,) = [need["what"] for need in needs if need["kind"] == "set up"]
    assert to_set_up.startswith("KRAKEN ETH is not judged")

    def said() -> tuple[str, str]:
        (need,) = (each for each in recon("status", "--json").json()["needs"] if each["kind"] == "set up")
        return need["note"], line_of(Need(kind="set up", what=need["what"], note=need["note"])).button

    assert said() == ("", "Open"), "nothing is known to be ETH, so there is no line to add"
    told.hold("KRAKEN", "XETH", "5")
    assert said() == ("it prints the lines to add", "Show lines")


@pytest.mark.postgres
def test_an_account_whose_orders_are_not_known_needs_somebody(
    recon: Recon, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    told, why = CoverageLog(database.service_url), "which orders are open could not be read"
    told.write(
        LedgerChanges(
            accounts={
                "A": told.account("A", "unresolved", why),
                "B": told.account("B", "unresolved", "2 orders", missing="b-1 b-2"),
                "C": told.account("C", "catching_up", "snapshots are missing"),
            },
        )
    )
    needs = [need for need in recon("status", "--json").json()["needs"] if need["kind"] == "not covered"]
    assert [need["what"] for need in needs] == [f"A: {why}", "B: 2 orders not accounted for since a gap"]
    assert needs[0]["command"] == "recon coverage --account A"


@pytest.mark.postgres
def test_what_a_finding_tells_is_no_news_once_it_is_over(
    recon: Recon, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "1000"), symbols=[])
    driver.report(OrderScript("a", [("1", "100")]).report(1))
    (waits,) = driver.findings("instrument_unknown")
    told = CoverageLog(database.service_url)
    unmatched = Finding(None, 11, "setting_unmatched", "account X", "account X matches nothing")
    told.write(LedgerChanges(findings=[waits, unmatched]))

    def look_at() -> list[str]:
        needs = recon("status", "--json").json()["needs"]
        return sorted(need["what"] for need in needs if need["kind"] == "look at")

    def over() -> dict[str, bool]:
        return {row["kind"]: row["is_over"] for row in recon("findings", "--json").json()}

    assert look_at() == [
        f"1 finding instrument_unknown, eu event {waits.seq}",
        "1 finding setting_unmatched, eu event 11",
    ]
    assert over() == {"instrument_unknown": False, "setting_unmatched": False}
    driver.symbols(BTC_USDT)
    told.write(LedgerChanges(fills=driver.ledger.changes.fills))
    assert over() == {"instrument_unknown": True, "setting_unmatched": False}
    assert "nothing to do: this is over" in recon("findings", "--filter", "kind=instrument_unknown").out
    assert look_at() == ["1 finding setting_unmatched, eu event 11"]
    told.write(LedgerChanges(findings=[Finding(None, 12, "rules_approved", "00", "approved")]))
    assert look_at() == []
    told.write(LedgerChanges(findings=[msgspec.structs.replace(unmatched, seq=13)]))
    assert look_at() == ["1 finding setting_unmatched, eu event 13"]
    write_events(database.service_url, "eu", [NewEvent("rules", b"{}", told.ends_at)])
    assert look_at() == []
