"""The fold: one event of the log after another, into books, comparisons and breaks. Pure (architecture 2.4).

1. The fold of the same events gives the same state, however they are cut into batches.
2. Everything is computed in the exact context, which the fold itself enters.
3. What cannot be read, or is not understood, is a finding; the fold goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from recon.ems.protocol import rest_requests
from recon.ems.protocol.decode import decode
from recon.ems.protocol.messages import Balances, Decoded, Message, OrderReports, Positions, Reject, ServerInfo, Symbols
from recon.ems.protocol.rest_requests import DecodedResponse
from recon.exact import exact
from recon.ledger import external_facts
from recon.ledger import rules as rules_
from recon.ledger.apply import rest_answers, rules, sessions
from recon.ledger.apply.balances import take_balances
from recon.ledger.apply.decisions import settle_gap, settle_order
from recon.ledger.apply.execution_reports import take_reports
from recon.ledger.apply.instruments import take_symbols
from recon.ledger.apply.positions import take_positions
from recon.ledger.ledger import Book, Contradiction
from recon.ledger.rule_changes import waiting
from recon.ledger.withholding import touched_units
from recon.log import events
from recon.log.events import Event
from recon.reconciliation.breaks import decisions
from recon.reconciliation.breaks.decisions import Decision
from recon.reconciliation.reconciler import Engine
from recon.times import LogTime, microseconds

#: The version of everything that the fold does; a change of results is a change of version (architecture 3, editions).
VERSION: Final = 4

_PASSING: Final = frozenset({events.SESSION_OPENED, events.SESSION_CLOSED, events.SESSION_FAILED, events.TICK})
_TOLD: Final = frozenset({events.RULES, events.RULES_PROPOSED, events.FACT, events.DECISION})
_ASKED: Final = frozenset({events.CATCH_UP_BEGUN, events.REST_ANSWER, events.CATCH_UP_ENDED})
_OWN: Final = _PASSING | _TOLD | _ASKED
_note: Final = msgspec.json.Decoder(sessions.SessionNote).decode
_run: Final = msgspec.json.Decoder(rest_answers.Run).decode
_tick: Final = msgspec.json.Decoder(sessions.Tick).decode


class Read(msgspec.Struct, frozen=True, gc=False):
    """An event with its message, decoded once."""

    event: Event
    decoded: Decoded | None
    answered: DecodedResponse | None = None

    @property
    def messages(self) -> tuple[Message, ...]:
        """Return what the EMS says in it, over either way."""
        if self.answered is not None:
            return self.answered.messages
        return () if self.decoded is None else (self.decoded.message,)


#: How an event is read: as it stands, or, for a question, with other rules in the place of those that were in force.
Reading = Callable[[Event], Read]


def read(event: Event) -> Read:
    """Decode an event's frame; our own events and unreadable ones have no message."""
    if not event.readable or event.kind in _OWN:
        return Read(event, None, _answered(event))
    return Read(event, decode(event.payload))


def _answered(event: Event) -> DecodedResponse | None:
    if event.kind != events.REST_ANSWER or not event.readable:
        return None
    try:
        with exact():
            return rest_requests.decode_response(event.payload)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


class Fold:
    """Folds one gateway's events into a working set."""

    def __init__(self, book: Book, engine: Engine) -> None:
        """Fold into these."""
        self.book = book
        self.engine = engine

    def fold(self, reads: list[Read]) -> None:
        """Fold events in log order."""
        with exact():
            for item in reads:
                self._fold(item)

    def _fold(self, item: Read) -> None:
        event, book = item.event, self.book
        previous_us = book.clock.last_us
        us = microseconds(event.recorded_at)
        at = LogTime(event.seq, us, book.clock.pass_to(us))
        book.now, book.fetching = at, event.kind == events.REST_ANSWER
        book.behind_us = 0 if item.answered is None else item.answered.took_us
        if self.engine.restless or self.engine.accepted_until is not None:
            self.engine.advance(at)
        if event.kind in _OWN:
            rules = book.rules
            self._take_own(item, at, previous_us)
            if book.rules is not rules:
                self.engine.judge_again(at)
        elif item.decoded is None:
            book.find(event.account, at, "unreadable", event.kind, "the frame is not UTF-8 JSON that can be read")
        else:
            self._take_frame(event, item.decoded, at)
        if book.entered or book.observed or book.contradictions:
            self._compare(at)
        released, book.released = book.released, []
        for name in released:
            self.engine.release(name, at)

    def _take_own(self, item: Read, at: LogTime, previous_us: int) -> None:
        event = item.event
        try:
            if event.kind in _ASKED:
                self._take_asked(item, at)
            elif event.kind in _TOLD:
                self._take_told(event, at)
            else:
                self._take_passing(event, at, previous_us)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            message = f"the event is not of its kind's shape: {error}"
            self.book.find(event.account, at, "unreadable", event.kind, message)

    def _take_passing(self, event: Event, at: LogTime, previous_us: int) -> None:
        """Take the beginning or end of a session, or a tick."""
        book = self.book
        if event.kind == events.SESSION_OPENED:
            sessions.session_opened(book, event.session, at, previous_us=previous_us)
        elif event.kind == events.SESSION_CLOSED:
            reason = _note(event.payload).reason or "disconnected"
            sessions.session_closed(book, event.session, reason, at)
        elif event.kind == events.TICK:
            sessions.tick(book, _tick(event.payload), at)

    def _take_told(self, event: Event, at: LogTime) -> None:
        """Take what people, or the settings, tell."""
        if event.kind == events.RULES:
            rules.put_in_force(self.book, rules_.parse(event.payload), event.seq)
        elif event.kind == events.RULES_PROPOSED:
            rules.propose_rules(self.book, waiting(event.payload, event.seq), at)
        elif event.kind == events.FACT:
            self.engine.take_fact(external_facts.parse(event.payload), at)
        else:
            self._decide(decisions.parse(event.payload), at)

    def _take_asked(self, item: Read, at: LogTime) -> None:
        """Take what was asked over REST, and what came."""
        event, book = item.event, self.book
        if event.kind == events.CATCH_UP_BEGUN:
            rest_answers.begun(book, _run(event.payload))
        elif event.kind == events.CATCH_UP_ENDED:
            rest_answers.ended(book, _run(event.payload), at)
        elif item.answered is not None:
            rest_answers.take_answer(book, item.answered, at)
        else:
            book.find(event.account, at, "unreadable", event.kind, "the answer cannot be read")

    def _decide(self, decision: Decision, at: LogTime) -> None:
        book, by = self.book, decision.by
        match decision.action:
            case "settle_order":
                settle_order(book, by, decision.account, decision.order, decision.outcome, at)
            case "settle_gap":
                settle_gap(book, by, decision.account, decision.from_seq, decision.outcome, at)
            case "approve_rules" | "reject_rules":
                approved = decision.action == "approve_rules"
                rules.decide_rules(book, by, decision.rules_digest, at, approved=approved)
            case _:
                self.engine.decide(decision, at)

    def _take_frame(self, event: Event, decoded: Decoded, at: LogTime) -> None:
        book, message = self.book, decoded.message
        for found in decoded.findings:
            book.find(event.account, at, found.kind, found.about, found.message)
        name = message.account
        if name is None:
            return
        account = book.account(name, at)
        sessions.alive(book, account, at)
        match message:
            case OrderReports():
                take_reports(book, message, account, at)
            case Balances():
                take_balances(book, message, account, at)
            case Positions():
                take_positions(book, message, account, at)
            case Symbols():
                take_symbols(book, message, account, at)
            case ServerInfo():
                sessions.server_info(book, account, message, at)
            case Reject():
                about = message.reason or "OTHER"
                book.find(name, at, "message_reject", about, message.message or "the gateway refused a request")
            case _:
                pass

    def _compare(self, at: LogTime) -> None:
        book, engine = self.book, self.engine
        # Entries first: an observation in the same event was made after what it reports.
        while book.entered:
            entered, book.entered = book.entered, {}
            for held in entered.values():
                engine.entered(held, at)
        observed, book.observed = book.observed, []
        for held, observation in observed:
            engine.observe(held, observation, at)
        contradictions, book.contradictions = book.contradictions, []
        for contradiction in contradictions:
            self._contradict(contradiction, at)
        book.entered.clear()

    def _contradict(self, contradiction: Contradiction, at: LogTime) -> None:
        order = contradiction.order
        for held in touched_units(self.book, self.book.accounts[order.account], order)[:1]:
            if contradiction.mended:
                self.engine.mend(held, contradiction.kind, order.key, at)
                continue
            signed: Decimal = -contradiction.amount if order.side == "SELL" else contradiction.amount
            self.engine.contradict(held, contradiction.kind, order.key, signed, at)
