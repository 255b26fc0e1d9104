"""What a receiver of what is open hears: by the routes and the maintenance windows of the policy."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest

from recon.alerts.channels.hearing import Hearing
from recon.alerts.policy.fold import decide
from recon.alerts.policy.rules import Maintenance, Policy, Route
from recon.alerts.policy.state import State
from tests.alerts.policy.scripts import CHANNELS, T0, after, signal

OPS = "alertmanager:ops"


def hears(routes: tuple[Route, ...], *, gateway: str = "g", severity: str = "medium") -> bool:
    return Hearing(OPS, Policy(CHANNELS, routes)).hears(signal(1, gateway=gateway, severity=severity), T0)


@pytest.mark.parametrize("channels", [(), (OPS,), ("desk", OPS)])
@pytest.mark.parametrize("send", ["page", "gate"])
def test_it_hears_what_a_route_sends_to_it_or_to_all(channels: tuple[str, ...], send: Literal["page", "gate"]) -> None:
    assert hears((Route("r", channels, send),))


@pytest.mark.parametrize(
    "route",
    [Route("r", ("desk",)), Route("r", ("alertmanager:other",)), Route("r", (), "digest"), Route("r", (), "nothing")],
)
def test_it_hears_nothing_of_what_goes_elsewhere_or_waits(route: Route) -> None:
    assert not hears((route, Route("all", ())))


def test_the_routes_after_one_that_goes_on_count_too() -> None:
    elsewhere = Route("r", ("desk",), "page", goes_on=True)
    assert hears((elsewhere, Route("all", ())))
    assert not hears((elsewhere, Route("none", (), "nothing")))
    assert not hears((elsewhere,))


@pytest.mark.parametrize(
    ("gateway", "severity", "heard"),
    [("prod-eu", "medium", True), ("test", "medium", False), ("prod-eu", "low", False)],
)
def test_a_route_takes_what_it_matches(gateway: str, severity: str, *, heard: bool) -> None:
    only = Route("r", (OPS,), severity="medium", gateways=("prod-*",))
    assert hears((only,), gateway=gateway, severity=severity) is heard


def test_in_a_maintenance_window_it_hears_nothing_of_its_accounts() -> None:
    window = Maintenance("w", after(hours=1), after(hours=2), accounts=("KRAKEN/*",))
    hearing = Hearing(OPS, Policy(CHANNELS, (Route("all", ()),), maintenance=(window,)))
    moments = (after(), after(hours=1), after(hours=2) - timedelta(microseconds=1), after(hours=2))
    assert [hearing.hears(signal(1, account="KRAKEN/JOHN"), at) for at in moments] == [True, False, False, True]
    assert all(hearing.hears(signal(1, account="BITMEX"), at) for at in moments)


def test_no_message_is_queued_for_it() -> None:
    policy = Policy(("desk",), (Route("r", ("desk", OPS), "page"),))
    decision = decide(State(), policy, [signal(1)], [], T0)
    decision = decide(decision.state, policy, [], [], after(minutes=20))
    assert {message.channel for message in decision.messages} == {"desk"}
