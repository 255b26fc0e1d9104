"""Replaying the policy over what was routed: why a case was told, and what another policy would have sent. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import groupby

import msgspec

from recon.alerts.policy.fold import decide
from recon.alerts.policy.model import Signal, Silence, Step
from recon.alerts.policy.rules import Policy
from recon.alerts.policy.state import Decision, State


class History(msgspec.Struct, frozen=True):
    """What was routed. `looks` are the times at which signals were routed, with them, in order.

    `policies` are those that were in force, each since when, in order; `silences` as they ended.
    """

    looks: Sequence[tuple[datetime, Sequence[Signal]]]
    policies: Sequence[tuple[datetime, Policy]]
    silences: Sequence[Silence] = ()


class Sent(msgspec.Struct, frozen=True):
    """How many messages of a kind a channel gets on a day, UTC."""

    day: date
    channel: str
    kind: str
    messages: int


def replay(history: History, until: datetime, state: State | None = None) -> Iterator[Decision]:
    """Yield what `decide` makes of the history, in order, up to a time; from a state if one is given."""
    state = State() if state is None else state
    changes = [(since, policy) for since, policy in history.policies if since <= until]
    if not changes:
        return
    looks = sorted(
        [*((at, signals) for at, signals in history.looks if at <= until), *((since, ()) for since, _ in changes)],
        key=lambda look: look[0],
    )
    for at, signals in [*looks, (until, ())]:
        # What came before the first policy is told by the first one.
        policy = next((policy for since, policy in reversed(changes) if since <= at), changes[0][1])
        decision = decide(state, policy, signals, history.silences, at)
        state = decision.state
        yield decision


def why(history: History, gateway: str, case_id: str, until: datetime) -> list[Step]:
    """Return what the policy did with one case, in the order of time."""
    return [
        step
        for decision in replay(history, until)
        for step in decision.steps
        if step.gateway == gateway and step.case_id == case_id
    ]


def what_if(history: History, policy: Policy, until: datetime) -> list[Sent]:
    """Return the messages for each channel and day if this policy had been in force all the time."""
    begun = min((at for at, _ in history.looks), default=until)
    other = msgspec.structs.replace(history, policies=[(begun, policy)])
    messages = [message for decision in replay(other, until) for message in decision.messages]
    keys = sorted((message.at.date(), message.channel, message.kind) for message in messages)
    return [Sent(*key, sum(1 for _ in same)) for key, same in groupby(keys)]
