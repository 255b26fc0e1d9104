"""The alert of an event that the fold refused (architecture 2.12). Pure.

Its id is a hash of (gateway, log position, version of the fold), so a restart or another service repeats nothing.
"""

from __future__ import annotations

import hashlib
from shlex import quote
from typing import Final

import msgspec

from recon.alerts.break_alert import LogPosition
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


class RefusedAlert(msgspec.Struct, frozen=True):
    """One refused event, told once per channel. `document` is JSON; `us` is the event's log time in microseconds."""

    id: str
    event: str
    gateway: str
    seq: int
    us: int
    document: bytes
    notice: str

    @property
    def break_id(self) -> str:
        """Return what stands in the place of a break: the event itself, so that it waits for no other alert."""
        return f"event-{self.seq}"

    @property
    def case_id(self) -> str:
        """Return what stands in the place of a case: the event itself, so that each has a message of its own."""
        return self.break_id


def refused_alert(
    gateway: str, account: str | None, kind: str, reason: str, fold_version: int, seq: int, us: int
) -> RefusedAlert:
    """Return the alert of a refused event."""
    id_ = hashlib.sha256("\x1f".join((gateway, REFUSED, str(seq), str(fold_version))).encode()).hexdigest()[:32]
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
    return RefusedAlert(id_, REFUSED, gateway, seq, us, _encode(document), _encode(notice).decode())
