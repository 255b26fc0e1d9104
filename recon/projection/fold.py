"""The fold: one event of the log after another, into ledger, comparisons and breaks. Pure (architecture 2.4).

1. The fold of the same events gives the same state, however they are cut into batches.
2. Everything is computed in the exact context, which the fold itself enters.
3. An event that cannot be read or understood is a finding; the fold goes on.
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
from recon.errors import DocumentRefused
from recon.exact import exact
from recon.ledger import rules as rules_
from recon.ledger.account import Account
from recon.ledger.apply import refused_events, rest_answers, rules, sessions
from recon.ledger.apply.balances import apply_balances
from recon.ledger.apply.decisions import settle_gap, settle_order
from recon.ledger.apply.execution_reports import apply_reports
from recon.ledger.apply.instruments import apply_instruments
from recon.ledger.apply.positions import apply_positions
from recon.ledger.changes import Contradiction, CurrentEvent
from recon.ledger.facts.external_fact import parse_fact
from recon.ledger.facts.venue_answer import parse_answer, parse_trade
from recon.ledger.ledger import Ledger
from recon.ledger.rule_changes import parse_proposed
from recon.ledger.withholding import touched_units
from recon.log import events
from recon.log.events import Event
from recon.projection.refusals import Refusal, Refusals
from recon.reconciliation import histories
from recon.reconciliation.breaks import decisions
from recon.reconciliation.breaks.decisions import Decision
from recon.reconciliation.reconciler import Reconciler
from recon.reconciliation.sources.answers import facts_of_answer
from recon.times import LogTime, microseconds

#: The version of the fold: a change of its results or of what it stores is a new version (architecture 3, editions).
VERSION: Final = 17

_SESSION_KINDS: Final = frozenset(
    {events.SESSION_OPENED, events.SESSION_CLOSED, events.SESSION_FAILED, events.TICK, events.CLOCK_JUMPED}
)
#: A session begins and ends whatever its event quotes of the other side's words, also a U+0000.
_ENDS_OF_SESSIONS: Final = frozenset({events.SESSION_OPENED, events.SESSION_CLOSED, events.SESSION_FAILED})
_INSTRUCTION_KINDS: Final = frozenset({events.RULES, events.RULES_PROPOSED, events.FACT, events.DECISION})
_VENUE_KINDS: Final = frozenset({events.VENUE_ANSWER, events.VENUE_TRADE})
_BACKFILL_KINDS: Final = frozenset({events.CATCH_UP_BEGUN, events.REST_ANSWER, events.CATCH_UP_ENDED})
#: A refusal has its effect where the refused event is folded, and none at its own position.
_OWN_KINDS: Final = _SESSION_KINDS | _INSTRUCTION_KINDS | _BACKFILL_KINDS | _VENUE_KINDS | {events.EVENT_REFUSED}
_note: Final = events.payload_reader(sessions.SessionNote)
_run: Final = events.payload_reader(rest_answers.BackfillRun)
_jump: Final = events.payload_reader(sessions.ClockJump)
_tick: Final = events.payload_reader(sessions.Tick)


class DecodedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event with its message, decoded once."""

    event: Event
    decoded: Decoded | None
    response: DecodedResponse | None = None
    #: Why the event is left out; None for all events but the refused ones.
    refusal: Refusal | None = None

    @property
    def messages(self) -> tuple[Message, ...]:
        """Return the EMS messages in it, whether the WebSocket or REST brought them."""
        if self.response is not None:
            return self.response.messages
        return () if self.decoded is None else (self.decoded.message,)


#: How an event is read: as it stands, or, for a question, with other rules in the place of those that were in force.
EventDecoder = Callable[[Event], DecodedEvent]


def decode_event(event: Event) -> DecodedEvent:
    """Decode an event's frame; our own events and unreadable ones have no message."""
    if not event.readable or event.kind in _OWN_KINDS:
        return DecodedEvent(event, None, _answered(event))
    return DecodedEvent(event, decode(event.payload))


def leaving_out(refusals: Refusals, reading: EventDecoder = decode_event) -> EventDecoder:
    """Return a decoder that leaves refused events as they are, for the fold to leave them out."""

    def read(event: Event) -> DecodedEvent:
        refusal = refusals.of(event.seq)
        return reading(event) if refusal is None else DecodedEvent(event, None, refusal=refusal)

    return read


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

    def __init__(self, ledger: Ledger, reconciler: Reconciler) -> None:
        """Fold into this ledger and these comparisons."""
        self.ledger = ledger
        self.reconciler = reconciler

    def fold(self, decoded_events: list[DecodedEvent], go_on: Callable[[int], bool] = lambda _: True) -> int:
        """Fold events in log order, and return how many are folded.

        `go_on` is asked before each event, by its log position; the first event is folded whatever the answer.
        """
        with exact():
            for count, item in enumerate(decoded_events):
                if not go_on(item.event.seq) and count:
                    return count
                self._fold(item)
        return len(decoded_events)

    def _fold(self, item: DecodedEvent) -> None:
        event, ledger = item.event, self.ledger
        previous_us = ledger.clock.last_us
        us = microseconds(event.recorded_at)
        if us // histories.MINUTE_US > previous_us // histories.MINUTE_US:
            self.reconciler.end_minute(LogTime(event.seq - 1, previous_us, ledger.clock.clock))
        at = LogTime(event.seq, us, ledger.clock.advance_to(us))
        age_us = 0 if item.response is None else item.response.took_us
        ledger.event = CurrentEvent(at, event.kind == events.REST_ANSWER, age_us)
        if item.refusal is not None:
            # Nothing else: whatever the event would have done is what a step failed on.
            refused_events.leave_out(ledger, event, item.refusal.reason, at)
            return
        self.reconciler.advance(at)
        self._apply(item, at, previous_us)
        if ledger.effects.to_compare:
            self._compare(at)
        resumed, ledger.effects.resumed = ledger.effects.resumed, []
        for name in resumed:
            self.reconciler.resume_account(name, at)
        ledger.effects.legs.clear()
        ledger.effects.cash_to_come.clear()
        self.reconciler.finish(at)
        self.reconciler.keep_judged(at)

    def _apply(self, item: DecodedEvent, at: LogTime, previous_us: int) -> None:
        """Apply one event to the ledger; new rules also classify all breaks again."""
        event, ledger = item.event, self.ledger
        own = event.kind in _OWN_KINDS
        if own and (event.readable or event.kind in _ENDS_OF_SESSIONS):
            rules = ledger.rules
            self._apply_own(item, at, previous_us)
            if ledger.rules is not rules:
                self.reconciler.on_rules(at)
        elif item.decoded is None:
            message = f"the {'event' if own else 'frame'} is not UTF-8 JSON that can be read"
            ledger.note_finding(event.account, at, "unreadable", event.kind, message)
        else:
            self._apply_frame(event, item.decoded, at)

    def _apply_own(self, item: DecodedEvent, at: LogTime, previous_us: int) -> None:
        event = item.event
        try:
            if event.kind in _BACKFILL_KINDS:
                self._apply_backfill(item, at)
            elif event.kind in _INSTRUCTION_KINDS:
                self._apply_instruction(event, at)
            elif event.kind in _VENUE_KINDS:
                self._apply_told_by_venue(event, at)
            else:
                self._apply_session(event, at, previous_us)
        except (DocumentRefused, msgspec.DecodeError) as error:
            message = f"the event is not of its kind's shape: {error}"
            self.ledger.note_finding(event.account, at, "unreadable", event.kind, message)

    def _apply_session(self, event: Event, at: LogTime, previous_us: int) -> None:
        """Apply the beginning or end of a session, or a tick."""
        ledger = self.ledger
        if event.kind == events.SESSION_OPENED:
            sessions.session_opened(ledger, event.session, at, previous_us=previous_us)
        elif event.kind == events.SESSION_CLOSED:
            reason = (_note(event.payload).reason or "disconnected").replace("\0", "")
            sessions.session_closed(ledger, event.session, reason, at)
        elif event.kind == events.TICK:
            sessions.apply_tick(ledger, _tick(event.payload), at)
        elif event.kind == events.CLOCK_JUMPED:
            sessions.clock_jumped(ledger, _jump(event.payload), at)

    def _apply_instruction(self, event: Event, at: LogTime) -> None:
        """Apply rules, a fact or a decision."""
        if event.kind == events.RULES:
            rules.put_in_force(self.ledger, rules_.parse_rules(event.payload), event.seq, at)
        elif event.kind == events.RULES_PROPOSED:
            rules.propose_rules(self.ledger, parse_proposed(event.payload, event.seq), at)
        elif event.kind == events.FACT:
            self.reconciler.apply_fact(parse_fact(event.payload), at)
        else:
            self._decide(decisions.parse_decision(event.payload), at)

    def _apply_told_by_venue(self, event: Event, at: LogTime) -> None:
        """Apply what a venue said was held, or a trade that it told."""
        if event.kind == events.VENUE_TRADE:
            self.reconciler.apply_fact(parse_trade(event.payload), at)
            return
        for fact in facts_of_answer(self.ledger, parse_answer(event.payload), at):
            self.reconciler.apply_fact(fact, at)

    def _apply_backfill(self, item: DecodedEvent, at: LogTime) -> None:
        """Apply the beginning or end of a backfill, or an answer over REST."""
        event, ledger = item.event, self.ledger
        if event.kind == events.CATCH_UP_BEGUN:
            rest_answers.backfill_begun(ledger, _run(event.payload))
        elif event.kind == events.CATCH_UP_ENDED:
            rest_answers.backfill_ended(ledger, _run(event.payload), at)
        elif item.response is not None:
            rest_answers.apply_answer(ledger, item.response, at)
        else:
            ledger.note_finding(event.account, at, "unreadable", event.kind, "the answer cannot be read")

    def _decide(self, decision: Decision, at: LogTime) -> None:
        ledger, by = self.ledger, decision.by
        match decision.action:
            case "settle_order":
                settle_order(ledger, by, decision.account, decision.order, decision.outcome, at)
            case "settle_gap":
                settle_gap(ledger, by, decision.account, decision.from_seq, decision.outcome, at)
            case "approve_rules" | "reject_rules":
                approved = decision.action == "approve_rules"
                rules.decide_rules(ledger, by, decision.rules_digest, at, approved=approved)
            case "approve_facts" | "reject_facts":
                self.reconciler.decide_facts(decision, at)
            case "sign_close" | "countersign_close":
                pass  # a signature says what somebody saw, and changes no books
            case _:
                self.reconciler.decide(decision, at)

    def _apply_frame(self, event: Event, decoded: Decoded, at: LogTime) -> None:
        ledger, message = self.ledger, decoded.message
        for finding in decoded.findings:
            ledger.note_finding(event.account, at, finding.kind, finding.about, finding.message)
        if message.account is not None:
            account = ledger.account(message.account, at)
            sessions.note_alive(ledger, account, at)
            self._apply_message(message, account, at)

    def _apply_message(self, message: Message, account: Account, at: LogTime) -> None:
        ledger = self.ledger
        match message:
            case OrderReports():
                apply_reports(ledger, message, account, at)
            case Balances():
                apply_balances(ledger, message, account, at)
            case Positions():
                apply_positions(ledger, message, account, at)
            case Symbols():
                apply_instruments(ledger, message, account, at)
            case ServerInfo():
                sessions.apply_server_info(ledger, account, message, at)
            case Reject():
                text = message.message or "the gateway refused a request"
                ledger.note_finding(account.name, at, "message_reject", message.reason or "OTHER", text)
            case _:
                pass

    def _compare(self, at: LogTime) -> None:
        """Compare what the event changed or reported."""
        effects, reconciler = self.ledger.effects, self.reconciler
        # Legs first: an observation in the same event was made after what it reports.
        if effects.legs:
            reconciler.on_legs(effects.take_legs(), at)
        if effects.parts:
            parts, effects.parts = effects.parts, []
            reconciler.on_parts(parts, at)
        if effects.cash_to_come:
            awaited, effects.cash_to_come = effects.cash_to_come, []
            reconciler.on_cash_to_come(awaited, at)
        if effects.observed:
            observed, effects.observed = effects.observed, []
            for state, observation in observed:
                reconciler.on_observation(state, observation, at)
        if effects.contradictions:
            contradictions, effects.contradictions = effects.contradictions, []
            for contradiction in contradictions:
                self._contradict(contradiction, at)
        effects.posted = {}  # what the comparison itself posted needs no second look

    def _contradict(self, contradiction: Contradiction, at: LogTime) -> None:
        order = contradiction.order
        for state in touched_units(self.ledger, self.ledger.accounts[order.account], order)[:1]:
            signed: Decimal = -contradiction.amount if order.identity.side == "SELL" else contradiction.amount
            amount = None if contradiction.resolved else signed
            self.reconciler.contradict(state, contradiction.kind, order.key, amount, at)
