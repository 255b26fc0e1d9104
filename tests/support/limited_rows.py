"""Rows of accounts in each view that a simulated day leaves empty: what people did, and what seldom happens."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import psycopg

#: Kinds and payloads of events of an account, as the log has them.
_EVENTS: Final[tuple[tuple[str, dict[str, object]], ...]] = (
    ("MESSAGE_REJECT", {"type": "MESSAGE_REJECT", "reject_reason": "OTHER"}),
    ("clock.jumped", {"by_us": 1_000_000}),
    ("catch_up.begun", {"run": "r1", "why": "gap", "accounts": []}),
    ("rest.answer", {"run": "r1", "request": {"what": "orders"}, "status": 200, "body": []}),
    ("venue.answer", {"what": "balances"}),
    ("event.refused", {"seq": 3, "fold_version": 13, "reason": "a test"}),
    ("frame", {"unknown": True}),
    ("rules.proposed", {"rules": 1}),
    ("fact", {"fact": "deposit", "unit": "BTC", "amount": "1", "by": {"login": "ann", "authenticated": True}}),
    (
        "decision",
        {
            "action": "sign_close",
            "day": "2020-01-05",
            "digest": "00",
            "by": {"login": "ann", "authenticated": True},
            "document": {
                "clean": True,
                "whole": True,
                "opens_at": "2020-01-05T00:00:00Z",
                "cut_off": "2020-01-06T00:00:00Z",
                "lines": [{"unit_kind": "asset", "unit": "BTC", "breaks": []}],
            },
        },
    ),
)
_APPEND: Final = (
    "SELECT first_seq, last_seq FROM recon_store.append_any(%s, %s, 1, %s, %s, %s, %s, %s, %s, %s::bytea[])"
)
#: %(seq)s is that of the fact.
_ROWS: Final = """
INSERT INTO recon_store.signals (gateway, id, kind, event, subject, case_id, case_seq, seq, occurred_at, account,
        unit_kind, unit, cause, certainty, severity, actor, document)
    VALUES (%(gateway)s, 's-' || %(account)s, 'break', 'opened', 'b-' || %(account)s, 'c-' || %(account)s, 1, 3, now(),
        %(account)s, 'asset', 'BTC', 'missed_fill', 'exact', 'high', '', json_build_object('account', %(account)s));
INSERT INTO recon_store.deliveries (gateway, channel, id, kind, event, case_id, cases, signals, reason, at, body)
    VALUES (%(gateway)s, 'webhook:ops', 'd-' || %(account)s, 'case', 'opened', 'c-' || %(account)s,
        ARRAY['c-' || %(account)s], ARRAY['s-' || %(account)s], 'a test', now(),
        json_build_object('account', %(account)s));
INSERT INTO recon_store.silences (id, until, login, name, authenticated, reason, gateway, account)
    VALUES ('z-' || %(account)s, now() + interval '1 day', 'ann', '', true, 'a test', %(gateway)s, %(account)s);
INSERT INTO recon_store.source_checks (gateway, edition, seq, number, account, unit_kind, unit, told_unit, source, at,
        recorded_at, reported, verdict, absent, external_id, data)
    VALUES (%(gateway)s, 1, %(seq)s, 1, %(account)s, 'asset', 'BTC', 'BTC', 'venue', now(), now(), 1, 'pending', false,
        'x-' || %(account)s, '');
INSERT INTO recon_store.waiting_facts (gateway, edition, seq, account, external_id, digest, reason, state)
    VALUES (%(gateway)s, 1, %(seq)s, %(account)s, 'x-' || %(account)s, '00', 'a test', 'waiting');
INSERT INTO recon_store.findings (gateway, edition, seq, number, account, kind, about, message)
    VALUES (%(gateway)s, 1, %(seq)s, 77, %(account)s, 'overfill', 'o1', 'a test of ' || %(account)s);
INSERT INTO recon_store.facts (gateway, edition, account, external_id, digest, seq, fact, unit_kind, unit, amount,
        occurred_at, effect)
    VALUES (%(gateway)s, 1, %(account)s, 'x-' || %(account)s, '00', %(seq)s, 'deposit', 'asset', 'BTC', 1, now(),
        'booked');
"""
#: What is of all accounts together: a message of two signals, a policy, and a silence of a gateway.
_COMMON: Final = """
INSERT INTO recon_store.deliveries (gateway, channel, id, kind, event, cases, signals, reason, at, body)
    SELECT '', 'webhook:ops', 'd-all', 'digest', 'digest', array_agg(s.case_id), array_agg(s.id), 'a test', now(), '{}'
    FROM recon_store.signals AS s;
INSERT INTO recon_store.log_archives (gateway, first_seq, last_seq, digest, manifest)
    SELECT s.gateway, 1, 2, '', '{}' FROM recon_store.signals AS s LIMIT 1;
INSERT INTO recon_store.policies VALUES (now(), '{"routes": []}');
INSERT INTO recon_store.silences (id, until, login, name, authenticated, reason, gateway)
    SELECT 'z-all', now() + interval '1 day', 'ann', '', true, 'a test', s.gateway
    FROM recon_store.signals AS s LIMIT 1;
"""


def write_rows(admin: psycopg.Connection, gateway: str, accounts: Iterable[str]) -> None:
    """Give each account of a gateway, by a superuser's connection, a row where the day left none."""
    for number, account in enumerate(accounts, start=1):
        now = int(datetime.now(UTC).timestamp() * 1_000_000)
        count = len(_EVENTS)
        kinds = [kind for kind, _ in _EVENTS]
        payloads = [json.dumps({**document, "account": account}).encode() for _, document in _EVENTS]
        given = (gateway, UUID(int=700 + number), now, kinds, [account] * count, [None] * count, [now] * count,
                 [False] * count, payloads)  # fmt: skip
        row = admin.execute(_APPEND, given).fetchone()
        assert row is not None
        fact = row[0] + kinds.index("fact")
        with psycopg.ClientCursor(admin) as cursor:
            cursor.execute(_ROWS, {"gateway": gateway, "account": account, "seq": fact})
    with psycopg.ClientCursor(admin) as cursor:
        cursor.execute(_COMMON)
