"""`decide`: one look of the policy. Time is advanced first, then the signals are taken. Pure (operator 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from recon.alerts.policy.desk import Desk
from recon.alerts.policy.dues import escalation_due, reminder_due
from recon.alerts.policy.hours import next_digest
from recon.alerts.policy.model import MessageKind, Signal, Silence
from recon.alerts.policy.routing import at_least, material, ways_of, worst
from recon.alerts.policy.rules import Policy
from recon.alerts.policy.sending import flush
from recon.alerts.policy.state import Batch, Case, Decision, Entry, State, Subject, case_key, spoken
from recon.exact import exact

#: Who took a case up when nobody says so.
_SOMEBODY: Final = "somebody"


def decide(
    state: State, policy: Policy, signals: Sequence[Signal], silences: Sequence[Silence], now: datetime
) -> Decision:
    """Return what the policy does at `now`: with what was due until then, and with these signals.

    What was due before happens at its own time, under the policy that was in force until now. `silences` are all that
    end after the last look; those that somebody ended keep their place, with an earlier `until`.
    Time never goes back: an earlier `now` counts as that of the last look.
    """
    desk = Desk(state, policy, silences, now)
    now = max(now, desk.at)
    with exact():
        _advance(desk, now)
        desk.adopt(policy)
        for signal in signals:
            _TAKERS[signal.kind](desk, signal)
        # What waits for nothing goes now.
        _advance(desk, now)
    return desk.decision()


def _advance(desk: Desk, now: datetime) -> None:
    """Do what is due until now, each at its own time."""
    while (found := desk.next_due()) is not None and found[0] <= now:
        due, what = found
        desk.at = max(desk.at, due)
        if isinstance(what, Batch):
            flush(desk, what, desk.at)
        else:
            _prompt(desk, what)
    desk.at = now


def _prompt(desk: Desk, case: Case) -> None:
    """Remind of a case, or escalate it; one step at a time, the reminder first."""
    reminder, escalation = reminder_due(desk.policy, case), escalation_due(desk.policy, case)
    if reminder is not None and (escalation is None or reminder <= escalation):
        age = spoken(reminder - case.since)
        changed = msgspec.structs.replace(case, reminded=case.reminded + 1)
        channels = [name for name in desk.channels_of(case) if name in case.told and not desk.waits(case.key, name)]
        _prompts(desk, case, "reminder", channels, f"reminder {changed.reminded}: nobody took it up in {age}")
    else:
        rule = desk.policy.escalations[case.escalated]
        changed = msgspec.structs.replace(case, escalated=case.escalated + 1)
        severity = worst([subject.now.severity for subject in case.subjects.values()])
        channels = list(rule.to) if at_least(severity, rule.severity) else []
        _prompts(desk, case, "escalation", channels, f"escalation: nobody took it up in {spoken(rule.after)}")
    desk.keep(changed)


def _prompts(desk: Desk, case: Case, kind: MessageKind, channels: Sequence[str], reason: str) -> None:
    for channel in channels:
        for subject in case.subjects.values():
            entry = _entry(desk, kind, subject.now, reason, base=case.since)
            _gather(desk, entry, channel)


def _fires(desk: Desk, signal: Signal) -> None:
    """Tell that a subject fires. Firing once more undoes that somebody has it, and so does firing after its end."""
    case = _case_of(desk, signal)
    if signal.kind == "again" or not case.subjects:
        case = msgspec.structs.replace(case, taken_by="", since=desk.at, reminded=0, escalated=0)
    case = _with_subject(case, signal, told=signal)
    _tell(desk, case, signal, "firing")


def _moves(desk: Desk, signal: Signal) -> None:
    """Tell that a subject moved, if it matters."""
    case = _case_of(desk, signal)
    subject = case.subjects.get(signal.subject)
    if subject is None:
        _fires(desk, signal)
        return
    why = material(desk.policy.move, subject.told, signal)
    if why:
        _tell(desk, _with_subject(case, signal, told=signal), signal, "moved", why)
        return
    desk.keep(_with_subject(case, signal, told=subject.told))
    desk.step(case, desk.at, "not_material", "", "it moved by less than is told again")


def _tell(desk: Desk, case: Case, signal: Signal, kind: MessageKind, why: str = "") -> None:
    """Send a signal of a case where the routes send it, and where the case has been sent."""
    found = ways_of(desk.policy, signal)
    if not found.ways:
        desk.step(case, desk.at, "not_routed", "", found.reason)
    pages: list[str] = []
    desk.keep(case)
    for way in found.ways:
        is_known = way.channel in case.told or desk.waits(case.key, way.channel, _SENT_TO)
        # A leg of a case that is sent goes the way of its case.
        is_page = way.page or is_known
        kind_here: MessageKind = kind if kind != "moved" or is_known else "firing"
        reason = f"{way.reason}; {why}" if why else way.reason
        entry = _entry(desk, kind_here, signal, reason)
        if is_page:
            pages.append(way.channel)
            _gather(desk, entry, way.channel)
        else:
            _digest(desk, entry, way.channel)
    desk.keep(msgspec.structs.replace(case, pages=tuple(dict.fromkeys([*case.pages, *pages]))))


def _tells(desk: Desk, signal: Signal) -> None:
    """Tell of something that has no end, or of a decision that waits for a second person."""
    found = ways_of(desk.policy, signal)
    for way in found.ways:
        entry = _entry(desk, "notice", signal, way.reason)
        if way.page:
            _gather(desk, entry, way.channel)
        else:
            _digest(desk, entry, way.channel)
    if not found.ways:
        desk.step(_case_of(desk, signal), desk.at, "not_routed", "", found.reason)


def _taken_up(desk: Desk, signal: Signal) -> None:
    """Somebody has a case: what prompts for it is void."""
    case = desk.cases.get(case_key(signal.gateway, signal.case_id))
    who = signal.actor or _SOMEBODY
    desk.step(_case_of(desk, signal), desk.at, "acknowledged", "", f"{who} took it up: nobody is reminded")
    if case is None:
        return
    for channel, week in ({} if case.acted else case.told).items():
        book = desk.book(channel)
        book.acted += book.week == week
    desk.keep(msgspec.structs.replace(case, taken_by=who, acted=True))


def _ends(desk: Desk, signal: Signal) -> None:
    """Tell that a subject is over, wherever its firing was told."""
    case = desk.cases.get(case_key(signal.gateway, signal.case_id))
    if case is None or signal.subject not in case.subjects:
        return
    subjects = {name: subject for name, subject in case.subjects.items() if name != signal.subject}
    left = msgspec.structs.replace(case, subjects=subjects)
    desk.keep(left)
    found = ways_of(desk.policy, signal)
    for channel in [] if found.refused else desk.channels_of(case):
        entry = _entry(desk, "recovery", signal, "it was told that it began")
        if channel in case.told or desk.waits(case.key, channel, _SENT_TO):
            _gather(desk, entry, channel)
        else:
            _digest(desk, entry, channel)
    if not subjects:
        desk.step(case, desk.at, "ended", "", found.reason if found.refused else signal.event)
    desk.forget(case.key)


#: Batches of what is sent at once, but for what holds it.
_SENT_TO: Final = ("group", "silence", "maintenance", "quiet", "limit")

_TAKERS: Final[Mapping[str, Callable[[Desk, Signal], None]]] = {
    "fires": _fires,
    "again": _fires,
    "moves": _moves,
    "taken_up": _taken_up,
    "wants_approval": _tells,
    "ends": _ends,
    "tells": _tells,
}


def _case_of(desk: Desk, signal: Signal) -> Case:
    """Return the case of a signal; where nothing is kept of it, a new one."""
    return desk.cases.get(case_key(signal.gateway, signal.case_id)) or Case(signal.gateway, signal.case_id, desk.at)


def _with_subject(case: Case, signal: Signal, *, told: Signal) -> Case:
    return msgspec.structs.replace(case, subjects={**case.subjects, signal.subject: Subject(signal, told)})


def _gather(desk: Desk, entry: Entry, channel: str) -> None:
    """Let what is to be sent wait for the rest of its burst."""
    if entry.base is None and desk.waits_in(entry.key, channel, "group", entry.gateway):
        desk.step(entry, desk.at, "grouped", channel, "another part of the case: one message")
    due = desk.at + desk.policy.group_wait
    desk.put(entry, Batch(channel, "group", entry.gateway, due, f"gateway {entry.gateway}", []))


def _digest(desk: Desk, entry: Entry, channel: str) -> None:
    due = next_digest(desk.policy.digest, desk.at)
    desk.step(entry, desk.at, "digested", channel, f"{entry.reason}; digest of {due:%Y-%m-%d %H:%M} UTC")
    desk.put(entry, Batch(channel, "digest", "", due, "digest", []))


def _entry(desk: Desk, kind: MessageKind, signal: Signal, reason: str, base: datetime | None = None) -> Entry:
    return Entry(
        number=desk.number(),
        kind=kind,
        signal=signal.id,
        gateway=signal.gateway,
        case_id=signal.case_id,
        subject=signal.subject,
        account=signal.account,
        unit=signal.unit,
        cause=signal.cause,
        severity=signal.severity,
        reason=reason,
        base=base,
    )
