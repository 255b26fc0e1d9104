"""The open set, read from the database: the cases that are open, and the conditions that were told and are not over.

Nothing else is remembered of it, so it is the same after a crash, and on every instance of the service.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Final, TypeAlias

import msgspec
from sqlalchemy import Connection

from recon.alerts.break_alert import OPENED
from recon.alerts.channels.hearing import Hearing
from recon.alerts.channels.level import MAX_TEXT, SEVERITIES, OpenAlert
from recon.alerts.policy.model import Signal, Silence
from recon.alerts.policy.routing import CERTAINTIES, is_silenced
from recon.alerts.silence_store import silences_at
from recon.alerts.watch.facts import SERVICE
from recon.db.raw import cursor_of
from recon.display.figures import shown
from recon.exact import plain
from recon.times import to_datetime

#: Most breaks, and most ends, that are read at once: the oldest, so that what was told already is not missing.
MAX_BREAKS: Final = 20_000
MAX_ENDS: Final = 1_000
#: Most breaks of a case that are put into words.
MAX_LEGS: Final = 5

#: How serious it is that recon does not see, by kind, and of every other kind.
OTHER_SEVERITY: Final = "medium"
SEVERITY_OF: Final = {
    "gateway.down": "high",
    "gateway.stalled": "high",
    "projection.behind": "high",
    "account.not_covered": "high",
    "rules.waiting": "low",
}
#: Somebody works on a break in these states; one that is accepted or silenced is told to nobody.
_TAKEN_UP: Final = frozenset({"assigned", "investigating", "proposed"})
_SILENCED: Final = "silenced"
_OPEN: Final = frozenset({"open", *_TAKEN_UP})

_BREAKS: Final = """
    SELECT b.gateway, b.case_id, b.id, b.account, b.unit, b.amount, b.amount_usd, b.cause, b.certainty, b.state,
           b.severity, b.opened_at, b.closed_at, b.assignee, b.after_seq
    FROM recon_exact.breaks AS b
    WHERE b.gateway = ANY(%s::text[])
      AND (b.state IN ('open', 'assigned', 'investigating', 'proposed', 'accepted') OR b.closed_at >= %s)
    ORDER BY b.closed_at IS NOT NULL, b.opened_at, b.gateway, b.case_id, b.id LIMIT %s
"""
_CONDITIONS: Final = """
    SELECT w.gateway, w.kind, w.about, w.detail, w.told_at, NULL FROM recon_store.watch AS w
    WHERE w.told AND w.kind <> 'look' AND w.gateway = ANY(%s::text[]) ORDER BY w.gateway, w.kind, w.about
"""
_ENDED_CONDITIONS: Final = """
    SELECT s.gateway, s.document ->> 'kind', substr(s.subject, length(s.document ->> 'kind') + 2),
           s.document ->> 'detail', (s.document ->> 'began_at')::timestamptz, s.occurred_at
    FROM recon_store.signals AS s
    WHERE s.gateway = ANY(%s::text[]) AND s.event LIKE '%%.over' AND s.occurred_at >= %s
    ORDER BY s.occurred_at DESC LIMIT %s
"""


class Leg(msgspec.Struct, frozen=True):
    """One break of a case, as the views show it."""

    gateway: str
    case_id: str
    break_id: str
    account: str
    unit: str
    amount: Decimal
    amount_usd: Decimal | None
    cause: str
    certainty: str
    state: str
    severity: str | None
    opened_at: datetime
    closed_at: datetime | None
    assignee: str | None
    after_seq: int


_Condition: TypeAlias = tuple[str, str, str | None, str | None, datetime | None, datetime | None]


def read_open_set(
    connection: Connection,
    gateways: Sequence[str],
    now: datetime,
    ended_since: datetime | None = None,
    hearing: Hearing | None = None,
) -> list[OpenAlert]:
    """Return what is open of these gateways and of the service itself, and what ended since then, if that is given.

    What the receiver of `hearing` is not told of counts as over; without one, everything is told.
    """
    names = [SERVICE, *gateways]
    with cursor_of(connection) as cursor:
        cursor.execute(_BREAKS, (names, ended_since, MAX_BREAKS))
        legs = [Leg(*row) for row in cursor.fetchall()]
        cursor.execute(_CONDITIONS, (names,))
        conditions: list[_Condition] = list(cursor.fetchall())
        ends: list[_Condition] = []
        if ended_since is not None:
            cursor.execute(_ENDED_CONDITIONS, (names, ended_since, MAX_ENDS))
            ends = list(cursor.fetchall())
    silences = [each for each in silences_at(connection, now) if each.since <= now < each.until]
    heard = _heard_cases(legs, hearing, now)
    cases = cases_of([_as_heard(leg, silences, heard) for leg in legs], now)
    blind = [_condition(row if _is_heard(row, silences, hearing, now) else (*row[:5], now)) for row in conditions]
    found = {alert.key: alert for alert in [*map(_condition, ends), *blind, *cases]}
    return [alert for alert in found.values() if ended_since is not None or alert.ended_at is None]


def _heard_cases(legs: Iterable[Leg], hearing: Hearing | None, now: datetime) -> frozenset[tuple[str, str]]:
    """Return the cases, by gateway and id, that are heard of: by one of their open breaks, and then as a whole."""
    return frozenset(
        (leg.gateway, leg.case_id)
        for leg in legs
        if leg.state in _OPEN and (hearing is None or hearing.hears(_signal_of(leg), now))
    )


def _signal_of(leg: Leg) -> Signal:
    return Signal(
        id=leg.break_id,
        kind="fires",
        event=OPENED,
        gateway=leg.gateway,
        subject=leg.break_id,
        case_id=leg.case_id,
        seq=0,
        at=leg.opened_at,
        account=leg.account,
        unit=leg.unit,
        amount=leg.amount,
        amount_usd=leg.amount_usd,
        cause=leg.cause,
        certainty=leg.certainty,
        severity=leg.severity or "",
    )


def _as_heard(leg: Leg, silences: Sequence[Silence], heard: frozenset[tuple[str, str]]) -> Leg:
    """Return a break as its receivers hear of it: one that is silenced, or not heard of, is told to nobody."""
    hushed = (leg.gateway, leg.case_id) not in heard or any(
        is_silenced(
            silence, gateway=leg.gateway, account=leg.account, unit=leg.unit, case_id=leg.case_id, cause=leg.cause
        )
        for silence in silences
    )
    return msgspec.structs.replace(leg, state=_SILENCED) if hushed and leg.state in _OPEN else leg


def _is_heard(row: _Condition, silences: Sequence[Silence], hearing: Hearing | None, now: datetime) -> bool:
    gateway, kind, about, _, began_at, _ = row
    account = (about or "") if kind.startswith("account.") else ""
    signal = Signal(
        id=kind,
        kind="fires",
        event=kind,
        gateway=gateway,
        subject=f"{kind}/{about or ''}",
        case_id=kind,
        seq=0,
        at=began_at or now,
        account=account,
        severity=SEVERITY_OF.get(kind, OTHER_SEVERITY),
    )
    return (hearing is None or hearing.hears(signal, now)) and not any(
        is_silenced(silence, gateway=gateway, account=account, unit="", case_id=kind, cause="") for silence in silences
    )


def cases_of(legs: Iterable[Leg], now: datetime) -> list[OpenAlert]:
    """Return the cases of breaks; what nobody is told of counts as over."""
    ordered = sorted(legs, key=lambda leg: (leg.gateway, leg.case_id, leg.after_seq, leg.break_id))
    return [_case(list(group), now) for _, group in groupby(ordered, key=lambda leg: (leg.gateway, leg.case_id))]


def _case(legs: Sequence[Leg], now: datetime) -> OpenAlert:
    open_ = [leg for leg in legs if leg.state in _OPEN]
    told = open_ or legs
    first = told[0]
    accounts = ", ".join(dict.fromkeys(leg.account for leg in told))
    words = ", ".join(f"{shown(leg.amount)} {leg.unit}" for leg in told[:MAX_LEGS])
    more = f" and {len(told) - MAX_LEGS} more" if len(told) > MAX_LEGS else ""
    judged = " and ".join(dict.fromkeys(f"{leg.cause}, {leg.certainty}" for leg in told))
    worth = [abs(leg.amount_usd) for leg in told if leg.amount_usd is not None]
    details = {
        "case": first.case_id,
        "breaks": ", ".join(leg.break_id for leg in told[:MAX_LEGS]),
        "amounts": words + more,
        "amount_usd": plain(sum(worth, Decimal())) if len(worth) == len(told) else "",
        "assignee": next((leg.assignee for leg in told if leg.assignee), ""),
        "look": f"recon break show {first.case_id}",
    }
    ended = None
    if not open_:
        ended = max((leg.closed_at or now for leg in legs), default=now)
    return OpenAlert(
        key=f"case/{first.gateway}/{first.case_id}",
        kind="case",
        gateway=first.gateway,
        about=accounts[:MAX_TEXT],
        summary=f"{accounts} on {first.gateway}: {judged}: {words}{more}"[:MAX_TEXT],
        began_at=min(leg.opened_at for leg in told),
        severity=max((leg.severity or "" for leg in told), key=_rank),
        cause=", ".join(dict.fromkeys(leg.cause for leg in told))[:MAX_TEXT],
        certainty=max((leg.certainty for leg in told), key=_sureness),
        taken_up=any(leg.state in _TAKEN_UP for leg in open_),
        details={key: text[:MAX_TEXT] for key, text in details.items() if text},
        ended_at=ended,
    )


def _sureness(certainty: str) -> int:
    return CERTAINTIES.index(certainty) if certainty in CERTAINTIES else -1


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else -1


def _condition(row: _Condition) -> OpenAlert:
    gateway, kind, about, detail, began_at, ended_at = row
    subject = " ".join(part for part in (gateway or "recon", about or "") if part)
    return OpenAlert(
        key=f"{kind}/{gateway}/{about or ''}",
        kind=kind,
        gateway=gateway,
        about=about or "",
        summary=f"{kind}: {subject}{f': {detail}' if detail else ''}"[:MAX_TEXT],
        began_at=began_at or ended_at or to_datetime(0),
        severity=SEVERITY_OF.get(kind, OTHER_SEVERITY),
        details={"detail": (detail or "")[:MAX_TEXT], "look": "recon status"},
        ended_at=ended_at,
    )
