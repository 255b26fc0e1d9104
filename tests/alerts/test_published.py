"""What receivers may rely on: the schemas that ship are those of the code, and every document keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from importlib.resources import files

import jsonschema
import pytest
from sqlalchemy import text

from recon.alerts.break_alert import SIGNALLED
from recon.alerts.channels.cloud_event import cloud_event
from recon.alerts.finding import TOLD, finding_signals
from recon.alerts.published import DOCUMENTS
from recon.alerts.refused import refused_signal
from recon.alerts.signal import NewSignal
from recon.alerts.watch.alert import watch_signal
from recon.alerts.watch.conditions import AWAY, KINDS
from recon.alerts.watch.decide import Notice, Watched
from recon.alerts.watch.facts import Facts, GatewayFact
from recon.alerts.watch.watchdog import watchdog
from recon.db.engine import create_engine
from recon.ledger.changes import Finding
from recon.service.signalling import tell
from recon.simulator.scenarios import demo_plan
from tests.conftest import TestDatabase
from tests.support.alert_rows import T0, T0_US, Step, delivery_of, message_of
from tests.support.database_days import write_day
from tests.support.write_schemas import PLACE, written

FORMATS = jsonschema.Draft202012Validator.FORMAT_CHECKER
#: The shapes of the documents, by the type of event.
BY_TYPE = {type_: each.name for each in DOCUMENTS for type_ in each.types}


def shipped(name: str) -> jsonschema.Draft202012Validator:
    content = (files("recon") / "alerts" / "schemas" / f"{name}.json").read_text(encoding="utf-8")
    schema = json.loads(content)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=FORMATS)


def test_the_files_are_those_of_the_code() -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in PLACE.iterdir()}
    assert there == written(), "run python -m tests.support.write_schemas"


def each_kind() -> Iterator[NewSignal]:
    """Return a signal of each type that there is."""
    for event in SIGNALLED:
        yield from Step(event=event).signals()
    for kind in (*KINDS, AWAY):
        watched = Watched("g", kind, "BINANCE", T0, T0, True, T0, True, 2, "detail", None)
        yield watch_signal(Notice(watched, over=False, at=T0), 7)
        if kind != AWAY:
            yield watch_signal(Notice(watched, over=True, at=T0), 8)
    yield refused_signal("g", None, "kind", "reason", 3, 9, T0_US)
    for kind in sorted(TOLD):
        yield from finding_signals("g", [Finding(None, 3, kind, "about", "message")], T0)
    yield watchdog("webhook:ops", timedelta(minutes=5), Facts(T0, [GatewayFact("g")], [], []), {})


def check(signal: NewSignal) -> str:
    document = json.loads(signal.document)
    shipped(BY_TYPE[document["type"]]).validate(document)
    body = message_of(delivery_of([signal], "webhook:ops"))
    shipped("message").validate(json.loads(body.body))
    shipped("cloud-event").validate(json.loads(cloud_event(body)))
    return str(document["type"])


def test_a_document_of_every_type_keeps_its_schema() -> None:
    assert {check(signal) for signal in each_kind()} == set(BY_TYPE)


def test_what_is_shortened_keeps_the_schema_of_messages() -> None:
    signals = [Step(break_id=f"b{number}", note="x" * 2_000).signal() for number in range(60)]
    body = json.loads(message_of(delivery_of(signals, "webhook:ops")).body)
    assert body["data"]["alerts"][0]["shortened"] is True
    shipped("message").validate(body)


@pytest.mark.parametrize("wrong", [{"amount": 1.5}, {"type": "break.forgotten"}, {"log": {"seq": "1"}}])
def test_what_is_wrong_is_refused(wrong: dict[str, object]) -> None:
    document = json.loads(Step().signal().document) | wrong
    with pytest.raises(jsonschema.ValidationError):
        shipped("break").validate(document)
    with pytest.raises(jsonschema.ValidationError):
        shipped("message").validate({"type": "t", "timestamp": "2026-01-05T09:30:00Z", "data": {"alerts": [document]}})


@pytest.mark.postgres
def test_every_document_of_a_day_keeps_its_schema(database: TestDatabase) -> None:
    write_day(database.service_url, demo_plan(7, 60.0), on_transitions=tell)
    engine = create_engine(database.service_url, "test", pooled=False)
    with engine.connect() as connection:
        documents = list(connection.scalars(text("SELECT document FROM recon_store.signals")))
    engine.dispose()
    assert len({document["type"] for document in documents}) >= 2
    assert len(documents) >= 5
    for document in documents:
        shipped(BY_TYPE[document["type"]]).validate(document)
