"""One look of the policy that never fails: what it cannot take is told plainly. Pure.

A defect of the policy must not keep an alert from people. If it fails at several signals, it is asked for each alone;
one at which it fails even then goes to every channel as it is, and the policy forgets it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from recon.alerts.policy.model import Outgoing, Signal, Silence, Step
from recon.alerts.policy.rules import Policy
from recon.alerts.policy.state import Decision, State, decode_state, encode_state
from recon.alerts.signal import signal_id

#: Why a message is sent that no rule of the policy asked for.
UNTAKEN: Final = "the policy failed at it, so every channel is told; please report this"

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

    Without a signal a failure of the policy is raised: nothing is lost by that, and time comes again.
    """
    try:
        decision = decide(_state_of(state), look.policy, signals, look.silences, look.now)
    except Exception as error:
        if not signals:
            raise
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
