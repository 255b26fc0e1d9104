"""Days of signals, policies and silences, drawn; and what the policy does with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
from hypothesis import strategies as st

from recon.alerts.policy.fold import decide
from recon.alerts.policy.hours import is_never_loud
from recon.alerts.policy.model import Outgoing, Signal, SignalKind, Silence, Step
from recon.alerts.policy.rules import (
    Budget,
    Digest,
    Escalation,
    Gate,
    Limit,
    Maintenance,
    Move,
    Policy,
    QuietHours,
    Reminders,
    Route,
)
from recon.alerts.policy.state import State, decode_state, encode_state

#: The evening before the clocks of London go forward.
T0 = datetime(2026, 3, 28, 18, tzinfo=UTC)
CHANNELS = ("desk", "duty", "feed")
SEVERITIES = ("info", "low", "medium", "high", "critical")


def after(**parts: float) -> datetime:
    return T0 + timedelta(**parts)


def signal(number: int, kind: SignalKind = "fires", case: str = "c", subject: str = "s", **facts: object) -> Signal:
    told = {"certainty": "exact", "cause": "deposit", "severity": "medium", "account": "x", "unit": "BTC"} | facts
    named = {"gateway": "g"} | told
    return msgspec.convert(
        {"id": f"n{number}", "kind": kind, "event": f"break.{kind}", "subject": f"{case}.{subject}"}
        | {"case_id": case, "seq": number, "at": T0, "amount": Decimal(10)}
        | named,
        Signal,
    )


class Look(msgspec.Struct, frozen=True):
    at: datetime
    signals: tuple[Signal, ...] = ()


class Run(msgspec.Struct):
    state: State
    steps: list[Step]
    messages: list[Outgoing]
    next_due: datetime | None = None

    def of(self, channel: str) -> list[Outgoing]:
        return [message for message in self.messages if message.channel == channel]

    def kinds(self, channel: str) -> list[str]:
        return [message.kind for message in self.of(channel)]

    def said(self, channel: str, case: str = "c") -> list[str]:
        return [step.kind for step in self.steps if step.channel in ("", channel) and step.case_id == case]


def run(
    policy: Policy | Sequence[tuple[datetime, Policy]],
    looks: Iterable[Look],
    silences: Sequence[Silence] = (),
    *,
    restart: bool = False,
    state: State | None = None,
) -> Run:
    """Return what comes of looks; with `restart` the state is stored and read between any two."""
    policies = [(T0, policy)] if isinstance(policy, Policy) else policy
    done = Run(State() if state is None else state, [], [])
    for look in looks:
        now = next(each for since, each in reversed(policies) if since <= look.at)
        before = encode_state(done.state)
        decision = decide(done.state, now, look.signals, silences, look.at)
        assert encode_state(done.state) == before, "what came in stays as it was"
        assert decision.next_due is None or decision.next_due > look.at
        done.state = decode_state(encode_state(decision.state)) if restart else decision.state
        done.steps += decision.steps
        done.messages += decision.messages
        done.next_due = decision.next_due
    return done


_minutes = st.integers(1, 600).map(lambda minutes: timedelta(minutes=minutes))
_some_channels = st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=3, unique=True).map(tuple)
_least = st.sampled_from(("", *SEVERITIES))
_minute_of_day = st.integers(0, 1439)
_days = st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days)))
_zones = st.sampled_from(("UTC", "Europe/London", "Asia/Kolkata"))
_routes = st.builds(
    Route,
    name=st.sampled_from(("one", "two", "three")),
    channels=st.just(()) | _some_channels,
    send=st.sampled_from(("gate", "gate", "page", "digest", "nothing")),
    goes_on=st.booleans(),
    severity=_least,
    accounts=st.sampled_from(((), ("x",), ("y*",))),
    certainties=st.sampled_from(((), ("exact",), ("candidate",))),
)
_quiet = st.builds(
    QuietHours,
    channels=_some_channels,
    start=_minute_of_day,
    end=_minute_of_day,
    zone=_zones,
    days=_days,
    passes=_least,
).filter(lambda hours: hours.start != hours.end)
_windows = st.builds(
    lambda begin, length, gateways, accounts: Maintenance("work", begin, begin + length, gateways, accounts),
    begin=st.integers(-60, 3000).map(lambda minutes: after(minutes=minutes)),
    length=_minutes,
    gateways=st.sampled_from(((), ("g",))),
    accounts=st.sampled_from(((), ("x",))),
)
limits = st.builds(Limit, channels=_some_channels, messages=st.integers(1, 3), interval=_minutes)
policies = st.builds(
    Policy,
    channels=st.just(CHANNELS),
    routes=st.lists(_routes, max_size=3).map(lambda routes: (*routes, Route("default", ()))),
    gate=st.builds(Gate, severity=_least),
    move=st.builds(Move, share=st.none() | st.just(Decimal("0.5")), usd=st.none() | st.just(Decimal(5))),
    reminders=st.builds(
        Reminders,
        after=st.lists(_minutes, max_size=2).map(lambda ages: tuple(sorted(set(ages)))),
        every=st.none() | st.integers(300, 900).map(lambda minutes: timedelta(minutes=minutes)),
    ),
    escalations=st.lists(st.builds(Escalation, after=_minutes, to=_some_channels, severity=_least), max_size=2).map(
        lambda rules: tuple(sorted(rules, key=lambda rule: rule.after))
    ),
    quiet=st.lists(_quiet, max_size=2).map(tuple),
    maintenance=st.lists(_windows, max_size=1).map(tuple),
    limits=st.lists(limits, max_size=2).map(tuple),
    budgets=st.lists(st.builds(Budget, channels=_some_channels, pages=st.integers(1, 3)), max_size=1).map(tuple),
    digest=st.builds(Digest, minutes=st.just((480,)) | st.just((60, 1200)), zone=_zones, days=_days),
    group_wait=st.sampled_from((timedelta(), timedelta(seconds=1), timedelta(minutes=5))),
    burst=st.integers(1, 3),
).filter(
    # The settings refuse a channel that is quiet all week.
    lambda policy: (
        not any(
            is_never_loud([hours for hours in policy.quiet if channel in hours.channels], moment)
            for channel in CHANNELS
            for moment in (T0 - timedelta(days=7), T0, T0 + timedelta(days=7))
        )
    )
)
silences = st.lists(
    st.builds(
        lambda begin, length, account, case: Silence(
            f"{begin}/{length}/{account}/{case}",
            after(minutes=begin),
            after(minutes=begin) + length,
            "ann",
            "known",
            account=account,
            case_id=case,
        ),
        begin=st.integers(-60, 3000),
        length=_minutes,
        account=st.none() | st.just("x"),
        case=st.none() | st.just("c1"),
    ),
    max_size=2,
    unique_by=lambda silence: silence.id,
)


_pauses = st.sampled_from((timedelta(milliseconds=300), timedelta(seconds=40), timedelta(minutes=17))) | _minutes


@st.composite
def days(draw: st.DrawFn, *, most: int = 15) -> list[Look]:
    """Draw looks at the lives of a few cases: a subject fires before it moves or ends, and anew after its end."""
    looks: list[Look] = []
    open_: set[str] = set()
    at, number = T0, 0
    for _ in range(draw(st.integers(1, most))):
        at += draw(_pauses)
        signals = []
        for _ in range(draw(st.integers(1, 3))):
            case, subject = draw(st.sampled_from(("c0", "c1", "c2", "c3"))), draw(st.sampled_from(("s", "t")))
            name = f"{case}.{subject}"
            kinds: tuple[SignalKind, ...] = ("fires", "tells", "taken_up") if name not in open_ else (
                "moves", "ends", "taken_up", "again", "wants_approval",
            )  # fmt: skip
            kind = draw(st.sampled_from(kinds))
            if kind == "fires":
                open_.add(name)
            elif kind == "ends":
                open_.remove(name)
            number += 1
            facts = {
                "account": "x" if subject == "s" else "yy",
                "certainty": draw(st.sampled_from(("exact", "candidate", ""))),
                "severity": draw(st.sampled_from(SEVERITIES)),
                "amount": draw(st.integers(-20, 20).map(Decimal)),
                "gateway": "g" if case != "c3" else "h",
            }
            signals.append(signal(number, kind, case, subject, **facts))
        looks.append(Look(at, tuple(signals)))
    return looks


def ended(looks: Sequence[Look]) -> list[Look]:
    """Return the looks, with everything over an hour after the last, and a look three weeks later."""
    open_: dict[str, Signal] = {}
    for each in (each for look in looks for each in look.signals):
        if each.kind in ("fires", "again", "moves"):
            open_[each.subject] = each
        elif each.kind == "ends":
            open_.pop(each.subject, None)
    last = looks[-1].at + timedelta(hours=1)
    ends = tuple(
        msgspec.structs.replace(each, id=f"end{number}", kind="ends") for number, each in enumerate(open_.values())
    )
    return [*looks, Look(last, ends), Look(last + timedelta(days=21))]
