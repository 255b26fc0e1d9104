"""Cutting a stretch of the log into a case: which events it needs, and where it is written."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from recon.cli.output import note
from recon.db.source import Source, query_rows
from recon.display.words import counted
from recon.errors import ConfigError
from recon.log.events import RULES, SESSION_CLOSED, SESSION_OPENED, Event
from recon.reads.archived import archived_words
from recon.testing.case import FRAMES, MAX_SECONDS, PLAIN_RULES
from recon.testing.recording import Recording, as_it_is, disguised

#: Most events of a stretch: a case is read and folded in memory.
MAX_CASE_EVENTS: Final = 200_000
#: Factors that hide amounts: the digits of a small prime, and where the point is.
_PRIMES: Final = (3, 7, 13, 17, 19, 23)
_POINTS: Final = (-2, -1, 0, 1)
#: Primes that are tried before the digits stay as they are.
_TRIES: Final = 3
#: Random bytes behind the replaced ids.
_KEY_BYTES: Final = 32

_SESSIONS: Final = f"""
    SELECT seq, kind FROM recon.events WHERE gateway = :gateway AND kind IN ('{SESSION_OPENED}', '{SESSION_CLOSED}')
"""  # noqa: S608 - kinds of our own
_STRETCH: Final = """
    SELECT seq, recorded_at, received_at, kind, account, session, readable, raw AS payload
    FROM recon.events
    WHERE gateway = :gateway AND seq BETWEEN :first AND :last AND (account = :account OR account IS NULL)
    ORDER BY seq LIMIT :limit
"""
_RULES: Final = f"""
    SELECT raw AS payload FROM recon.events
    WHERE gateway = :gateway AND kind = '{RULES}' AND seq < :first ORDER BY seq DESC LIMIT 1
"""  # noqa: S608 - a kind of our own


class Stretch(NamedTuple):
    """What to cut: an account's events from a log position on, up to another (included)."""

    gateway: str
    account: str
    first: int
    last: int


def export_case(connection: Source, stretch: Stretch, directory: Path, *, keep: bool) -> None:
    """Write a stretch of the log as a case; say where it begins, and what it lacks. Errors: ConfigError."""
    if (directory / FRAMES).exists():
        raise ConfigError(f"{directory}: there is a case already; name another directory")
    for words in archived_words(connection, [stretch.gateway], stretch.first):
        raise ConfigError(f"{words}; begin the case later")
    first = _beginning(connection, stretch)
    if first != stretch.first:
        note(f"the case begins with event {first}, where a session opened: its snapshots open the units")
    log = _read(connection, stretch._replace(first=first))
    if (log[-1].recorded_at - log[0].recorded_at).total_seconds() > MAX_SECONDS:
        raise ConfigError(f"the stretch lasts more than {MAX_SECONDS} s from event {first} on; end sooner")
    recording = _recording(log, stretch.account, _rules(connection, stretch.gateway, first), keep=keep)
    recording.write(directory)
    if recording.factor is not None and recording.factor.as_tuple().digits == (1,):
        note("note: the digits of the amounts are as they are: any factor but a power of ten changes what is found")
    for line in recording.lacks:
        note(f"note: {line}")
    told = f"{counted(len(recording.cut.lines), 'line')} of {counted(len(log), 'event')}"
    note(f"{directory}: {told}; see it with `recon replay {directory}`")


def _recording(log: list[Event], account: str, rules: bytes, *, keep: bool) -> Recording:
    if keep:
        return as_it_is(log, account, rules)
    recording = disguised(log, account, rules, key=secrets.token_bytes(_KEY_BYTES), factors=_factors())
    if recording is None:
        raise ConfigError(
            "under every factor of the amounts something else is found than in the log; --keep leaves names, ids and"
            " amounts as they are"
        )
    return recording


def _factors() -> Iterator[Decimal]:
    """Yield factors in an order that nobody can guess; the last ones leave the digits as they are."""
    draw = secrets.SystemRandom()
    for prime in draw.sample(_PRIMES, _TRIES):
        yield Decimal(prime).scaleb(draw.choice(_POINTS))
    yield Decimal(1).scaleb(draw.choice([point for point in _POINTS if point]))
    yield Decimal(1)


def _beginning(connection: Source, stretch: Stretch) -> int:
    """Return the opening of the session that the stretch begins in, or else of the first one in it."""
    place = {"gateway": stretch.gateway, "first": stretch.first}
    before = query_rows(connection, f"{_SESSIONS} AND seq <= :first ORDER BY seq DESC LIMIT 1", place)
    if before and before[0]["kind"] == SESSION_OPENED:
        return int(str(before[0]["seq"]))
    after = query_rows(
        connection, f"{_SESSIONS} AND seq > :first AND kind = '{SESSION_OPENED}' ORDER BY seq LIMIT 1", place
    )
    if not after or int(str(after[0]["seq"])) > stretch.last:
        raise ConfigError(f"no session with gateway {stretch.gateway} was open in this stretch; begin earlier")
    return int(str(after[0]["seq"]))


def _read(connection: Source, stretch: Stretch) -> list[Event]:
    rows = query_rows(connection, _STRETCH, {**stretch._asdict(), "limit": MAX_CASE_EVENTS + 1})
    if len(rows) > MAX_CASE_EVENTS:
        what = f"the stretch has more than {MAX_CASE_EVENTS} events from event {stretch.first} on"
        raise ConfigError(f"{what}; end sooner, or begin in a later session")
    events = msgspec.convert(rows, list[Event])
    if not any(event.account == stretch.account for event in events):
        raise ConfigError(f"nothing came of account {stretch.account} in this stretch; see `recon events`")
    return events


def _rules(connection: Source, gateway: str, first: int) -> bytes:
    rows = query_rows(connection, _RULES, {"gateway": gateway, "first": first})
    return msgspec.convert(rows[0]["payload"], bytes) if rows else PLAIN_RULES
