"""A message in words, for channels whose receivers are people. Pure.

Everything else stands in the message itself; the words name what happened, where, and which command shows the rest.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final, Literal, TypeAlias

import msgspec

from recon.alerts.message import Message
from recon.display.figures import shown
from recon.display.words import counted
from recon.display.worth import worth
from recon.exact import bounded

#: Most alerts that are put into words; the rest is counted.
MAX_ALERTS: Final = 10
#: Longest line, in characters.
MAX_LINE: Final = 400

#: How a message is to be taken.
Tone: TypeAlias = Literal["good", "bad", "neutral"]

#: Kinds of messages that the title names: they tell of what was told before, or of much at once.
_NAMED_KINDS: Final = ("moved", "reminder", "escalation", "recovery", "summary", "digest")
_GOOD: Final = ("break.cleared", "break.explained", "break.resolved")
_NEUTRAL: Final = ("recon.watchdog", "recon.test")


class Words(msgspec.Struct, frozen=True):
    """A line that says what happened, the text below it, and how it is to be taken."""

    title: str
    text: str
    tone: Tone


class _Alert(msgspec.Struct, frozen=True):
    """What the words need of an alert of whatever kind."""

    account: str | None = None
    unit: str | None = None
    amount: str | None = None
    amount_usd: str | None = None
    cause: str | None = None
    certainty: str | None = None
    severity: str | None = None
    kind: str | None = None
    about: str | None = None
    detail: str | None = None
    reason: str | None = None
    note: str | None = None
    break_id: str | None = None
    look: list[str] = []
    conditions_told: int | None = None


class _Data(msgspec.Struct, frozen=True):
    kind: str = ""
    reason: str = ""
    case_count: int = 0
    count: int = 0
    alerts: list[_Alert] = []
    more: str | None = None


class _Body(msgspec.Struct, frozen=True):
    data: _Data = _Data()


def words_of(message: Message) -> Words:
    """Return a message in words; what is not known of its kind is left out."""
    data = msgspec.json.decode(message.body, type=_Body).data
    where = f" on {message.gateway}" if message.gateway else ""
    again = f" ({data.kind})" if data.kind in _NAMED_KINDS else ""
    many = f", {data.case_count} cases" if data.case_count > 1 else ""
    lines = [_line(alert) for alert in data.alerts[:MAX_ALERTS]]
    more = max(data.count, len(data.alerts)) - len(lines)
    lines += [f"and {more} more"] if more > 0 else []
    lines += [data.reason] if not data.alerts else []
    looks = [look for alert in data.alerts[:1] for look in alert.look]
    looks += [data.more] if data.more else []
    text = "\n".join([*filter(None, lines), *looks])
    return Words(f"recon: {message.event}{where}{many}{again}", text, _tone(message.event))


def _tone(event: str) -> Tone:
    if event in _GOOD or event.endswith(".over"):
        return "good"
    return "neutral" if event in _NEUTRAL else "bad"


def _line(alert: _Alert) -> str:
    if alert.conditions_told is not None:
        told = alert.conditions_told
        return f"{counted(told, 'thing')} {'is' if told == 1 else 'are'} told and not over"
    parts = [alert.account, alert.about if alert.about != alert.account else None, _amount(alert)]
    judged = ", ".join(filter(None, (alert.cause, alert.certainty, alert.severity)))
    what = " ".join(filter(None, parts))
    why = alert.detail or alert.reason or alert.note or ""
    line = ": ".join(filter(None, (what, judged, why)))
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 1]}…"


def _amount(alert: _Alert) -> str:
    if alert.amount is None:
        return ""
    usd = f" ({_worth(alert.amount_usd)})" if alert.amount_usd is not None else ""
    return f"{_shown(alert.amount)} {alert.unit or ''}{usd}"


def _shown(amount: str) -> str:
    """Return a number of a message as people read it; what is none stays as it is."""
    number = _number(amount)
    return amount if number is None else shown(number)


def _worth(usd: str) -> str:
    number = _number(usd)
    return f"{usd} USD" if number is None else worth(number)


def _number(text: str) -> Decimal | None:
    """Return the number of a text; None if it is none, as in a message whose amounts are cut."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if bounded(number) else None
