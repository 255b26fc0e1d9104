"""In what ways recon does not see, told from what is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from recon.alerts.watch.alert import watch_signal
from recon.alerts.watch.conditions import AWAY, KINDS, SEVERITY, away, conditions
from recon.alerts.watch.decide import Notice, Watched
from recon.alerts.watch.facts import AccountFact, Facts, GatewayFact, PartFact
from recon.config import Settings
from recon.service.watcher import plan_of

NOW = datetime(2026, 1, 5, 3, tzinfo=UTC)
LONG_AGO = NOW - timedelta(minutes=5)
WELL = GatewayFact(
    "prod-eu", "connected", LONG_AGO, LONG_AGO, recorder="host:1", head_seq=900, last_event_at=NOW, projected_seq=900
)
COVERED = AccountFact("prod-eu", "KRAKEN/JOHN", "covered", None, NOW)
GAP = AccountFact("prod-eu", "KRAKEN/ANN", "gap", "no heartbeat", LONG_AGO)


def told(gateway: GatewayFact, *accounts: AccountFact, parts: list[PartFact] | None = None) -> dict[str, str]:
    """Return the conditions that are not covered, with their details."""
    held = conditions(Facts(NOW, [gateway], list(accounts), parts or []))
    return {f"{each.kind} {each.about}".strip(): each.detail for each in held if not each.covered}


def but(**changes: object) -> GatewayFact:
    return msgspec.structs.replace(WELL, **changes)


def part(name: str, state: str, since: datetime = LONG_AGO, failures: int = 0) -> PartFact:
    return PartFact("prod-eu", "host:1", name, state, "why", since, failures)


def test_when_all_is_well_there_is_none() -> None:
    assert told(WELL, COVERED, parts=[part("recorder", "recording"), part("projection", "running")]) == {}


@pytest.mark.parametrize(
    ("gateway", "detail"),
    [
        (but(state="failing", reason="refused", detail="nobody listens"), "failing: refused: nobody listens"),
        (but(state="disconnected", reason="shutdown"), "disconnected: shutdown"),
        (but(state="disconnected", reason="disconnected", detail="no close"), "disconnected: no close"),
        (but(state="silent"), "silent"),
        (GatewayFact("prod-eu", recorder="host:1"), "unconnected"),
        (but(recorder=None), "unrecorded: no instance holds the lease"),
    ],
)
def test_a_gateway_without_a_recorded_session_is_down_and_hides_its_accounts(gateway: GatewayFact, detail: str) -> None:
    assert told(gateway, COVERED, GAP) == {"gateway.down": detail}


def test_accounts_that_are_not_covered_are_told_one_by_one() -> None:
    catching = msgspec.structs.replace(COVERED, account="B", state="catching_up", reason="asking")
    unresolved = msgspec.structs.replace(COVERED, account="C", state="unresolved", reason="1 order")
    assert told(WELL, COVERED, GAP, catching, unresolved) == {
        "account.not_covered KRAKEN/ANN": "no heartbeat",
        "account.catching_up B": "asking",
        "account.unresolved C": "1 order",
    }


def test_a_session_in_which_no_account_lives_is_stalled() -> None:
    assert list(told(WELL, GAP)) == ["gateway.stalled"]
    assert list(told(WELL)) == ["gateway.stalled"]
    assert told(but(connected_at=NOW - timedelta(seconds=3)), COVERED) == {}
    assert list(told(but(connected_at=NOW - timedelta(seconds=3)), GAP)) == ["account.not_covered KRAKEN/ANN"]


def test_books_that_do_not_follow_are_behind_and_say_nothing_of_accounts() -> None:
    behind = but(lag_events=7, projected_seq=893, unfolded_at=NOW - timedelta(seconds=40))
    assert told(behind, GAP) == {"projection.behind": "7 events after log position 893 not folded"}
    assert told(but(lag_events=7, unfolded_at=NOW - timedelta(seconds=1)), COVERED) == {}


def test_a_part_that_fails_is_told_while_it_fails_and_shortly_after() -> None:
    assert list(told(WELL, COVERED, parts=[part("projection", "restarting")])) == ["part.failing projection"]
    again = part("projection", "running", NOW - timedelta(seconds=5), failures=3)
    assert list(told(WELL, COVERED, parts=[again])) == ["part.failing projection"]
    assert told(WELL, COVERED, parts=[part("projection", "running", failures=3)]) == {}
    assert told(WELL, COVERED, parts=[part("consumer", "waiting", NOW, failures=3)]) == {}, "that is a gateway's"


def test_an_overrun_and_waiting_rules_are_told() -> None:
    assert list(told(but(overrun_at=NOW - timedelta(seconds=9)), COVERED)) == ["buffer.overrun"]
    assert told(but(overrun_at=LONG_AGO), COVERED) == {}
    assert list(told(but(rules_wait_since=LONG_AGO), COVERED)) == ["rules.waiting"]


def test_that_nobody_looked_is_told() -> None:
    assert away(None, NOW, timedelta(minutes=1)) is None
    assert away(NOW - timedelta(seconds=59), NOW, timedelta(minutes=1)) is None
    missed = away(LONG_AGO, NOW, timedelta(minutes=1))
    assert missed is not None
    assert (missed.kind, missed.since) == ("service.away", LONG_AGO)


def test_every_kind_has_a_wait_of_its_own_in_the_settings() -> None:
    plan = plan_of(Settings.model_validate({"alerts": {"gateway_down": "7s"}}))
    assert set(plan.waits.by_kind) == set(KINDS)
    assert plan.waits.by_kind["gateway.down"] == timedelta(seconds=7)


def test_every_kind_has_a_severity_and_its_signal_carries_it() -> None:
    assert set(SEVERITY) == {*KINDS, AWAY}
    watched = Watched("g", "gateway.down", "", NOW, NOW, True, NOW, True, 1, "refused", None)
    for over in (False, True):
        assert watch_signal(Notice(watched, over=over, at=NOW), 1).signal.severity == "critical"
