"""Hostile events of our own kinds: what a writer with the service's rights, or a person, could put into the log."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import msgspec

from recon.ledger.rules import AccountRules, ContractTerms, FeeRule, RecoveryRules, Rules, Tolerance
from recon.log import events
from recon.projection.fold import VERSION
from tests.fuzz.grammar import ACCOUNTS, DEEP, LONG, drawn, text
from tests.fuzz.mutations import Mutator, rendered, spoilt_bytes
from tests.fuzz.seeds import Members, history_rows, members_of

_ACTIONS: Final = (
    *("assign", "comment", "investigate", "propose", "approve", "reject", "accept", "reopen"),
    *("settle_order", "settle_gap", "approve_rules", "reject_rules", "delete"),
)
_FACTS: Final = (
    *("deposit", "withdrawal", "transfer", "fee", "rebate", "funding", "interest", "reward", "conversion"),
    *("adjustment", "trade", "theft"),
)
_PERSON: Final = b'{"login":"evil","authenticated":true}'
_PEOPLE: Final = (
    _PERSON,
    b'{"login":"","authenticated":false,"name":"x"}',
    b'{"login":1}',
    b"null",
    b'{"login":' + LONG[0] + b"}",
)
_STATUSES: Final = (b"200", b"200", b"200", b"404", b"400", b"490", b"504", b"429", b"999", b"-1", b"null", b"1e3")
_QUESTIONS_OF_ACCOUNTS: Final = ("status", "orders", "balances", "positions")
_TIMES_US: Final = (b"1767603610000000", b"0", b"-1", b"9223372036854775807", b"99999999999999999999")
#: How often the bytes of an event of our own are spoilt, which the append allows but for people's.
BYTES_SHARE: Final = 0.05

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


@dataclass
class Hints:
    """What a hostile writer sees of the books: open breaks, digests to approve, and where gaps end.

    `rules_digests`: of proposed rules, which are rules of every account.
    """

    breaks: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    rules_digests: list[str] = field(default_factory=list)
    gaps: dict[str, int] = field(default_factory=dict)


class OwnEvents:
    """Makes hostile payloads of our own kinds, by kind."""

    def __init__(self, mutator: Mutator) -> None:
        self._mutator = mutator
        self._rows_of_history = history_rows()
        #: Those that touch only the accounts that they name.
        self.of_accounts: dict[str, Callable[[random.Random, Hints], bytes]] = {
            events.FACT: self._fact,
            events.DECISION: self._decision,
            events.REST_ANSWER: self._answer,
            events.CATCH_UP_BEGUN: self._run,
            events.CATCH_UP_ENDED: self._run,
            events.SESSION_FAILED: self._note,
        }
        #: Those that touch every account of the gateway.
        self.of_all: dict[str, Callable[[random.Random, Hints], bytes]] = {
            events.RULES: self._rules,
            events.RULES_PROPOSED: self._rules,
            events.SESSION_OPENED: self._note,
            events.SESSION_CLOSED: self._note,
            events.TICK: self._tick,
            events.CLOCK_JUMPED: self._jump,
            events.EVENT_REFUSED: self._refusal,
            events.REST_ANSWER: self._history_answer,
            events.DECISION: self._rules_decision,
        }

    def payload(self, draw: random.Random, kind: str, hints: Hints, *, of_all: bool) -> bytes:
        """Return a hostile payload of a kind."""
        payload = (self.of_all if of_all else self.of_accounts)[kind](draw, hints)
        return spoilt_bytes(draw, payload) if draw.random() < BYTES_SHARE else payload

    def _spoilt(self, draw: random.Random, members: Members) -> bytes:
        row = self._mutator.row(draw, members) if draw.random() < 0.6 else members
        return rendered(row)

    def _fact(self, draw: random.Random, _: Hints) -> bytes:
        kind = draw.choice(_FACTS)
        fact: Members = [
            (b'"fact"', text(kind)),
            (b'"account"', text(draw.choice(ACCOUNTS))),
            (
                b'"external_id"',
                draw.choice((b'"1"', b'"2"', b'"told:1"', b'"told:2"', text(str(draw.randrange(1000))))),
            ),
            (b'"occurred_at"', drawn(draw, "time") if draw.random() < 0.3 else b'"2026-01-05T09:00:05Z"'),
            (b'"by"', draw.choice(_PEOPLE) if draw.random() < 0.2 else _PERSON),
            (b'"unit"', drawn(draw, "unit") if draw.random() < 0.3 else b'"BTC"'),
            (b'"amount"', drawn(draw, "amount") if draw.random() < 0.3 else b"1"),
        ]
        if kind == "transfer":
            fact.append((b'"counter_account"', text(draw.choice(ACCOUNTS))))
        if kind == "trade":
            fact += [
                (b'"symbol"', b'"BTCUSDT"'),
                (b'"side"', draw.choice((b'"BUY"', b'"SELL"', b'"x"'))),
                (b'"price"', b"100"),
            ]
            fact += [
                (name, drawn(draw, name.strip(b'"').decode()))
                for name in (b'"quantity"', b'"fee"', b'"fee_asset"', b'"order_id"')
            ]
        return self._spoilt(draw, fact)

    def _rules_decision(self, draw: random.Random, hints: Hints) -> bytes:
        return self._decided(draw, hints, draw.choice(("approve_rules", "reject_rules")), hints.rules_digests)

    def _decision(self, draw: random.Random, hints: Hints) -> bytes:
        return self._decided(draw, hints, draw.choice(_ACTIONS), hints.digests)

    def _decided(self, draw: random.Random, hints: Hints, action: str, rules_digests: Sequence[str]) -> bytes:
        named = draw.sample(hints.breaks, min(len(hints.breaks), draw.randrange(1, 4))) or ["0" * 24]
        if draw.random() < 0.1:
            named = named * 3
        decision: Members = [
            (b'"by"', draw.choice(_PEOPLE) if draw.random() < 0.2 else _PERSON),
            (b'"action"', text(action)),
            (b'"breaks"', _encode(named)),
            (b'"text"', drawn(draw, "text")),
            (b'"assignee"', drawn(draw, "text")),
            (b'"cause"', draw.choice((b'"deposit"', b'"withdrawal"', b'"made_up"', b'"opening"', b'""'))),
            (b'"entry"', drawn(draw, "entry") if draw.random() < 0.5 else b"null"),
            (b'"evidence"', draw.choice((b"[]", b'["seen"]', b"[" + LONG[1] + b"]", b'["\\u0000"]'))),
            (b'"digest"', text(draw.choice([*hints.digests, "0"])) if draw.random() < 0.6 else b"null"),
            (
                b'"until"',
                draw.choice((b'"2026-01-05T10:00:00Z"', b'"9999-12-31T23:59:59-14:00"', b"null")),
            ),
            (b'"amount"', drawn(draw, "amount") if draw.random() < 0.3 else b"null"),
            (b'"account"', text(draw.choice(ACCOUNTS))),
            (b'"order"', draw.choice((b'"c:a"', b'"c:b"', b'"x:1"', b'"c:a:2"', b"null"))),
            (b'"from_seq"', draw.choice((b"1", b"2", b"-1", b"99999999999999999999", b"null"))),
            (b'"outcome"', draw.choice((b'"filled"', b'"canceled"', b'"nothing"', b'"x"', b"null"))),
            (b'"rules_digest"', text(draw.choice([*rules_digests, "0"]))),
        ]
        return self._spoilt(draw, decision)

    def _history_answer(self, draw: random.Random, _: Hints) -> bytes:
        """Return an answer of the order log, which is of all accounts."""
        return self._answer_to(draw, "history")

    def _answer(self, draw: random.Random, _: Hints) -> bytes:
        return self._answer_to(draw, draw.choice(_QUESTIONS_OF_ACCOUNTS))

    def _answer_to(self, draw: random.Random, what: str) -> bytes:
        ask: Members = [(b'"what"', text(what)), (b'"account"', text(draw.choice(ACCOUNTS)))]
        if what == "status":
            ask += [(b'"order"', b'"c:a"'), (b'"client_order_id"', draw.choice((b'"a"', b'"b"', LONG[0])))]
        if what == "history":
            ask += [(b'"from_us"', b"1767603000000000"), (b'"until_us"', drawn(draw, "until_us"))]
        answer: Members = [
            (b'"ask"', self._spoilt(draw, ask) if draw.random() < 0.2 else rendered(ask)),
            (b'"run"', draw.choice((b'"r1"', b'"r2"'))),
            (b'"attempts"', b"1"),
            (b'"status"', draw.choice(_STATUSES)),
            (b'"took_us"', drawn(draw, "took_us") if draw.random() < 0.2 else b"1000"),
            (b'"body"', self.body(draw, what)),
        ]
        if draw.random() < 0.1:
            answer.append((b'"problem"', drawn(draw, "problem")))
        return self._spoilt(draw, answer) if draw.random() < 0.2 else rendered(answer)

    def body(self, draw: random.Random, what: str) -> bytes:
        """Return the body of a REST answer."""
        if draw.random() < 0.05:
            return draw.choice(DEEP)
        if what == "history":
            rows = [rendered(self._mutator.row(draw, row)) for row in self._rows_of_history * draw.randrange(1, 4)]
            return b"[" + b",".join(rows) + b"]"
        frames = [self._mutator.message(draw) for _ in range(draw.randrange(1, 4))]
        return frames[0] if what == "status" else b"[" + b",".join(frames) + b"]"

    def _run(self, draw: random.Random, hints: Hints) -> bytes:
        accounts = hints.gaps if draw.random() < 0.7 else {draw.choice(ACCOUNTS): draw.randrange(-5, 500)}
        return self._spoilt(draw, [(b'"run"', draw.choice((b'"r1"', b'"r2"'))), (b'"accounts"', _encode(accounts))])

    def _note(self, draw: random.Random, _: Hints) -> bytes:
        reason = draw.choice((b'"disconnected"', b'"overrun"', b"null", b"7", LONG[0], b'"\\u0000"'))
        return self._spoilt(draw, [(b'"url"', b'"ws://evil/"'), (b'"site"', b"0"), (b'"reason"', reason)])

    def _tick(self, draw: random.Random, _: Hints) -> bytes:
        beats = [self.heartbeat(draw) for _ in range(draw.randrange(3))]
        return self._spoilt(draw, [(b'"heartbeats"', b"{" + b",".join(beats) + b"}")])

    def _jump(self, draw: random.Random, _: Hints) -> bytes:
        clock = draw.choice((b'"machine"', b'"database"'))
        jump: Members = [(b'"clock"', clock), (b'"from_us"', b"1767603610000000"), (b'"to_us"', draw.choice(_TIMES_US))]
        return self._spoilt(draw, jump)

    def _refusal(self, draw: random.Random, _: Hints) -> bytes:
        """Return a refusal of an earlier event, by this version of the fold or by another."""
        seq, version = str(draw.randrange(-2, 2000)).encode(), draw.choice((str(VERSION).encode(), b"1", b"99"))
        return self._spoilt(draw, [(b'"seq"', seq), (b'"fold_version"', version), (b'"reason"', drawn(draw, "reason"))])

    def heartbeat(self, draw: random.Random) -> bytes:
        """Return a hostile account's member of a tick's heartbeats."""
        beat: Members = [
            (
                b'"last_us"',
                draw.choice((b"1767603610000000", b"0", b"-1", b"9223372036854775807", b"99999999999999999999")),
            ),
            (b'"count"', draw.choice((b"1", b"0", b"-5", b"9223372036854775807"))),
            (b'"lag_us"', draw.choice((b"1000", b"null", b"-9223372036854775808", b"3155378975999999999"))),
        ]
        return text(draw.choice(ACCOUNTS)) + b":" + self._spoilt(draw, beat)

    def _rules(self, draw: random.Random, _: Hints) -> bytes:
        account = AccountRules(
            settlement_window_us=draw.choice((1, 1_000_000, 5_000_000, 10**12, 0, -1)),
            tolerance=Tolerance(absolute=draw.choice((Decimal(0), Decimal(1), Decimal("1e30")))),
            assets={"XXBT": "BTC"} if draw.random() < 0.3 else {},
            pools=[["BTC", "XXBT"]] if draw.random() < 0.3 else [],
            contracts={"BTCUSDT-PERP": _TERMS} if draw.random() < 0.5 else {},
            position_mode=draw.choice(("hedge", "one_way", None)),
            fees=[FeeRule(maker=Decimal("0.001"), taker=Decimal("-0.002"))] if draw.random() < 0.3 else [],
        )
        rules = Rules(
            AccountRules(), {draw.choice(ACCOUNTS): account}, RecoveryRules(draw.random() < 0.5, history=True)
        )
        return self._spoilt(draw, members_of(rules))


_TERMS: Final = ContractTerms(
    multiplier=Decimal(1),
    kind="linear",
    settlement_asset="USDT",
    realised="close",
    method="fifo",
    balance_includes_unrealised=False,
)
