"""What it costs to fold what is told of long ago: a statement's line and a balance, after logs of two sizes."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final

import msgspec
from sqlalchemy import Connection, text

from recon.db.embedded.cluster import SUPERUSER
from recon.db.engine import create_engine
from recon.db.raw import driver_connection
from recon.log.events import FACT, NewEvent
from recon.projection.step import step
from recon.projection.working_set import WorkingSet
from tests.bench.appending import append_all
from tests.bench.figures import Figures
from tests.bench.folding import follow
from tests.bench.load import new_events
from tests.bench.processor_time import family_seconds
from tests.bench.stage import Stage
from tests.support.database_days import write_told_events

#: How far from the start of the log it happened, as a share.
LONG_AGO: Final = 0.02
#: Between two events, in microseconds: a million are five and a half hours.
APART_US: Final = 20_000
#: What is told, and in which unit kind's words.
KINDS: Final = ("deposit", "trade", "balance")
_BY: Final = {"login": "bench", "authenticated": True, "name": None}


def measure(stage: Stage, figures: Figures, sizes: tuple[int, ...], repeats: int) -> None:
    """Measure after logs of these sizes."""
    for size in sizes:
        gateway = stage.new_gateway()
        events = new_events(size, apart_us=APART_US)
        began = datetime.now(UTC)
        append_all(stage.service_url, gateway, events, 1000)
        last = events[-1].received_at
        first = events[0].received_at
        events.clear()
        engine = create_engine(stage.service_url, "recon bench", pooled=False)
        follow(engine, gateway)
        warm = _Warm(stage, gateway, last)
        stage.settle()
        figures.add(f"late.log.{size}", f"log of {size:,}: appended and folded", _since(began), "s", "for what follows")
        at = first + (last - first) * LONG_AGO
        with engine.connect() as connection:
            connection.execute(text("ANALYZE recon_store.entries, recon_store.fills"))
            connection.rollback()
            account, asset, symbol = _unit(connection, gateway)
            warm.tell(connection, _told("deposit", repeats, account, asset, symbol, last))
            for kind in KINDS:
                told = [_told(kind, number, account, asset, symbol, at) for number in range(repeats)]
                _measure(figures, connection, warm, (kind, size), told)
        engine.dispose()


class _Warm:
    """A projector that has what it needs in memory, as one that follows a log."""

    def __init__(self, stage: Stage, gateway: str, last: datetime) -> None:
        """Follow this gateway, whose log ends at `last`."""
        self._url, self._gateway, self._at = stage.server.url(SUPERUSER), gateway, last
        self._working: WorkingSet | None = None
        self._batch = 0

    def tell(self, connection: Connection, document: dict[str, object]) -> float:
        """Append a fact and fold it; return how long folding took, in ms. Errors: RuntimeError."""
        self._batch += 1
        self._at += timedelta(seconds=1)
        event = NewEvent(FACT, msgspec.json.encode(document), self._at, account=str(document["account"]))
        write_told_events(self._url, self._gateway, [event], first=self._batch)
        began = time.perf_counter()
        done = step(connection, self._gateway, self._working)
        connection.commit()
        self._working = done.working_set
        if not done.folded:
            raise RuntimeError(f"the {document['fact']} was not folded")
        return (time.perf_counter() - began) * 1000


def _measure(
    figures: Figures, connection: Connection, warm: _Warm, what: tuple[str, int], told: list[dict[str, object]]
) -> None:
    (kind, size), before = what, _processor(connection)
    times = [warm.tell(connection, document) for document in told]
    spent = (_processor(connection) - before) / len(times) * 1000
    note = f"one event a step, of {len(times)}; {spent:.0f} ms of processor time of Postgres"
    figures.add(f"late.{kind}.{size}", f"a {kind} of long ago, after {size:,} events", median(times), "ms", note)


def _told(kind: str, number: int, account: str, asset: str, symbol: str, at: datetime) -> dict[str, object]:
    """Return a fact of a statement, each with another amount, so that none is taken for another."""
    amount = f"0.0{number + 1}"
    of_kind: dict[str, dict[str, object]] = {
        "deposit": {"unit": asset, "unit_kind": "asset", "amount": amount},
        "trade": {"symbol": symbol, "side": "BUY", "quantity": amount, "price": "3"},
        "balance": {"unit": asset, "unit_kind": "asset", "amount": amount, "source_class": "custodian"},
    }
    return {
        "by": _BY,
        "fact": kind,
        "account": account,
        "external_id": f"{kind}-{number}",
        "occurred_at": (at + timedelta(seconds=number)).isoformat(),
        "source": "a statement",
        "file": {"digest": "f" * 32, "usd": "0"},
        **of_kind[kind],
    }


def _unit(connection: Connection, gateway: str) -> tuple[str, str, str]:
    row = connection.execute(
        text("SELECT account, symbol, cash_asset FROM recon_store.fills WHERE gateway = :gateway LIMIT 1"),
        {"gateway": gateway},
    ).one()
    connection.rollback()
    return str(row.account), str(row.cash_asset), str(row.symbol)


def _processor(connection: Connection) -> float:
    return family_seconds(driver_connection(connection).info.backend_pid)


def _since(began: datetime) -> float:
    return (datetime.now(UTC) - began).total_seconds()
