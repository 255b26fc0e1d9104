"""The contract of receivers that are told what is open, and what each of them is told, by its own rules."""

from __future__ import annotations

import base64
import json
import re
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypedDict

import httpx
import jsonschema
import pytest
import trio
from pydantic import ValidationError

from recon.alerts.channels import registry
from recon.alerts.channels.alertmanager import (
    MAX_BATCH,
    WATCHDOG,
    AlertmanagerSender,
    labels_of,
)
from recon.alerts.channels.level import OpenAlert, Post
from recon.alerts.channels.pagerduty import PagerDutySender
from recon.config import Alertmanager, PagerDuty, Settings
from recon.errors import DeliveryError
from tests.support.level_receivers import T0, case
from tests.support.webhook_receiver import Answer, Receiver

TOKEN = "T0KENT0KENT0KEN"
KINDS = ("alertmanager", "pagerduty")
NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)

#: What an Alertmanager takes (`postableAlerts` in its api/v2/openapi.yaml), and the names that it takes for labels.
ALERTS: Final[dict[str, object]] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["labels"],
        "additionalProperties": False,
        "properties": {
            "labels": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"type": "string", "minLength": 1},
                "propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"},
            },
            "annotations": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"},
            },
            "startsAt": {"type": "string", "format": "date-time"},
            "endsAt": {"type": "string", "format": "date-time"},
            "generatorURL": {"type": "string"},
        },
    },
}
#: What PagerDuty takes (Events API v2).
EVENT: Final[dict[str, object]] = {
    "type": "object",
    "required": ["routing_key", "event_action", "dedup_key"],
    "additionalProperties": False,
    "properties": {
        "routing_key": {"type": "string"},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "maxLength": 255},
        "client": {"type": "string"},
        "payload": {
            "type": "object",
            "required": ["summary", "source", "severity"],
            "additionalProperties": False,
            "properties": {
                "summary": {"type": "string", "minLength": 1, "maxLength": 1024},
                "source": {"type": "string", "minLength": 1},
                "severity": {"enum": ["critical", "error", "warning", "info"]},
                "timestamp": {"type": "string", "format": "date-time"},
                "component": {"type": "string"},
                "group": {"type": "string"},
                "class": {"type": "string"},
                "custom_details": {"type": "object"},
            },
        },
    },
    "if": {"properties": {"event_action": {"const": "trigger"}}},
    "then": {"required": ["payload"]},
}


class Told(TypedDict):
    """One alert as an Alertmanager receives it."""

    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str
    endsAt: str


def now() -> datetime:
    return NOW


def alertmanager(there: Receiver, client: httpx.AsyncClient, **keys: object) -> AlertmanagerSender:
    table = Alertmanager.model_validate({"url": f"{there.url}/prefix/", "token": TOKEN, **keys})
    return AlertmanagerSender("ops", table, client, now)


def pagerduty(there: Receiver, client: httpx.AsyncClient, **keys: object) -> PagerDutySender:
    table = PagerDuty.model_validate({"url": f"{there.url}/v2/enqueue", "routing_key": TOKEN, **keys})
    return PagerDutySender("ops", table, client, now)


@pytest.fixture(params=KINDS)
async def sender(request: pytest.FixtureRequest, there: Receiver, client: httpx.AsyncClient) -> registry.LevelSender:
    return alertmanager(there, client) if request.param == "alertmanager" else pagerduty(there, client)


def post_of(sender: registry.LevelSender, alert: OpenAlert, kind: str = "fire") -> Post:
    identity = sender.identity(alert)
    assert identity is not None
    return Post(kind, identity, alert)  # type: ignore[arg-type]


async def told(sender: registry.LevelSender, posts: Sequence[Post]) -> None:
    while posts:
        taken = await sender.tell(posts)
        assert 0 < taken <= len(posts)
        posts = posts[taken:]


def test_every_registered_level_channel_keeps_the_contract() -> None:
    assert {registered.kind for registered in registry._level_channels.values()} == set(KINDS)


@pytest.mark.trio
async def test_all_is_told_and_an_identity_stays(sender: registry.LevelSender, there: Receiver) -> None:
    alerts = [case("a"), case("b")]
    await told(sender, [post_of(sender, alert) for alert in alerts])
    bodies = "".join(received.body for received in there.received)
    assert "case a" in bodies
    assert "case b" in bodies
    assert len({sender.identity(alert) for alert in alerts}) == 2
    assert sender.identity(case("a", summary="other words", details={"case": "a", "more": "x"})) == (
        sender.identity(case("a"))
    )


@pytest.mark.parametrize(
    ("status", "slow", "retry_after"), [(503, False, 7), (500, False, None), (429, False, 7), (400, True, None)]
)
@pytest.mark.trio
async def test_a_refusal_says_how_to_go_on(
    sender: registry.LevelSender, there: Receiver, status: int, slow: bool, retry_after: int | None
) -> None:
    there.answer(Answer(status, headers=(("retry-after", "7"),), body=TOKEN.encode()))
    with pytest.raises(DeliveryError, match="'ops'") as caught:
        await sender.tell([post_of(sender, case("a"))])
    assert (caught.value.slow, caught.value.retry_after) == (slow, retry_after)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.trio
async def test_can_be_interrupted_and_used_again(sender: registry.LevelSender, there: Receiver) -> None:
    there.answer(Answer(stall=True))
    with trio.move_on_after(0.1) as scope:
        await sender.tell([post_of(sender, case("a"))])
    assert scope.cancelled_caught
    assert await sender.tell([post_of(sender, case("a"))]) == 1


@pytest.mark.trio
async def test_what_it_is_called_tells_no_secret(sender: registry.LevelSender) -> None:
    assert TOKEN not in repr(sender)


def received_alerts(there: Receiver) -> list[list[Told]]:
    found = [json.loads(received.body) for received in there.received]
    for body in found:
        jsonschema.validate(body, ALERTS, format_checker=jsonschema.FormatChecker())
    return found


@pytest.mark.trio
async def test_alertmanager_is_told_ends_and_intervals(there: Receiver, client: httpx.AsyncClient) -> None:
    ops = alertmanager(there, client, every="2m")
    over = case("a", ended_at=T0 + timedelta(minutes=3), taken_up=True)
    await told(ops, [post_of(ops, case("a")), post_of(ops, case("b")), post_of(ops, over, "resolve")])
    first, second = received_alerts(there)
    assert [alert["labels"]["case"] for alert in first] == ["a", "b"]
    assert first[0]["startsAt"] == "2026-01-05T09:30:00Z"
    assert first[0]["endsAt"] == "2026-01-05T10:08:00Z", "four intervals from now"
    (end,) = second
    assert end["labels"] == first[0]["labels"]
    assert (end["startsAt"], end["endsAt"]) == ("2026-01-05T09:30:00Z", "2026-01-05T09:33:00Z")
    assert end["annotations"]["taken_up"] == "yes"
    assert there.received[0].path == "/prefix/api/v2/alerts"
    assert there.received[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.trio
async def test_further_labels_tell_two_recons_apart(there: Receiver, client: httpx.AsyncClient) -> None:
    ops = alertmanager(there, client, labels={"env": "prod"})
    await told(ops, [post_of(ops, alert) for alert in [case("a"), *ops.standing(NOW)]])
    ((first, alive),) = received_alerts(there)
    assert (first["labels"]["env"], alive["labels"]["env"]) == ("prod", "prod")
    assert alive["labels"] == {"alertname": WATCHDOG, "service": "recon", "env": "prod"}


@pytest.mark.trio
async def test_no_request_to_alertmanager_is_large(there: Receiver, client: httpx.AsyncClient) -> None:
    ops = alertmanager(there, client)
    await told(ops, [post_of(ops, case(f"{number}")) for number in range(MAX_BATCH + 1)])
    assert [len(body) for body in received_alerts(there)] == [MAX_BATCH, 1]


@pytest.mark.trio
async def test_an_end_before_its_beginning_is_none(there: Receiver, client: httpx.AsyncClient) -> None:
    ops = alertmanager(there, client)
    await told(ops, [post_of(ops, case("a", ended_at=T0 - timedelta(hours=1)), "resolve")])
    ((end,),) = received_alerts(there)
    assert end["startsAt"] <= end["endsAt"]


def test_labels_of_a_condition() -> None:
    down = OpenAlert("k", "account.not_covered", "prod-eu", "BINANCE", "words", T0, severity="high")
    assert labels_of(down) == {
        "alertname": "account.not_covered",
        "service": "recon",
        "gateway": "prod-eu",
        "account": "BINANCE",
        "severity": "high",
    }


@pytest.mark.trio
async def test_below_its_severity_alertmanager_is_not_told_but_that_recon_sees(
    there: Receiver, client: httpx.AsyncClient
) -> None:
    ops = alertmanager(there, client, severity="high")
    assert ops.identity(case("a")) is None
    assert ops.identity(case("a", severity="critical")) is not None
    (alive,) = ops.standing(NOW)
    assert alive.kind == WATCHDOG
    assert ops.identity(alive) is not None
    assert alertmanager(there, client, watchdog=False).standing(NOW) == []


def received_events(there: Receiver) -> list[dict[str, object]]:
    found: list[dict[str, object]] = [json.loads(received.body) for received in there.received]
    for body in found:
        jsonschema.validate(body, EVENT, format_checker=jsonschema.FormatChecker())
    return found


@pytest.mark.trio
async def test_pagerduty_triggers_acknowledges_and_resolves_by_one_key(
    there: Receiver, client: httpx.AsyncClient
) -> None:
    ops = pagerduty(there, client)
    kinds = ("fire", "take_up", "resolve")
    await told(ops, [post_of(ops, case("a", taken_up=True), kind) for kind in kinds])
    events = received_events(there)
    assert [event["event_action"] for event in events] == ["trigger", "acknowledge", "resolve"]
    assert len({event["dedup_key"] for event in events}) == 1
    assert {event["routing_key"] for event in events} == {TOKEN}
    assert "payload" not in events[1]


@pytest.mark.trio
async def test_a_trigger_fits_the_bounds_whatever_it_tells(there: Receiver, client: httpx.AsyncClient) -> None:
    ops = pagerduty(there, client)
    long = case("a" * 500, summary="€" * 3000, gateway="", about="", severity="")
    await told(ops, [post_of(ops, long)])
    received_events(there)


@pytest.mark.parametrize(
    ("alert", "keys", "pages"),
    [
        (case("a"), {}, True),
        (case("a", certainty="candidate"), {}, False),
        (case("a", certainty="candidate"), {"candidates": True}, True),
        (case("a", certainty="candidate", severity="high"), {}, True),
        (case("a"), {"severity": "high"}, False),
        (case("a", severity="critical"), {"severity": "high"}, True),
        (OpenAlert("k", "gateway.down", "g", "", "words", T0, severity="high"), {"severity": "high"}, True),
        (OpenAlert("k", "rules.waiting", "g", "", "words", T0, severity="low"), {"severity": "high"}, False),
    ],
)
@pytest.mark.trio
async def test_whom_pagerduty_pages(
    there: Receiver, client: httpx.AsyncClient, alert: OpenAlert, keys: dict[str, object], pages: bool
) -> None:
    assert (pagerduty(there, client, **keys).identity(alert) is not None) is pages


@pytest.mark.parametrize(
    ("table", "model", "says"),
    [
        ({"url": "http://alertmanager.example.com"}, Alertmanager, "https://"),
        ({"url": "https://a.example.com", "every": "1s"}, Alertmanager, "between 5s and 15m"),
        ({"url": "https://a.example.com", "labels": {"case": "x"}}, Alertmanager, "recon sets this label itself"),
        ({"url": "https://a.example.com", "labels": {"a-b": "x"}}, Alertmanager, "pattern"),
        ({"routing_key": "k", "every": "5s"}, PagerDuty, "between 1m and 7d"),
        ({}, PagerDuty, "routing_key"),
    ],
)
def test_settings_that_tell_nothing_well_are_refused(
    table: dict[str, object], model: type[Alertmanager | PagerDuty], says: str
) -> None:
    with pytest.raises(ValidationError, match=re.escape(says)):
        model.model_validate(table)


@pytest.mark.trio
async def test_the_settings_open_their_senders_and_the_outbox_knows_none_of_them() -> None:
    settings = Settings.model_validate(
        {
            "alertmanager": {"main": {"url": "https://a.example.com"}},
            "pagerduty": {"trading": {"routing_key": TOKEN}},
            "webhooks": {
                "ops": {"url": "https://h.example.com", "secret": base64.b64encode(b"key").decode()},
            },
        }
    )
    async with registry.open_level_senders(settings, now) as senders:
        assert sorted(senders) == ["alertmanager:main", "pagerduty:trading"]
    assert registry.configured_channels(settings) == ["webhook:ops"]


@pytest.mark.trio
async def test_a_trial_begins_and_ends_whatever_the_least_severity_is(
    there: Receiver, client: httpx.AsyncClient
) -> None:
    await registry.try_level(pagerduty(there, client, severity="critical"), NOW)
    assert [event["event_action"] for event in received_events(there)] == ["trigger", "resolve"]
    there.received.clear()
    await registry.try_level(alertmanager(there, client, severity="critical"), NOW)
    (first,), (last,) = received_alerts(there)
    assert first["labels"] == last["labels"]
    assert first["endsAt"] > last["endsAt"]
