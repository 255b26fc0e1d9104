"""Which findings are signals: those after which books may be wrong until a person looks. Pure.

Each is told once for what it is about, so a source that repeats itself is one signal. Those of a kind and account are
one case. None has an end.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from shlex import quote
from typing import Final

import msgspec

from recon.alerts.break_alert import LogPosition
from recon.alerts.policy.model import Signal
from recon.alerts.signal import NewSignal, signal_id
from recon.ledger.changes import Finding

#: The kinds that are told: recon failed at a unit, or sources contradict each other.
TOLD: Final = frozenset({"comparison_failed", "contradictions_many", "fact_conflict", "fills_disagree"})
EVENT: Final = "finding"
#: The version of the document's shape; keys may be added within it.
DOCUMENT_VERSION: Final = 1
#: Most signals of findings in one step; the view has the others.
MAX_TOLD: Final = 100
#: Longest name of an account or subject, and longest message, in characters.
MAX_NAME: Final = 200
MAX_MESSAGE: Final = 500

_encode: Final = msgspec.json.Encoder().encode


class Document(msgspec.Struct, frozen=True):
    """The finding as its receivers read it; `account` is null if none is known."""

    type: str
    id: str
    version: int
    gateway: str
    account: str | None
    kind: str
    about: str
    message: str
    log: LogPosition
    look: list[str]


def finding_signals(gateway: str, findings: Iterable[Finding], at: datetime) -> list[NewSignal]:
    """Return the signals of these findings, the first one of each subject; `at` is the log time."""
    made: dict[str, NewSignal] = {}
    for finding in findings:
        if finding.kind in TOLD and len(made) < MAX_TOLD:
            signal = _signal(gateway, finding, at)
            made.setdefault(signal.id, signal)
    return list(made.values())


def _signal(gateway: str, finding: Finding, at: datetime) -> NewSignal:
    account = finding.account or ""
    id_ = signal_id(gateway, EVENT, finding.kind, account, finding.about)
    around = f"recon events --gateway {quote(gateway)} --since {finding.seq}"
    document = Document(
        type=f"{EVENT}.{finding.kind}",
        id=id_,
        version=DOCUMENT_VERSION,
        gateway=gateway,
        account=account[:MAX_NAME] or None,
        kind=finding.kind,
        about=finding.about[:MAX_NAME],
        message=finding.message[:MAX_MESSAGE],
        log=LogPosition(finding.seq, at),
        look=[around],
    )
    signal = Signal(
        id=id_,
        kind="tells",
        event=document.type,
        gateway=gateway,
        subject=f"{finding.kind}/{account}/{finding.about}"[:MAX_NAME],
        case_id=f"{finding.kind}/{account}"[:MAX_NAME],
        seq=finding.seq,
        at=at,
        account=account,
        # Books may be wrong until somebody looks.
        severity="high",
    )
    notice = {
        "type": document.type,
        "id": id_,
        "gateway": gateway[:MAX_NAME],
        "account": document.account,
        "about": document.about,
        "seq": finding.seq,
    }
    return NewSignal(signal, _encode(document), _encode(notice).decode())
