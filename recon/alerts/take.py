"""One look of the policy that never fails: what it cannot take is told plainly. Pure.

A defect of the policy must not keep an alert from people. If it fails at several signals, it is asked for each alone;
one at which it fails even then goes to every channel as it is, and the policy forgets it.
If it fails at what time has it do, what is to blame is found in the same way: a batch that waits is sent as it is, and
a case is prompted for no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from recon.alerts.policy.model import Outgoing, Signal, Silence, Step
from recon.alerts.policy.rules import Policy
from recon.alerts.policy.state import Batch, Decision, State, decode_state, encode_state
from recon.alerts.signal import signal_id

#: Why a message is sent that no rule of the policy asked for.
UNTAKEN: Final = "the policy failed at it, so every channel is told; please report this"

UNDUE: Final = "the policy failed at what waited here, so it is sent as it is; please report this"
#: Most batches, and most cases, that are tried one by one; if it is none of them, it is all that is due.
MAX_TRIED: Final = 100

#: The policy's own function.
Decide: TypeAlias = Callable[[State, Policy, Sequence[Signal], Sequence[Silence], datetime], Decision]


class Taken(msgspec.Struct, frozen=True):
    """A decision, and why the policy failed, if it did; `state` is encoded."""

    state: bytes
    steps: tuple[Step, ...]
    messages: tuple[Outgoing, ...]
    next_due: datetime | None
    failures: tuple[str, ...] = ()
    #: The state itself, null if the policy failed.
    memory: State | None = None


class Look(msgspec.Struct, frozen=True):
    """What the policy is given, beside the signals."""

    policy: Policy
    silences: tuple[Silence, ...]
    now: datetime


def take(decide: Decide, state: bytes, signals: Sequence[Signal], look: Look) -> Taken:
    """Return what the policy decides about these signals at this moment.

    Raise what the policy raises if it fails with nothing to do.
    """
    try:
        decision = decide(_state_of(state), look.policy, signals, look.silences, look.now)
    except Exception as error:  # noqa: BLE001 - whatever fails, somebody is told
        if not signals:
            return _without_the_due(decide, state, look, error)
        if len(signals) == 1:
            return _plainly(state, signals[0], look, error)
    else:
        return _taken(decision)
    taken = Taken(state, (), (), None)
    for signal in signals:
        one = take(decide, taken.state, [signal], look)
        taken = Taken(
            one.state,
            taken.steps + one.steps,
            taken.messages + one.messages,
            one.next_due,
            taken.failures + one.failures,
        )
    return taken


def take_quickly(decide: Decide, state: State, signals: Sequence[Signal], look: Look) -> Taken | None:
    """Return what the policy decides from a state in memory, which is worth nothing afterwards; None if it fails."""
    try:
        return _taken(decide(state, look.policy, signals, look.silences, look.now))
    except Exception:  # noqa: BLE001 - `take` finds out at which signal, from the state as it was stored
        return None


def _taken(decision: Decision) -> Taken:
    state = decision.state
    return Taken(encode_state(state), decision.steps, decision.messages, decision.next_due, memory=state)


def _state_of(state: bytes) -> State:
    return decode_state(state) if state else State()


def _plainly(state: bytes, signal: Signal, look: Look, error: Exception) -> Taken:
    """Tell every channel of a signal at which the policy failed; the state stays as it was."""
    case = (signal.gateway, signal.case_id)
    messages = tuple(
        Outgoing(f"msg_{signal_id(channel, signal.id)}", channel, "notice", look.now, (signal.id,), (case,), UNTAKEN)
        for channel in look.policy.channels
    )
    steps = tuple(Step(*case, look.now, "sent", each.channel, UNTAKEN, each.id) for each in messages)
    # Soon again: what was due by time is not known.
    return Taken(state, steps, messages, look.now, (f"{signal.id}: {type(error).__name__}: {error}",))


def _without_the_due(decide: Decide, state: bytes, look: Look, error: Exception) -> Taken:
    """Return what the policy decides without the one thing that is due at which it fails, or without all of them."""
    for batches, cases in _suspects(_state_of(state), look.now):
        without = _state_of(state)
        told = [without.batches.pop(key) for key in batches]
        for key in cases:
            without.cases[key] = msgspec.structs.replace(without.cases[key], pages=())
        try:
            taken = _taken(decide(without, look.policy, (), look.silences, look.now))
        except Exception:  # noqa: BLE001, S112 - it is another one, or all of them
            continue
        messages = tuple(_as_it_is(batch, look.now) for batch in told if batch.channel in look.policy.channels)
        steps = tuple(
            Step(*case, look.now, "sent", message.channel, UNDUE, message.id)
            for message in messages
            for case in message.cases
        )
        return msgspec.structs.replace(
            taken,
            steps=steps + taken.steps,
            messages=messages + taken.messages,
            failures=(f"what was due: {type(error).__name__}: {error}",),
        )
    raise error


def _suspects(state: State, now: datetime) -> Iterator[tuple[list[str], list[str]]]:
    """Yield what to leave out: each batch and each case that may be due, and then all of them."""
    batches = [key for key, batch in state.batches.items() if batch.due <= now]
    cases = [key for key, case in state.cases.items() if case.pages and not case.taken_by]
    yield from (([key], []) for key in batches[:MAX_TRIED])
    yield from (([], [key]) for key in cases[:MAX_TRIED])
    if batches or cases:
        yield batches, cases


def _as_it_is(batch: Batch, now: datetime) -> Outgoing:
    """Return a message of all that waited in a batch."""
    signals = tuple(dict.fromkeys(entry.signal for entry in batch.entries))
    cases = tuple(dict.fromkeys((entry.gateway, entry.case_id) for entry in batch.entries))
    id_ = f"msg_{signal_id(batch.channel, batch.key, *signals)}"
    return Outgoing(id_, batch.channel, "notice", now, signals, cases, UNDUE, len(batch.entries))
