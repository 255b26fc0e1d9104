"""One routing: what the policy has not taken yet becomes messages, in one transaction (architecture 2.10).

1. It locks the router's row, so of several instances one at a time routes. The state that it finds is the last one.
2. Signals are marked, messages queued and the state stored together: a crash repeats all of it, or nothing.
3. The moment of a routing is later than that of the former one, and is stored with what was given to the policy then:
   signals, the policy itself, silences. So each step can be derived again (`history`).
4. What the policy remembers may be at hand from the former routing (`Memory`): it counts if nobody routed since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import msgspec
import structlog
from sqlalchemy import Connection

from recon.alerts import delivery_store, signal_store, silence_store
from recon.alerts.delivery_store import Delivery
from recon.alerts.message import MAX_LISTED_CASES, CaseNumber, Told, compose
from recon.alerts.policy.model import Outgoing, Signal
from recon.alerts.policy.rules import Policy, encode_policy
from recon.alerts.policy.state import State
from recon.alerts.take import Decide, Look, Taken, take, take_quickly
from recon.db.raw import cursor_of

#: Most signals of one routing; more are taken by the next ones.
MAX_SIGNALS: Final = 1000
#: The least time between two routings.
TICK: Final = timedelta(microseconds=1)

_LOCK: Final = "SELECT r.routed_at, r.due_at FROM recon_store.router AS r WHERE r.one FOR NO KEY UPDATE"
_STATE: Final = "SELECT r.state FROM recon_store.router AS r WHERE r.one"
_STORE: Final = "UPDATE recon_store.router SET routed_at = %s, due_at = %s, state = %s WHERE one"
_LAST_POLICY: Final = "SELECT p.document::text FROM recon_store.policies AS p ORDER BY p.since DESC LIMIT 1"
_NEW_POLICY: Final = "INSERT INTO recon_store.policies (since, document) VALUES (%s, %s::json)"
#: Where steps can be derived from again: what was remembered before the first routing of a day.
_KEEP_STATE: Final = """
    INSERT INTO recon_store.router_states (routed_at, state)
    SELECT %s, r.state FROM recon_store.router AS r
    WHERE NOT EXISTS (SELECT FROM recon_store.router_states AS k WHERE k.routed_at >= %s)
"""

_log = structlog.get_logger(__name__)

#: Returns the measured precision of some causes, in words.
PrecisionOf: TypeAlias = Callable[[Iterable[str]], Mapping[str, str]]


class Routed(msgspec.Struct, frozen=True):
    """What one routing did: signals taken, messages queued, when time has it do more, and whether more waits now."""

    signals: int
    messages: int
    due_at: datetime | None
    more: bool


class Desk(msgspec.Struct, frozen=True):
    """Who decides, and by what: the policy's function, the policy in force, and the measured precision of causes."""

    decide: Decide
    policy: Policy
    precision: PrecisionOf


class Memory:
    """What the policy remembers after our last routing, so that it need not be read again."""

    def __init__(self) -> None:
        """Remember nothing."""
        self._kept: tuple[datetime, State] | None = None
        self._made: tuple[datetime, State] | None = None

    def take_out(self, routed_at: datetime | None) -> State | None:
        """Return the state if nobody routed since ours; it is kept no longer, since the policy may change it."""
        kept, self._kept, self._made = self._kept, None, None
        return kept[1] if kept is not None and kept[0] == routed_at else None

    def note(self, routed_at: datetime, state: State | None) -> None:
        """Note what a routing made, before its commit."""
        self._made = None if state is None else (routed_at, state)

    def keep(self) -> None:
        """Keep what the last routing made: its commit succeeded."""
        self._kept, self._made = self._made or self._kept, None


def route(connection: Connection, desk: Desk, now: datetime, memory: Memory | None = None) -> Routed:
    """Take what waits and what is due, in the caller's transaction."""
    memory = Memory() if memory is None else memory
    routed_at, due_at = _lock(connection)
    now = now if routed_at is None else max(now, routed_at + TICK)
    signals = signal_store.unrouted(connection, MAX_SIGNALS)
    changed = _note_policy(connection, desk.policy, now)
    silences, heard = silence_store.take_silences(connection, now)
    if not (signals or changed or heard or (due_at is not None and due_at <= now)):
        return Routed(0, 0, due_at, more=False)
    look, state = Look(desk.policy, tuple(silences), now), memory.take_out(routed_at)
    quickly = None if state is None else take_quickly(desk.decide, state, signals, look)
    taken = quickly or take(desk.decide, _state(connection), signals, look)
    for failure in taken.failures:
        _log.error("the policy failed at a signal; please report this", reason=failure)
    _keep_state(connection, now)
    _queue(connection, desk, taken)
    signal_store.mark_routed(connection, signals, now)
    with cursor_of(connection) as cursor:
        cursor.execute(_STORE, (now, taken.next_due, taken.state))
    memory.note(now, taken.memory)
    return Routed(len(signals), len(taken.messages), taken.next_due, more=len(signals) == MAX_SIGNALS)


def _lock(connection: Connection) -> tuple[datetime | None, datetime | None]:
    """Lock the router's row; return when it last routed, and what is due next."""
    with cursor_of(connection) as cursor:
        cursor.execute(_LOCK)
        row = cursor.fetchone()
    return (None, None) if row is None else (row[0], row[1])


def _state(connection: Connection) -> bytes:
    """Return what the policy remembers, as it is stored."""
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(_STATE)
        row = cursor.fetchone()
    return b"" if row is None else bytes(row[0])


def _note_policy(connection: Connection, policy: Policy, now: datetime) -> bool:
    """Store the policy if it is not the one in force; return whether it is new."""
    document = encode_policy(policy).decode()
    with cursor_of(connection) as cursor:
        cursor.execute(_LAST_POLICY)
        row = cursor.fetchone()
        if row is not None and row[0] == document:
            return False
        cursor.execute(_NEW_POLICY, (now, document))
    return True


def _keep_state(connection: Connection, now: datetime) -> None:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with cursor_of(connection) as cursor:
        cursor.execute(_KEEP_STATE, (now, midnight))


def _queue(connection: Connection, desk: Desk, taken: Taken) -> None:
    """Queue the messages of a decision, each with its body."""
    keys = {
        (gateway, signal)
        for message in taken.messages
        for gateway in {gateway for gateway, _ in message.cases}
        for signal in message.signals
    }
    found = signal_store.described(connection, sorted(keys))
    delivery_store.enqueue(connection, [_delivery(connection, desk, message, found) for message in taken.messages])


def _delivery(
    connection: Connection, desk: Desk, message: Outgoing, found: Mapping[str, tuple[Signal, str]]
) -> Delivery:
    """Return a message as it is stored; its cases are counted for the channel."""
    cases = message.cases[:MAX_LISTED_CASES]
    numbers = delivery_store.number_cases(connection, message.channel, cases, message.at)
    listed = [CaseNumber(gateway, case_id, numbers[gateway, case_id]) for gateway, case_id in cases]
    known = [found[id_] for id_ in message.signals if id_ in found]
    told = [Told(signal.id, signal.event, signal.at, document) for signal, document in known]
    precision = desk.precision({signal.cause for signal, _ in known if signal.cause})
    event, body = compose(message, told, listed, precision)
    one = listed[0] if len(message.cases) == 1 else None
    return Delivery(
        gateway=_one({gateway for gateway, _ in message.cases}),
        channel=message.channel,
        id=message.id,
        kind=message.kind,
        event=event,
        case_id=None if one is None else one.case_id,
        case_seq=None if one is None else one.case_seq,
        cases=[f"{gateway}/{case_id}" for gateway, case_id in message.cases],
        signals=list(message.signals),
        held=message.held,
        reason=message.reason,
        at=message.at,
        body=body,
    )


def _one(names: Iterable[str]) -> str:
    """Return the only name; "" if there are several, or none."""
    known: Sequence[str] = list(names)
    return known[0] if len(known) == 1 else ""
