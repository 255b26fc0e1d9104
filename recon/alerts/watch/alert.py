"""The signal that recon does not see, or sees again, as its receivers read it. Pure.

Its id is a hash of gateway, kind, subject, the time at which its beginning was told, and whether it is over. All of
these are stored, so a restart or another instance makes the same id.
"""

from __future__ import annotations

from datetime import datetime
from shlex import quote
from typing import Final

import msgspec

from recon.alerts.break_alert import LogPosition
from recon.alerts.policy.model import Signal
from recon.alerts.signal import NewSignal, signal_id
from recon.alerts.watch.conditions import (
    AWAY,
    BACKUP_MISSED,
    CLOSE_MISSED,
    FACTS_WAITING,
    PARTITIONS_SHORT,
    RULES_WAITING,
    SEVERITY,
)
from recon.alerts.watch.decide import Notice, Watched
from recon.alerts.watch.facts import SERVICE
from recon.times import microseconds

#: The version of the document's shape; keys may be added within it.
DOCUMENT_VERSION: Final = 1
#: Ends the type of the message that a condition is over.
OVER: Final = ".over"
#: Longest name of an account or part, and longest detail, in characters: a notification has a bound.
MAX_NAME: Final = 200
MAX_DETAIL: Final = 500

_encode: Final = msgspec.json.Encoder().encode


class Document(msgspec.Struct, frozen=True):
    """The alert as its receivers read it; null means unknown.

    `began_at` is when recon first saw it, `since` what the log tells of its beginning; `times` how often it came.
    """

    type: str
    id: str
    version: int
    gateway: str | None
    kind: str
    about: str | None
    over: bool
    detail: str
    began_at: datetime | None
    since: datetime | None
    told_at: datetime
    over_since: datetime | None
    times: int
    log: LogPosition
    look: list[str]


def watch_signal(notice: Notice, seq: int) -> NewSignal:
    """Return the signal of a notice; `seq` is the log position known then, which grows with each of a subject.

    Its case is the kind, so that what begins at once is one message.
    """
    watched = notice.watched
    event = watched.kind + (OVER if notice.over else "")
    id_ = alert_id(watched, over=notice.over)
    detail = _detail(notice)[:MAX_DETAIL]
    document = Document(
        type=event,
        id=id_,
        version=DOCUMENT_VERSION,
        gateway=watched.gateway or None,
        kind=watched.kind,
        about=watched.about[:MAX_NAME] or None,
        over=notice.over,
        detail=detail,
        began_at=watched.began_at,
        since=watched.since,
        told_at=notice.at,
        over_since=watched.seen_at if notice.over else None,
        times=watched.times,
        log=LogPosition(seq, notice.at),
        look=_look(watched),
    )
    short = {
        "type": event,
        "id": id_,
        "gateway": watched.gateway[:MAX_NAME],
        "about": watched.about[:MAX_NAME],
        "seq": seq,
        "detail": detail,
    }
    signal = Signal(
        id=id_,
        kind="ends" if notice.over else "tells" if watched.kind == AWAY else "fires",
        event=event,
        gateway=watched.gateway,
        subject=f"{watched.kind}/{watched.about}",
        case_id=watched.kind,
        seq=seq,
        at=notice.at,
        account=watched.about if _is_of_account(watched) else "",
        severity=SEVERITY.get(watched.kind, "high"),
    )
    return NewSignal(signal, _encode(document), _encode(short).decode())


def _detail(notice: Notice) -> str:
    """Return what is known of a condition; of one that is over, what it was."""
    detail = notice.watched.detail
    if not notice.over:
        return detail
    return f"over; it was {detail}" if detail else "over"


def alert_id(watched: Watched, *, over: bool) -> str:
    """Return the id of the signal that a subject's condition began, or that it is over."""
    told = "" if watched.told_at is None else str(microseconds(watched.told_at))
    return signal_id(watched.gateway, watched.kind, watched.about, told, OVER if over else "")


def _is_of_account(watched: Watched) -> bool:
    return watched.kind.startswith("account.") or watched.kind == CLOSE_MISSED


def _look(watched: Watched) -> list[str]:
    """Return the commands that show what recon sees."""
    if watched.gateway == SERVICE:
        return [{BACKUP_MISSED: "recon backup", PARTITIONS_SHORT: "recon migrate"}.get(watched.kind, "recon status")]
    gateway = f"--gateway {quote(watched.gateway)}"
    if watched.kind == CLOSE_MISSED:
        return [f"recon close {gateway} --account {quote(watched.about)}"]
    if watched.kind.startswith("account."):
        return [f"recon coverage {gateway} --account {quote(watched.about)}", f"recon status {gateway}"]
    waiting = {RULES_WAITING: "recon rules show", FACTS_WAITING: "recon facts show"}
    return [f"{waiting.get(watched.kind, 'recon status')} {gateway}"]
