"""The real process is sent every poison: the other account's break opens as on a gateway without one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import psycopg
import pytest
from websockets.sync.server import ServerConnection

from recon.db.engine import libpq_url
from recon.errors import AppendRefused
from recon.log.submit import submit_decision
from recon.testing import BTC_USDT, ETH_USDT, balance_row, symbol_row
from tests.conftest import TestDatabase
from tests.support import poisons
from tests.support.processes import LogReader, Service, running, until
from tests.support.ws_servers import Gateway as Server
from tests.support.ws_servers import gateway as served

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres, pytest.mark.slow]

CLEAN: Final = "CLEAN"
#: Seconds between two balances of the clean account.
BEAT_SECONDS: Final = 0.5
#: The beats from which on the poisons are sent, and from which on the clean account's balance is wrong.
POISON_BEAT: Final = 10
WRONG_BEAT: Final = 24
#: Balances that the clean account may report more than on the other gateway before its break opens.
MORE_BEATS: Final = 10
#: A name that the database of this test refuses.
CURSED: Final = "CURSED"

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Peer:
    """A gateway with a clean account whose balance turns wrong, and with the poisoned one."""

    def __init__(self, frames: list[bytes]) -> None:
        self._frames = frames
        self._beat = 0

    def script(self, server: Server, session: ServerConnection) -> None:
        for frame in self._snapshots():
            session.send(frame.decode())
        while not server.over.wait(BEAT_SECONDS):
            self._beat += 1
            for account in (CLEAN, poisons.POISONED):
                session.send(_beat_of(account).decode())
            row = balance_row("BTC", self._amount)
            session.send(_encode({"type": "BALANCE_UPDATE", "exchange_id": CLEAN} | row).decode())
            if self._beat == POISON_BEAT:
                for frame in self._frames:
                    session.send(frame.decode())

    @property
    def _amount(self) -> str:
        return "10" if self._beat < WRONG_BEAT else "9"

    def _snapshots(self) -> Iterator[bytes]:
        """Yield what a session begins with; one that begins late, on a busy machine, is told what is reported then."""
        symbols = [symbol_row(*BTC_USDT), symbol_row(*ETH_USDT)]
        for account in (CLEAN, poisons.POISONED):
            balances = [balance_row("BTC", self._amount if account == CLEAN else "10"), balance_row("USDT", "1000")]
            yield _beat_of(account)
            for kind, rows in (
                ("SYMBOLS_SNAPSHOT", symbols),
                ("ORDER_EXEC_REPORT_SNAPSHOT", []),
                ("BALANCE_SNAPSHOT", balances),
                ("POSITION_SNAPSHOT", []),
            ):
                yield _encode({"type": kind, "exchange_id": account, "data": rows})


def _beat_of(account: str) -> bytes:
    return _encode({"type": "SERVER_INFO", "exchange_id": account, "instance_guid": account, "is_running": True})


def _record(url: str, gateway: str) -> list[str]:
    """Record what people may record; return the names of those that the log refused."""
    refused = []
    with psycopg.connect(libpq_url(url)) as raw:
        for name, kind, text in poisons.facts():
            try:
                with raw.transaction():
                    submit_decision(
                        raw, gateway=gateway, writer=uuid.uuid4(), batch=1, now=datetime.now(UTC), kind=kind,
                        payloads=[text.encode()], accounts=[poisons.POISONED], name=None,
                    )  # fmt: skip
            except AppendRefused:
                refused.append(name)
    return refused


def test_no_poison_delays_the_break_of_another_account(database: TestDatabase, tmp_path: Path) -> None:
    witness = LogReader(database.service_url)
    with psycopg.connect(libpq_url(database.superuser_url), autocommit=True) as raw:
        raw.execute(f"ALTER TABLE recon_store.units ADD CONSTRAINT cursed CHECK (unit <> '{CURSED}')")
    sent = [frame for _, frames in poisons.frames() for frame in frames]
    sent.append(_encode({"type": "BALANCE_UPDATE", "exchange_id": poisons.POISONED} | balance_row(CURSED, "1")))
    with served(Peer([]).script) as control, served(Peer(sent).script) as poisoned:
        settings: dict[str, object] = {
            "database": {"url": database.service_url},
            "gateways": {"control": {"urls": [control.url]}, "poisoned": {"urls": [poisoned.url]}},
        }
        with running(Service(tmp_path, settings)) as service:
            until(lambda: _folded(witness, "poisoned") > 0)
            _record(database.service_url, "poisoned")
            beats = {gateway: _beats_until_open(witness, gateway) for gateway in ("control", "poisoned")}
            assert beats["poisoned"] <= beats["control"] + MORE_BEATS, beats
            head = _head(witness, "poisoned")
            until(lambda: _folded(witness, "poisoned") >= head)
            refused = "SELECT account, message FROM recon.findings WHERE kind = 'event_refused'"
            refusals = witness.ask(refused)
            assert len(refusals) == 1, refusals
            (refusal,) = refusals
            assert refusal[0] == poisons.POISONED
            assert service.stop() == 0


def _beats_until_open(witness: LogReader, gateway: str) -> int:
    """Return how often the wrong balance was reported when the clean account's break opened."""
    # Of the tables: in the first minute after 22,000 breaks no statistics tell how to join the views.
    opened = (
        "SELECT min(seq) FROM recon_store.break_history WHERE gateway = %s AND event = 'opened'"
        " AND id IN (SELECT id FROM recon_store.breaks WHERE account = %s)"
    )
    until(lambda: witness.ask(opened, gateway, CLEAN)[0][0] is not None)
    wrong = (
        "SELECT count(*) FROM recon_store.log_events"
        " WHERE gateway = %s AND account = %s AND kind = 'BALANCE_UPDATE' AND seq <= %s"
        " AND convert_from(payload, 'UTF8')::json ->> 'balance' = '9'"
    )
    return _number(witness.ask(wrong, gateway, CLEAN, _number(witness.ask(opened, gateway, CLEAN))))


def _folded(witness: LogReader, gateway: str) -> int:
    return _number(
        witness.ask("SELECT seq FROM recon_store.editions WHERE state = 'current' AND gateway = %s", gateway)
    )


def _head(witness: LogReader, gateway: str) -> int:
    return _number(witness.ask("SELECT max(seq) FROM recon_store.log_events WHERE gateway = %s", gateway))


def _number(rows: list[tuple[object, ...]]) -> int:
    return int(str(rows[0][0])) if rows else 0
