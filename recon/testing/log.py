"""A log in memory: events numbered as the database numbers them, and a fold that has seen none yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from recon.ledger.ledger import Ledger
from recon.ledger.ledger_clock import LedgerClock
from recon.ledger.rules import Rules
from recon.log import readable
from recon.log.events import Event, NewEvent
from recon.projection.fold import Fold
from recon.reconciliation.reconciler import Reconciler

#: When a day begins that is not told another time: a Monday.
START: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


#: Keys that a rules document has only where they are set, and the values of those that are not.
_RARE: Final = ("time_zone", "holidays", "ageing_us", "close_within_us", "require_source", "source_age_us")
_UNSET: Final = frozenset({b"null", b"[]"})


class _Document(msgspec.Struct):
    """A rules document, with the values of its accounts as they are written."""

    defaults: dict[str, msgspec.Raw]
    accounts: dict[str, dict[str, msgspec.Raw]]
    recovery: msgspec.Raw


def new_fold(gateway: str) -> Fold:
    """Return a fold that has seen no event of the gateway."""
    ledger = Ledger(gateway, LedgerClock(), Rules())
    return Fold(ledger, Reconciler(ledger))


def as_stored(events: Iterable[NewEvent], *, start: datetime = START) -> Iterator[Event]:
    """Yield events as the log stores them: numbered, and with a log time that never runs back."""
    latest = start
    for seq, event in enumerate(events, start=1):
        latest = max(latest, event.received_at)
        yield Event(
            seq=seq,
            recorded_at=latest,
            received_at=event.received_at,
            kind=event.kind,
            account=event.account,
            session=event.session,
            readable=is_readable(event.payload),
            payload=event.payload,
        )


def is_readable(payload: bytes) -> bool:
    """True if the payload is JSON that the database reads; of what is nested very deeply, this says no."""
    return readable.is_readable(payload) is True


def rules_payload(rules: Rules) -> bytes:
    """Return rules as the log has them: what most accounts have not stands in the document only where it is set."""
    document = msgspec.json.decode(msgspec.json.encode(rules), type=_Document)
    for account in (document.defaults, *document.accounts.values()):
        for key in _RARE:
            if bytes(account[key]) in _UNSET:
                del account[key]
    return msgspec.json.encode(document)
