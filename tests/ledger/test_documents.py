"""Rules, decisions and facts: whatever is wrong with one, reading it raises one kind of error (semantics 10.8)."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.errors import DocumentRefused
from recon.ledger.documents import MAX_DOCUMENT_BYTES
from recon.ledger.facts.external_fact import parse_fact
from recon.ledger.rule_changes import relaxes
from recon.ledger.rules import parse_rules
from recon.reconciliation.breaks.decisions import parse_decision
from tests.support.properties import steady

BY = {"login": "alice", "authenticated": True}
FACT = {
    "fact": "deposit",
    "account": "KRAKEN",
    "external_id": "D-1",
    "occurred_at": "2026-01-05T09:00:00Z",
    "unit": "BTC",
    "amount": "1",
    "by": BY,
}
TRADE = {key: value for key, value in FACT.items() if key not in {"unit", "amount"}} | {
    "fact": "trade",
    "symbol": "BTCUSDT",
    "side": "BUY",
    "quantity": "1",
    "price": "100",
}
DECISION = {"by": BY, "action": "comment", "breaks": ["b"], "text": "seen"}
LONG = "x" * 3000
#: What is beyond a bound, by the field that it stands in.
BAD_FACTS = [
    *({name: LONG} for name in ("account", "external_id", "unit", "text", "source", "counter_account", "order_id")),
    *({name: LONG} for name in ("trade_id", "fee_asset")),
    *({"occurred_at": at} for at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T00:00:00Z")),
    *({"amount": amount} for amount in ("1e999999", "1e-999999", "NaN", "9" * 200, "1e9999999999999999999")),
    {"text": "a\0b"},
    {"by": BY | {"name": LONG}},
]
BAD_DECISIONS = [
    *({name: LONG} for name in ("text", "assignee", "cause", "digest", "account", "order", "outcome", "rules_digest")),
    {"breaks": [LONG]},
    {"evidence": [LONG]},
    {"amount": "1e999999"},
    {"entry": "-1e999999"},
    {"until": "0001-01-01T00:00:00+14:00"},
    {"until": "9999-12-31T23:59:59-14:00"},
    {"from_seq": 10**30},
]
BAD_RULES = [
    {"defaults": {"material_usd": "1e999999"}},
    {"defaults": {"tolerance": {"relative": "1e-999999"}}},
    {"defaults": {"settlement_window_us": 10**30}},
    {"defaults": {"funding": {"every_us": 0}}},
    {"accounts": {LONG: {}}},
    {"defaults": {"assets": {"BTC": LONG}}},
]


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


@pytest.mark.parametrize("change", BAD_FACTS, ids=str)
def test_a_fact_beyond_a_bound_is_refused(change: dict[str, object]) -> None:
    assert parse_fact(encoded(FACT)).unit == "BTC"
    assert parse_fact(encoded(TRADE)).symbol == "BTCUSDT"
    with pytest.raises(DocumentRefused):
        parse_fact(encoded(FACT | change))


@pytest.mark.parametrize("name", ["symbol", "quantity", "price", "fee", "cash"])
def test_a_trade_beyond_a_bound_is_refused(name: str) -> None:
    with pytest.raises(DocumentRefused):
        parse_fact(encoded(TRADE | {name: LONG if name == "symbol" else "1e99"}))


@pytest.mark.parametrize("change", BAD_DECISIONS, ids=str)
def test_a_decision_beyond_a_bound_is_refused(change: dict[str, object]) -> None:
    assert parse_decision(encoded(DECISION)).text == "seen"
    with pytest.raises(DocumentRefused):
        parse_decision(encoded(DECISION | change))


@pytest.mark.parametrize("document", BAD_RULES, ids=str)
def test_rules_beyond_a_bound_are_refused(document: dict[str, object]) -> None:
    with pytest.raises(DocumentRefused):
        parse_rules(encoded(document))
    assert relaxes(b"{}", encoded(document)), "what cannot be read is not known to be as strict"


@pytest.mark.parametrize("parse", [parse_fact, parse_decision, parse_rules])
@pytest.mark.parametrize(
    "payload",
    [
        b'{"by": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"note": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b"\xff",
        b"",
        b"[]",
        b'"' + b"x" * MAX_DOCUMENT_BYTES + b'"',
    ],
    ids=["deep list", "deep object", "no text", "empty", "no object", "long"],
)
def test_whatever_is_wrong_the_error_is_one(parse: Callable[[bytes], object], payload: bytes) -> None:
    with pytest.raises(DocumentRefused):
        parse(payload)


@steady(200)
@given(st.binary(max_size=60), st.sampled_from([FACT, TRADE, DECISION]), st.data())
def test_no_bytes_raise_anything_else(junk: bytes, document: dict[str, object], data: st.DataObject) -> None:
    known = encoded(document)
    at = data.draw(st.integers(0, len(known)))
    for parse in (parse_fact, parse_decision, parse_rules):
        try:
            parse(known[:at] + junk + known[at + len(junk) :])
        except DocumentRefused:
            continue
