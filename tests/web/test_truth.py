"""The strip of truth: what it says may be believed, and no more."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from recon.reads.currency import Stale
from recon.web.keys import KEYS
from recon.web.request_rate import BURST, PER_SECOND, RequestRate
from recon.web.static_files import StaticFiles
from recon.web.truth import GatewayTruth, Truth
from recon.web.writer import Writer

AT = datetime(2026, 11, 28, 19, 33, 19, tzinfo=UTC)
GONE = "no service records it; start `recon run`"


def truth(*stale: Stale, covered: int = 6, lag: int = 0) -> Truth:
    gateways = [GatewayTruth("prod-eu", 1205, lag), GatewayTruth("prod-us", 955, 0)]
    return Truth(at=AT, gateways=gateways, accounts=6, covered=covered, cases=4, stale=stale)


@pytest.mark.parametrize(
    ("stale", "kind"),
    [
        ((), "current"),
        ((Stale("prod-eu", None, AT, GONE), Stale("prod-us", None, AT, GONE)), "stale"),
        ((Stale("prod-us", None, AT, "it is failing"),), "partly"),
        ((Stale("prod-eu", None, AT, "the books are 4120 events behind the log"),), "behind"),
        ((Stale("prod-eu", "BINANCE", AT, "it is not covered, but gap"),), "partly"),
    ],
)
def test_only_what_is_seen_is_called_current(stale: tuple[Stale, ...], kind: str) -> None:
    told = truth(*stale, lag=4120 if kind == "behind" else 0)
    strip = Writer(()).strip(told)
    assert told.kind == kind
    assert told.believed == (kind == "current")
    assert ("st-live" in strip) == (kind == "current")
    assert ('role="alert"' in strip) == (kind == "stale")
    for each in stale:
        assert each.gateway in strip
        assert ("behind 4,120 events" if kind == "behind" else each.reason.replace("`", "").split(";")[0]) in strip


def test_no_gateway_at_all_proves_nothing() -> None:
    empty = Truth(at=AT, gateways=[], accounts=0, covered=0, cases=0, stale=[])
    assert (empty.kind, empty.believed) == ("stale", False)
    assert not truth(covered=5).believed


def test_gateways_that_stopped_for_one_reason_are_named_together() -> None:
    told = truth(Stale("prod-eu", None, AT, GONE), Stale("prod-us", None, AT, GONE))
    assert told.stopped == ["prod-eu, prod-us: no service records it; start recon run"]
    assert told.seen_until == AT


def test_a_budget_of_requests_fills_steadily() -> None:
    rate = RequestRate()
    assert [rate.wait("a", 0.0) for _ in range(BURST)] == [0.0] * BURST
    assert rate.wait("a", 0.0) > 0
    assert rate.wait("b", 0.0) == 0, "an address has a budget of its own"
    assert rate.wait("a", 1.0) == 0
    assert sum(rate.wait("a", 1.0) == 0 for _ in range(BURST)) == int(PER_SECOND) - 1


def test_every_key_is_listed_once() -> None:
    keys = [each.keys for each in KEYS]
    assert len(keys) == len(set(keys))
    assert StaticFiles().address("page.js").startswith("/static/page-")
