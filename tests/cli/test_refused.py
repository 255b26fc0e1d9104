"""What people see of refused events: the list, the count, and that nothing is said where there is none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from recon.db.engine import create_engine
from recon.log.events import EVENT_REFUSED, NewEvent
from recon.projection.fold import VERSION
from recon.projection.refusals import Refusal, encode_refusal
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.database_days import fold, write_events

pytestmark = pytest.mark.postgres


def refusal(seq: int, version: int, reason: str) -> NewEvent:
    return NewEvent(EVENT_REFUSED, encode_refusal(Refusal(seq, version, reason)), datetime.now(UTC))


def refuse_events(database: TestDatabase) -> None:
    """Log a frame and its refusals, as a projector of each version would, and fold them."""
    frame = NewEvent("BALANCE_UPDATE", b"{}", datetime.now(UTC), "KRAKEN/JOHN")
    with create_engine(database.service_url, "tests", pooled=False).connect() as connection:
        query = text("SELECT max(seq) FROM recon_store.log_events WHERE gateway = 'prod-eu'")
        seq = int(connection.scalar(query) or 0) + 1
    refusals = [refusal(seq, VERSION, "the first"), refusal(seq, VERSION, "a second"), refusal(seq, 1, "of old")]
    write_events(database.service_url, "prod-eu", [frame, *refusals])
    fold(database.service_url, "prod-eu")


def test_refused_events_are_listed_and_counted(recon: Recon, day: TestDatabase) -> None:
    assert recon("events", "--refused", "--json").json() == recon("status", "--json").json()["refused"] == []
    refuse_events(day)
    rows = recon("events", "--refused", "--json").json()
    shown = [(row["kind"], row["account"], row["fold_version"], row["in_force"], row["reason"]) for row in rows]
    assert shown == [
        ("BALANCE_UPDATE", "KRAKEN/JOHN", 1, False, "of old"),
        ("BALANCE_UPDATE", "KRAKEN/JOHN", VERSION, True, "the first"),
    ]
    (count,) = recon("status", "--json").json()["refused"]
    assert (count["gateway"], count["refused"], count["first_seq"]) == ("prod-eu", 1, rows[0]["seq"])
    assert count["look"] == "recon events --gateway prod-eu --refused"
    assert "refused events" in recon("status", "--all").out
    told = recon("events", "--refused").err
    assert "report" in told
    assert "recon coverage" in told
    assert recon("events", "--refused", "--account", "BINANCE", "--json").json() == []
    nobody = recon("events", "--refused", "--account", "KRAKEN")
    assert (nobody.status, "did you mean KRAKEN/JOHN?" in nobody.err) == (2, True)
    assert recon("events", "--refused", "--kind", "tick").status == 2
    (stale,) = {
        row["verdict"]
        for row in recon("balances", "--account", "KRAKEN/JOHN", "--gateway", "prod-eu", "--json").json()["balances"]
        if row["reported"] is not None
    }
    assert stale == "stale"
