"""The message that comes even when all is well, so that its absence tells of recon's silence. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from recon.alerts.policy.model import Signal
from recon.alerts.signal import NewSignal, signal_id
from recon.alerts.watch.decide import Key, Watched
from recon.alerts.watch.facts import SERVICE, Facts, GatewayFact
from recon.times import microseconds

WATCHDOG: Final = "recon.watchdog"
#: The version of the document's shape; keys may be added within it.
DOCUMENT_VERSION: Final = 1
#: Most conditions in a watchdog message; `conditions_told` counts them all.
MAX_CONDITIONS: Final = 100

_encode: Final = msgspec.json.Encoder().encode


class Seen(msgspec.Struct, frozen=True):
    """What recon sees of one gateway; `age_seconds` is the age of the last event in its log, null without one."""

    gateway: str
    state: str
    recorder: str | None
    log_seq: int
    last_event_at: datetime | None
    age_seconds: int | None
    projected_seq: int
    accounts: int
    accounts_covered: int
    open_cases: int


class Told(msgspec.Struct, frozen=True):
    """A condition that was told and is not over."""

    kind: str
    gateway: str | None
    about: str | None
    detail: str
    told_at: datetime | None


class Document(msgspec.Struct, frozen=True):
    """The message as its receivers read it; the next one comes within `every_seconds`."""

    type: str
    id: str
    version: int
    at: datetime
    every_seconds: int
    gateways: list[Seen]
    conditions_told: int
    conditions: list[Told]


def due(last: Mapping[str, datetime], every: Mapping[str, timedelta], now: datetime) -> list[str]:
    """Return the channels whose watchdog is due; the first is due at once, an interval of zero never."""
    return [
        channel
        for channel, interval in sorted(every.items())
        if interval > timedelta() and (channel not in last or now - last[channel] >= interval)
    ]


def watchdog(channel: str, every: timedelta, facts: Facts, watched: Mapping[Key, Watched]) -> NewSignal:
    """Return the watchdog message of one channel."""
    us = microseconds(facts.now)
    id_ = signal_id(WATCHDOG, channel, str(us))
    told = [each for _, each in sorted(watched.items()) if each.told]
    document = Document(
        type=WATCHDOG,
        id=id_,
        version=DOCUMENT_VERSION,
        at=facts.now,
        every_seconds=int(every.total_seconds()),
        gateways=_seen(facts),
        conditions_told=len(told),
        conditions=[_told(each) for each in told[:MAX_CONDITIONS]],
    )
    signal = Signal(id_, "tells", WATCHDOG, SERVICE, f"{WATCHDOG}/{channel}", WATCHDOG, us, facts.now)
    return NewSignal(signal, _encode(document))


def _seen(facts: Facts) -> list[Seen]:
    accounts = Counter(account.gateway for account in facts.accounts)
    covered = Counter(account.gateway for account in facts.accounts if account.state == "covered")
    return [_seen_of(gateway, facts.now, accounts[gateway.name], covered[gateway.name]) for gateway in facts.gateways]


def _seen_of(gateway: GatewayFact, now: datetime, accounts: int, covered: int) -> Seen:
    last = gateway.last_event_at
    return Seen(
        gateway=gateway.name,
        state=gateway.state,
        recorder=gateway.recorder,
        log_seq=gateway.head_seq,
        last_event_at=last,
        age_seconds=None if last is None else max(0, int((now - last).total_seconds())),
        projected_seq=gateway.projected_seq,
        accounts=accounts,
        accounts_covered=covered,
        open_cases=gateway.open_cases,
    )


def _told(watched: Watched) -> Told:
    return Told(watched.kind, watched.gateway or None, watched.about or None, watched.detail, watched.told_at)
