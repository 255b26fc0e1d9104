"""The signal of an event that the fold refused (architecture 2.12). Pure.

Its id is a hash of (gateway, log position, version of the fold), so a restart or another service repeats nothing.
"""

from __future__ import annotations

from shlex import quote
from typing import Final

import msgspec

from recon.alerts.break_alert import LogPosition
from recon.alerts.policy.model import Signal
from recon.alerts.signal import NewSignal, signal_id
from recon.times import to_datetime

REFUSED: Final = "event.refused"
#: The version of the document's shape; keys may be added within it.
DOCUMENT_VERSION: Final = 1
#: Longest name of an account or of an event's kind, in characters: a notification has a bound, and names come from
#: outside.
MAX_NAME: Final = 200

_encode: Final = msgspec.json.Encoder().encode


class Document(msgspec.Struct, frozen=True):
    """The alert as its receivers read it; `account` is null if the event names none."""

    type: str
    id: str
    version: int
    gateway: str
    account: str | None
    kind: str
    reason: str
    fold_version: int
    log: LogPosition
    look: list[str]


def refused_signal(
    gateway: str, account: str | None, kind: str, reason: str, fold_version: int, seq: int, us: int
) -> NewSignal:
    """Return the signal of a refused event; it is a case of its own, so it waits for no other."""
    id_ = signal_id(gateway, REFUSED, str(seq), str(fold_version))
    account = None if account is None else account[:MAX_NAME]
    kind = kind[:MAX_NAME]
    around = f"recon events --gateway {quote(gateway)}"
    document = Document(
        REFUSED,
        id_,
        DOCUMENT_VERSION,
        gateway,
        account,
        kind,
        reason,
        fold_version,
        LogPosition(seq, to_datetime(us)),
        [f"{around} --refused", f"{around} --since {seq}"],
    )
    notice = {
        "type": REFUSED,
        "id": id_,
        "gateway": gateway[:MAX_NAME],
        "account": account,
        "kind": kind,
        "seq": seq,
        "reason": reason,
    }
    subject = f"event-{seq}"
    signal = Signal(
        id=id_,
        kind="tells",
        event=REFUSED,
        gateway=gateway,
        subject=subject,
        case_id=subject,
        seq=seq,
        at=to_datetime(us),
        account=account or "",
        # Books may be wrong until somebody looks.
        severity="high",
    )
    return NewSignal(signal, _encode(document), _encode(notice).decode())
