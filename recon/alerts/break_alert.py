"""Which transitions of breaks are signals, and what receivers are told of them. Pure.

1. A break that opens or opens again is a signal. So is its end: by data, by a fact, or by an approval; the end of an
   acceptance; what changes its amount or cause; and each step by which somebody takes it up. A comment is none, nor is
   any step of a break that never was open.
2. An acceptance that ends at the same log position as its break is no signal of its own.
3. A signal's id is a hash of (gateway, break, event, occurrence, log position), equal on every rebuild
   (architecture 2.4). Of several changes at one position the last stands for all.
4. The document contains everything needed to act on the alert. Decimals are plain strings, times are UTC, null means
   unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from shlex import quote
from typing import Final

import msgspec

from recon.alerts.policy.model import Signal, SignalKind
from recon.alerts.signal import NewSignal, signal_id
from recon.exact import plain
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.snapshot import BreakSnapshot, Transition
from recon.times import to_datetime

OPENED: Final = "break.opened"
CLEARED: Final = "break.cleared"
EXPLAINED: Final = "break.explained"
RESOLVED: Final = "break.resolved"
REOPENED: Final = "break.reopened"
EXPIRED: Final = "break.acceptance_expired"
#: The transitions that are signals: the events that receivers are told, and what each says of the break.
SIGNALLED: Final[dict[str, tuple[tuple[str, SignalKind], ...]]] = {
    "opened": ((OPENED, "fires"),),
    "cleared": ((CLEARED, "ends"),),
    "explained": ((EXPLAINED, "ends"),),
    "approve": ((RESOLVED, "ends"),),
    "reopen": ((REOPENED, "again"),),
    "expired": ((EXPIRED, "again"),),
    "caused": (("break.changed", "moves"),),
    "reduced": (("break.reduced", "moves"),),
    "assign": (("break.assigned", "taken_up"),),
    "investigate": (("break.investigated", "taken_up"),),
    "propose": (("break.proposed", "taken_up"), ("break.approval_wanted", "wants_approval")),
    "reject": (("break.rejected", "taken_up"),),
    "accept": (("break.accepted", "taken_up"),),
}
#: The events that go out as NOTIFY too.
NOTIFIED: Final = frozenset({OPENED, CLEARED, EXPLAINED, RESOLVED, REOPENED, EXPIRED})

#: The version of the document's shape; keys may be added within it.
DOCUMENT_VERSION: Final = 1
#: Longest free text in a document (a note, a reason), in characters.
MAX_TEXT: Final = 2000
#: Pieces of evidence and causes considered in a document, and the longest text of each, in characters.
MAX_EVIDENCE: Final = 10
MAX_TRIED: Final = 30
MAX_WHY: Final = 300
#: Postgres refuses a notification of 8000 bytes or more.
MAX_NOTICE_BYTES: Final = 7900
#: Lengths to which names in a long notice are cut, in characters, one after the other; the last always fits.
_NOTICE_CLIPS: Final = (500, 80)

_encode: Final = msgspec.json.Encoder().encode


class Origin(msgspec.Struct, frozen=True):
    """The part of the log in which a break arose: after one position, up to the other."""

    after_seq: int
    until_seq: int


class LogPosition(msgspec.Struct, frozen=True):
    """The log position and log time of what the alert tells."""

    seq: int
    at: datetime


class Coverage(msgspec.Struct, frozen=True):
    """The state of the account's coverage, and its reason."""

    state: str
    reason: str | None


class Books(msgspec.Struct, frozen=True):
    """reported = opening + fills + explained + unexplained, at `cut_seq`; `as_of` is the books' own log time."""

    reported: str | None
    expected: str | None
    drift: str | None
    explained: str | None
    unexplained: str | None
    opening: str | None
    in_flight: str | None
    judgement: str
    unmodelled: str | None
    withheld: list[str]
    observed_at: datetime | None
    cut_seq: int | None
    as_of: datetime


class Piece(msgspec.Struct, frozen=True):
    """One piece of evidence for the cause, with its log position and amount."""

    text: str
    seq: int | None
    amount: str | None


class Considered(msgspec.Struct, frozen=True):
    """A cause that was considered, whether it fits, and why or why not."""

    cause: str
    fits: bool
    why: str


class Document(msgspec.Struct, frozen=True):
    """An alert as its receivers read it; `actor` is the person who decided the transition, if any."""

    type: str
    id: str
    version: int
    gateway: str
    account: str
    unit_kind: str
    unit: str
    unit_coinapi: str | None
    amount: str
    amount_usd: str | None
    rate_usd: str | None
    candidates: list[str]
    cause: str
    certainty: str
    severity: str
    age_seconds: int
    assignee: str | None
    actor: str | None
    note: str
    evidence: list[Piece]
    tried: list[Considered]
    reason: str
    state: str
    seen_at: datetime
    opened_at: datetime
    closed_at: datetime | None
    occurrences: int
    offset_by: str | None
    break_id: str
    case_id: str
    origin: Origin
    log: LogPosition
    books: Books
    coverage: Coverage
    look: list[str]


def signals_of(gateway: str, transitions: Sequence[Transition]) -> list[NewSignal]:
    """Return the signals of these transitions, in their order."""
    told = [transition for transition in transitions if transition.event in SIGNALLED and _was_open(transition.break_)]
    last = {(transition.break_.id, transition.seq): transition for transition in told}
    # The end of an acceptance adds nothing to the end of its break, and could arrive after it.
    made = [
        _signal(gateway, transition, event, kind)
        for transition in told
        for event, kind in SIGNALLED[transition.event]
        if transition.event != "expired" or transition is last[transition.break_.id, transition.seq]
    ]
    # A later one takes the place of an earlier one of the same id.
    return list({each.id: each for each in made}.values())


def _was_open(break_: Break) -> bool:
    """True if a break was ever open: a fact may explain a step before it is decided."""
    return bool(break_.first_cause) or not break_.owns_residual


def alert_id(gateway: str, break_id: str, event: str, occurrence: int, seq: int) -> str:
    """Return the id of a transition's signal."""
    return signal_id(gateway, break_id, event, str(occurrence), str(seq))


def notice(signal: Signal) -> str:
    """Return the compact JSON for NOTIFY, below Postgres's bound; long names are cut, and `clipped` is set."""
    encoded = _notice(signal, None)
    for longest in _NOTICE_CLIPS:
        if len(encoded) <= MAX_NOTICE_BYTES:
            break
        encoded = _notice(signal, longest)
    return encoded.decode()


def _notice(signal: Signal, longest: int | None) -> bytes:
    names = {
        "gateway": signal.gateway,
        "account": signal.account,
        "unit_kind": signal.unit_kind,
        "unit": signal.unit,
        "cause": signal.cause,
    }
    ids: dict[str, str | int | bool | None] = {
        "type": signal.event,
        "id": signal.id,
        "break_id": signal.subject,
        "case_id": signal.case_id,
        "seq": signal.seq,
        "amount": _plain(signal.amount),
    }
    clipped = {key: value if longest is None else _clip(value, longest) for key, value in names.items()}
    return _encode(ids | clipped | ({} if longest is None else {"clipped": True}))


def _signal(gateway: str, transition: Transition, event: str, kind: SignalKind) -> NewSignal:
    break_ = transition.break_
    signal = Signal(
        id=alert_id(gateway, break_.id, event, break_.occurrences, transition.seq),
        kind="again" if kind == "fires" and break_.occurrences > 1 else kind,
        event=event,
        gateway=gateway,
        subject=break_.id,
        case_id=break_.case_id,
        seq=transition.seq,
        at=to_datetime(transition.us),
        account=transition.account,
        unit_kind=transition.kind,
        unit=transition.unit,
        amount=break_.amount,
        amount_usd=transition.snapshot.amount_usd,
        cause=break_.cause,
        certainty=break_.certainty,
        severity=transition.snapshot.severity,
        actor=transition.actor or "",
    )
    document = _encode(_document(signal.id, event, gateway, transition))
    return NewSignal(signal, document, notice(signal) if event in NOTIFIED else None)


def _document(id_: str, event: str, gateway: str, transition: Transition) -> Document:
    break_, facts = transition.break_, transition.snapshot
    return Document(
        type=event,
        id=id_,
        version=DOCUMENT_VERSION,
        gateway=gateway,
        account=transition.account,
        unit_kind=transition.kind,
        unit=transition.unit,
        unit_coinapi=facts.coinapi,
        amount=plain(break_.amount),
        amount_usd=_plain(facts.amount_usd),
        rate_usd=_plain(facts.rate_usd),
        candidates=[plain(candidate) for candidate in break_.candidates],
        cause=break_.cause,
        certainty=break_.certainty,
        severity=facts.severity,
        age_seconds=facts.age_us // 1_000_000,
        assignee=None if break_.assignee is None else _clip(break_.assignee, MAX_TEXT),
        actor=None if transition.actor is None else _clip(transition.actor, MAX_TEXT),
        note=_clip(break_.note, MAX_TEXT),
        evidence=[
            Piece(_clip(piece.text, MAX_WHY), piece.seq, _plain(piece.amount))
            for piece in break_.evidence[:MAX_EVIDENCE]
        ],
        tried=[Considered(tried.cause, tried.fits, _clip(tried.why, MAX_WHY)) for tried in break_.tried[:MAX_TRIED]],
        reason=_clip(transition.reason, MAX_TEXT),
        state=break_.state,
        seen_at=to_datetime(break_.seen_us),
        opened_at=to_datetime(break_.opened_us),
        closed_at=_moment(break_.closed_us),
        occurrences=break_.occurrences,
        offset_by=break_.offset_by,
        break_id=break_.id,
        case_id=break_.case_id,
        origin=Origin(break_.after_seq, break_.until_seq),
        log=LogPosition(transition.seq, to_datetime(transition.us)),
        books=_books(facts),
        coverage=Coverage(
            facts.coverage, None if facts.coverage_reason is None else _clip(facts.coverage_reason, MAX_TEXT)
        ),
        look=_look(gateway, transition),
    )


def _books(facts: BreakSnapshot) -> Books:
    return Books(
        reported=_plain(facts.reported),
        expected=_plain(facts.expected),
        drift=_plain(facts.drift),
        explained=_plain(facts.explained),
        unexplained=_plain(facts.unexplained),
        opening=_plain(facts.opening),
        in_flight=_plain(facts.in_flight),
        judgement=facts.verdict,
        unmodelled=facts.unmodelled,
        withheld=[_clip(order, MAX_TEXT) for order in facts.withheld],
        observed_at=_moment(facts.observed_us),
        cut_seq=facts.cut_seq,
        as_of=to_datetime(facts.books_us),
    )


def _look(gateway: str, transition: Transition) -> list[str]:
    """Return the commands that show the break, the unit and the surrounding events."""
    shown = "positions" if transition.kind == "contract" else "balances"
    around = f"--gateway {quote(gateway)} --account {quote(transition.account)} --since {transition.break_.after_seq}"
    return ["recon breaks --json", f"recon {shown} --json", f"recon events {around}"]


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _moment(us: int | None) -> datetime | None:
    return None if us is None else to_datetime(us)


def _clip(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
