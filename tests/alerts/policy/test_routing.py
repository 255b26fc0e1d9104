"""Which channels a signal goes to, and routes that never take anything."""

from __future__ import annotations

import msgspec
import pytest

from recon.alerts.policy.routing import ways_of
from recon.alerts.policy.rules import SEVERITIES, Gate, Policy, Route
from recon.alerts.policy.shadowed import never_taken
from recon.reconciliation.model.severity import LEVELS
from tests.alerts.policy.scripts import signal

CHANNELS = ("desk", "duty")


def told(*routes: Route, gate: Gate | None = None, facts: dict[str, str] | None = None) -> dict[str, bool]:
    """Return the channels that a signal goes to, and whether at once."""
    policy = Policy(CHANNELS, routes=routes, gate=gate or Gate())
    one = msgspec.structs.replace(signal(1), **(facts or {}))
    return {way.channel: way.page for way in ways_of(policy, one).ways}


def test_severities_are_those_of_breaks() -> None:
    assert SEVERITIES == LEVELS


@pytest.mark.parametrize(
    ("route", "facts", "taken"),
    [
        (Route("r", ("desk",), severity="high"), {"severity": "medium"}, False),
        (Route("r", ("desk",), severity="high"), {"severity": "critical"}, True),
        (Route("r", ("desk",), severity="info"), {"severity": ""}, False),
        (Route("r", ("desk",), causes=("missed_*", "funding")), {"cause": "missed_fill_gap"}, True),
        (Route("r", ("desk",), causes=("missed_*", "funding")), {"cause": "reward"}, False),
        (Route("r", ("desk",), certainties=("exact",)), {"certainty": "inferred"}, False),
        (Route("r", ("desk",), gateways=("prod-*",)), {"gateway": "prod-eu"}, True),
        (Route("r", ("desk",), gateways=("prod-*",)), {"gateway": "test"}, False),
        (Route("r", ("desk",), accounts=("KRAKEN/*",)), {"account": "KRAKEN/JOHN"}, True),
        (Route("r", ("desk",), accounts=("KRAKEN/*",)), {"account": "kraken/JOHN"}, False),
        (Route("r", ("desk",), units=("BTC",)), {"unit": "BTC"}, True),
        (Route("r", ("desk",), units=("BTC",)), {"unit": "WBTC"}, False),
        (Route("r", ("desk",), events=("gateway.*",)), {"event": "gateway.down"}, True),
        (Route("r", ("desk",), events=("gateway.*",)), {"event": "break.opened"}, False),
    ],
)
def test_a_route_takes_what_fits_all_that_it_names(route: Route, facts: dict[str, str], *, taken: bool) -> None:
    assert told(route, facts=facts) == ({"desk": True} if taken else {})


def test_the_first_route_holds_and_one_that_goes_on_adds_the_next() -> None:
    first, second = Route("a", ("desk",)), Route("b", ("duty",))
    assert told(first, second) == {"desk": True}
    assert told(Route("a", ("desk",), goes_on=True), second) == {"desk": True, "duty": True}
    assert told(Route("a", ("desk",), units=("ETH",)), second) == {"duty": True}


def test_without_channels_a_route_means_all_of_them() -> None:
    assert told(Route("a", ())) == {"desk": True, "duty": True}


def test_of_two_ways_to_a_channel_the_faster_one_holds() -> None:
    slow, fast = Route("a", ("desk",), send="digest", goes_on=True), Route("b", ("desk",), send="page")
    assert told(slow, fast) == {"desk": True}
    assert told(Route("b", ("desk",), send="page", goes_on=True), Route("a", ("desk",), send="digest")) == {
        "desk": True
    }


def test_a_route_may_say_how_whatever_the_gate_says() -> None:
    candidate = {"certainty": "candidate", "severity": "low"}
    assert told(Route("a", ("desk",)), facts=candidate) == {"desk": False}
    assert told(Route("a", ("desk",), send="page"), facts=candidate) == {"desk": True}
    assert told(Route("a", ("desk",), send="digest"), facts={"certainty": "exact"}) == {"desk": False}
    assert told(Route("a", (), send="nothing"), Route("b", ())) == {}
    assert told(Route("a", ("desk",)), gate=Gate(("exact", "inferred", "candidate")), facts=candidate) == {"desk": True}
    assert told(Route("a", ("desk",)), gate=Gate((), "low"), facts={"certainty": "exact", "severity": "info"}) == {
        "desk": False
    }


@pytest.mark.parametrize(
    ("before", "route", "is_taken"),
    [
        (Route("a", ()), Route("b", (), causes=("funding",)), False),
        (Route("a", (), goes_on=True), Route("b", (), causes=("funding",)), True),
        (Route("a", (), causes=("f*",)), Route("b", (), causes=("funding",)), False),
        (Route("a", (), causes=("f*",)), Route("b", (), causes=("funding", "reward")), True),
        (Route("a", (), causes=("f*",)), Route("b", ()), True),
        (Route("a", (), severity="low"), Route("b", (), severity="high"), False),
        (Route("a", (), severity="high"), Route("b", (), severity="low"), True),
        (Route("a", (), severity="low"), Route("b", ()), True),
        (Route("a", (), causes=("?x",)), Route("b", (), causes=("[ab]x",)), True),
        (Route("a", ()), Route("b", (), gateways=("nowhere",)), False),
        (Route("a", (), causes=("f*",)), Route("b", (), gateways=("nowhere", "prod-*")), True),
    ],
)
def test_routes_that_never_take_anything_are_named(before: Route, route: Route, *, is_taken: bool) -> None:
    found = never_taken(Policy(CHANNELS, routes=(before, route, Route("default", ()))), ["prod-eu"])
    assert [name for name, _ in found] == ([] if is_taken else ["b"])


def test_why_a_route_never_takes_anything_is_said() -> None:
    policy = Policy(
        CHANNELS, routes=(Route("a", ()), Route("b", ()), Route("c", (), gateways=("x", "y")), Route("d", ()))
    )
    assert never_taken(policy, ["prod-eu"]) == [
        ("b", "route a stands before it and takes all that it could"),
        ("c", "no gateway is named x or y"),
    ]
