"""A batch that is due: what of it is sent, in which messages, and what has to wait on. Pure.

The order of the checks: silences, maintenance, quiet hours, and last the limit.
What waits on keeps its place: of a case nothing is sent before what is older, but what a silence covers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from recon.alerts.policy.desk import Desk
from recon.alerts.policy.hours import quiet_until, week_of
from recon.alerts.policy.model import MessageKind, Outgoing
from recon.alerts.policy.routing import at_least, is_maintained, is_silenced
from recon.alerts.policy.rules import Limit
from recon.alerts.policy.state import MAX_BATCH, Batch, Book, Entry, Why, spoken
from recon.display.words import counted

#: What is sent anew by itself, and is void once somebody took the case up.
_PROMPTS: Final = ("reminder", "escalation")
#: What the page budget does not count.
_NO_PAGES: Final = ("digest", "recovery")
#: Messages whose signals say all: their id needs no time.
_ONCE: Final = ("firing", "moved", "recovery")


class Draft(msgspec.Struct, frozen=True):
    """A message before the limit has been asked."""

    channel: str
    kind: MessageKind
    entries: list[Entry]
    reason: str
    held: int = 0


def flush(desk: Desk, batch: Batch, at: datetime) -> None:
    """Send a batch that is due, as far as nothing else holds it."""
    is_full = len(batch.entries) >= MAX_BATCH
    taken = desk.take_out(batch)
    entries = [entry for entry in taken if _stands(desk, batch.why, entry)]
    if not is_full:
        entries = _not_silenced(desk, batch.channel, entries, at)
        entries = _not_maintained(desk, batch.channel, entries, at)
        entries = _not_quiet(desk, batch.channel, entries, at)
    for draft in _drafts(desk, batch, entries):
        if is_full:
            _emit(desk, draft, at)
        else:
            _send(desk, draft, at, limited=batch.why == "limit")
    for key in {entry.key for entry in taken}:
        desk.forget(key)


def _stands(desk: Desk, why: Why, entry: Entry) -> bool:
    """True if an entry is still to be told."""
    case = desk.cases.get(entry.key)
    fires = case is not None and entry.subject in case.subjects
    if entry.kind in _PROMPTS:
        return fires and case is not None and not case.taken_by and case.since == entry.base
    return fires or why != "silence"


def _not_silenced(desk: Desk, channel: str, entries: Iterable[Entry], at: datetime) -> list[Entry]:
    passed: list[Entry] = []
    active = [silence for silence in desk.silences.values() if silence.since <= at < silence.until]
    for entry in entries:
        facts = {"gateway": entry.gateway, "account": entry.account, "unit": entry.unit}
        silence = next(
            (each for each in active if is_silenced(each, **facts, case_id=entry.case_id, cause=entry.cause)), None
        )
        if silence is None or not entry.case_id:
            passed.append(entry)
            continue
        reason = f"silence {silence.id} of {silence.by}, until {_moment(silence.until)}: {silence.reason}"
        desk.step(entry, at, "silenced", channel, reason)
        desk.put(entry, Batch(channel, "silence", silence.id, silence.until, f"silence {silence.id} is over", []))
    return passed


def _not_maintained(desk: Desk, channel: str, entries: Iterable[Entry], at: datetime) -> list[Entry]:
    passed: list[Entry] = []
    active = [window for window in desk.policy.maintenance if window.since <= at < window.until]
    for entry in entries:
        windows = [window for window in active if is_maintained(window, entry.gateway, entry.account)]
        if not windows or not entry.case_id:
            passed.append(entry)
            continue
        window = max(windows, key=lambda each: each.until)
        reason = f"maintenance {window.name}, until {_moment(window.until)}"
        desk.step(entry, at, "held", channel, reason)
        desk.put(entry, Batch(channel, "maintenance", window.name, window.until, f"held by {reason}", []))
    return passed


def _not_quiet(desk: Desk, channel: str, entries: Iterable[Entry], at: datetime) -> list[Entry]:
    ends = [
        (end, hours.passes)
        for hours in desk.policy.quiet
        if channel in hours.channels and (end := quiet_until(hours, at)) is not None
    ]
    passed: list[Entry] = []
    for entry in entries:
        holding = [end for end, passes in ends if not passes or not at_least(entry.severity, passes)]
        if not holding:
            passed.append(entry)
            continue
        end = max(holding)
        reason = f"quiet hours of {channel}, until {_moment(end)}"
        desk.step(entry, at, "held", channel, reason)
        desk.put(entry, Batch(channel, "quiet", end.isoformat(), end, f"held by {reason}", []))
    return passed


def _drafts(desk: Desk, batch: Batch, entries: Sequence[Entry]) -> list[Draft]:
    """Return the messages of a batch, in order; what waited for its burst is told by case, or as one if it is large."""
    if not entries:
        return []
    if batch.why != "group":
        kind: MessageKind = "digest" if batch.why == "digest" else "summary"
        notices = [entry.reason for entry in entries if not entry.case_id]
        return [Draft(batch.channel, kind, list(entries), "; ".join([batch.reason, *notices]), len(entries))]
    cases = {entry.key for entry in entries}
    is_burst = len(cases) > desk.policy.burst
    drafts: list[Draft] = []
    latest: dict[tuple[str, str], int] = {}
    last_of_case: dict[str, int] = {}
    for entry in entries:
        group = (entry.kind, "" if is_burst else entry.key)
        index = latest.get(group, -1)
        # A case that has a later message of another kind is told in order.
        if index < last_of_case.get(entry.key, 0):
            index = -1
        if index < 0:
            index = latest[group] = len(drafts)
            drafts.append(Draft(batch.channel, entry.kind, [], entry.reason))
        drafts[index].entries.append(entry)
        last_of_case[entry.key] = index
    return [_named(draft, desk.policy.group_wait) for draft in drafts] if is_burst else drafts


def _named(draft: Draft, wait: timedelta) -> Draft:
    cases = len({entry.key for entry in draft.entries})
    if cases == 1:
        return draft
    reason = f"{cases} cases of gateway {draft.entries[0].gateway} came within {spoken(wait)}: one message"
    return msgspec.structs.replace(draft, reason=reason)


def _send(desk: Desk, draft: Draft, at: datetime, *, limited: bool) -> None:
    """Send a message, or let its entries wait until the limit has room; `limited`: they have waited for that."""
    limit = _limit(desk, draft.channel)
    book = desk.book(draft.channel)
    free_at = None if limit is None else _free_at(book, limit, at)
    waits = any(batch.channel == draft.channel and batch.why == "limit" for batch in desk.batches.values())
    if limit is None or (limited and free_at is None) or (free_at is None and not waits):
        _emit(desk, draft, at)
        return
    text = f"limit of {counted(limit.messages, 'message')} in {spoken(limit.interval)}"
    due = at if free_at is None else free_at
    for entry in draft.entries:
        if not limited:
            desk.step(entry, at, "limited", draft.channel, text)
        desk.put(entry, Batch(draft.channel, "limit", "", due, f"held by the {text}", []))


def _limit(desk: Desk, channel: str) -> Limit | None:
    return next((each for each in desk.policy.limits if channel in each.channels), None)


def _free_at(book: Book, limit: Limit, at: datetime) -> datetime | None:
    """Return when a channel may be sent the next message; None if now."""
    book.sent = [sent for sent in book.sent if sent > at - limit.interval]
    return None if len(book.sent) < limit.messages else book.sent[-limit.messages] + limit.interval


def _emit(desk: Desk, draft: Draft, at: datetime) -> None:
    newest = {entry.key: entry.number for entry in draft.entries}
    subjects = {(entry.key, entry.subject): entry.number for entry in draft.entries}

    def goes_along(batch: Batch, entry: Entry) -> bool:
        return batch.why != "silence" and entry.number < newest[entry.key]

    def is_overtaken(batch: Batch, entry: Entry) -> bool:
        return batch.why == "silence" and entry.number < subjects.get((entry.key, entry.subject), 0)

    removed = desk.remove(draft.channel, newest, goes_along)
    desk.remove(draft.channel, newest, is_overtaken)
    older = [entry for entry in removed if _stands(desk, "group", entry)]
    entries = _begun(desk, draft.channel, sorted([*older, *draft.entries], key=lambda entry: entry.number), at)
    if not entries:
        return
    signals = tuple(dict.fromkeys(entry.signal for entry in entries if entry.signal))
    cases = dict.fromkeys(entry.key for entry in entries if entry.case_id)
    kind = _kind(desk, draft)
    id_ = message_id(draft.channel, kind, signals, at, text="" if signals else draft.reason)
    pairs = {entry.key: (entry.gateway, entry.case_id) for entry in entries if entry.case_id}
    held = draft.held + (len(older) if draft.held else 0)
    desk.messages.append(
        Outgoing(id_, draft.channel, kind, at, signals, tuple(pairs[key] for key in cases), draft.reason, held)
    )
    _write_down(desk, draft, entries, at)
    for entry in {entry.key: entry for entry in entries}.values():
        desk.step(entry, at, "sent", draft.channel, draft.reason)
        if entry.case_id:
            desk.steps[-1] = msgspec.structs.replace(desk.steps[-1], message=id_)


def _begun(desk: Desk, channel: str, entries: Sequence[Entry], at: datetime) -> list[Entry]:
    """Return the entries without the ends of what the channel was not told of: it was silenced, or void."""
    told = {entry.key for entry in entries if entry.kind != "recovery"}
    begun: list[Entry] = []
    for entry in entries:
        case = desk.cases.get(entry.key)
        if entry.key in told or (case is not None and (channel in case.told or channel in case.digested)):
            begun.append(entry)
        else:
            desk.step(entry, at, "not_routed", channel, "the channel was not told that it began")
    return begun


def _kind(desk: Desk, draft: Draft) -> MessageKind:
    """Return the kind of a message: a move of what the channel was never told is news to it."""
    cases = (desk.cases.get(entry.key) for entry in draft.entries)
    is_known = any(case is not None and draft.channel in case.told for case in cases)
    return "firing" if draft.kind == "moved" and not is_known else draft.kind


def message_id(channel: str, kind: MessageKind, signals: Sequence[str], at: datetime, text: str = "") -> str:
    """Return the id of a message: a hash of channel, kind and signals; of the time too where it may tell them again."""
    when = "" if kind in _ONCE else at.isoformat()
    joined = "\x1f".join((channel, kind, when, text, *signals))
    return hashlib.sha256(joined.encode()).hexdigest()[:32]


def _write_down(desk: Desk, draft: Draft, entries: Sequence[Entry], at: datetime) -> None:
    """Write down what the channel was sent, and which cases it was told of."""
    book, week = desk.book(draft.channel), week_of(at)
    if book.week != week:
        book.week, book.pages, book.cases, book.acted, book.used_up = week, 0, 0, 0, False
    if _limit(desk, draft.channel) is not None:
        book.sent.append(at)
    for entry in {entry.key: entry for entry in entries if entry.kind != "recovery"}.values():
        case = desk.cases.get(entry.key)
        if case is None:
            continue
        if draft.kind == "digest":
            desk.keep(msgspec.structs.replace(case, digested={**case.digested, draft.channel: week}))
        else:
            book.cases += draft.channel not in case.told
            desk.keep(msgspec.structs.replace(case, told={**case.told, draft.channel: week}))
    book.pages += draft.kind not in _NO_PAGES
    _check_budget(desk, draft.channel, at)


def _check_budget(desk: Desk, channel: str, at: datetime) -> None:
    book = desk.book(channel)
    budget = next((each for each in desk.policy.budgets if channel in each.channels), None)
    if budget is None or book.used_up or book.pages < budget.pages:
        return
    book.used_up = True
    reason = (
        f"the page budget of {channel} is used up: {book.pages} of {counted(budget.pages, 'page')} in the week of"
        f" {book.week};"
        f" somebody acted on {book.acted} of {counted(book.cases, 'case')}"
    )
    notice = Entry(desk.number(), "notice", "", "", "", "", "", "", "", "", reason)
    desk.put(notice, Batch(channel, "group", "", at + desk.policy.group_wait, reason, []))


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
