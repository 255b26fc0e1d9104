"""Apply sessions, heartbeats and ticks: they open and close an account's gaps. Pure (architecture 4, semantics 9).

1. A silent account stays in its gap, also across sessions, until a message of the account comes.
2. Every heartbeat in the log measures the EMS's clock skew: a full message, or a summary in a tick.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from recon.ems.protocol.messages import ServerInfo
from recon.ems.protocol.timestamps import parse_time
from recon.ledger import coverage, gaps
from recon.ledger.account import Account
from recon.ledger.apply.empty_lists import believe_empty_lists
from recon.ledger.apply.observe import withhold_until_reported
from recon.ledger.apply.unmatched_settings import tell_unmatched_settings
from recon.ledger.coverage import reassess
from recon.ledger.ledger import Ledger
from recon.ledger.posting.derivatives import model_closed
from recon.ledger.rules import HEARTBEAT_BOUND_US
from recon.times import LogTime, microseconds

#: Microseconds since the epoch of any year that a date can have; so far apart are two of them at most.
_Moment = Annotated[int, msgspec.Meta(ge=-(2**60), le=2**60)]


class SessionNote(msgspec.Struct, frozen=True):
    """The payload of session.opened and session.closed, as far as the ledger reads the payload."""

    reason: str | None = None


class HeartbeatSummary(msgspec.Struct, frozen=True):
    """An account's heartbeats since the last tick: the time of the latest, the count, and the lag."""

    last_us: _Moment
    count: int = 0
    lag_us: _Moment | None = None


class Tick(msgspec.Struct, frozen=True):
    """The payload of a tick: a summary of heartbeats, keyed by account (semantics 9.2-9.3)."""

    heartbeats: dict[str, HeartbeatSummary] = {}


class ClockJump(msgspec.Struct, frozen=True):
    """The payload of clock.jumped: what the clock should have shown by steady time, and what it showed."""

    clock: Literal["machine", "database"]
    from_us: _Moment
    to_us: _Moment


_CLOCKS: Final = {"machine": "the recording machine's clock", "database": "the database's clock"}


def session_opened(ledger: Ledger, session: str | None, at: LogTime, *, previous_us: int) -> None:
    """Begin a session; an account still observed gets a gap, because the recorder died without closing the session."""
    for account in ledger.accounts.values():
        if account.coverage.state != "gap":
            _open_gap(ledger, account, "restarted", LogTime(at.seq, previous_us or at.us, at.clock))
        account.liveness.enter_session(session)
        withhold_until_reported(ledger, account)
    ledger.clock.session = session


def session_closed(ledger: Ledger, session: str | None, reason: str, at: LogTime) -> None:
    """End a session: open a gap for every account."""
    if session != ledger.clock.session:
        return
    for account in ledger.accounts.values():
        if account.coverage.state != "gap":
            _open_gap(ledger, account, reason, at)


def clock_jumped(ledger: Ledger, jump: ClockJump, at: LogTime) -> None:
    """Say that a clock jumped; log time itself advances by steady time."""
    seconds = Decimal(jump.to_us - jump.from_us).scaleb(-6)
    way = "ahead" if seconds > 0 else "back"
    ledger.note_finding(
        None,
        at,
        "clock_jumped",
        jump.clock,
        f"{_CLOCKS[jump.clock]} jumped {abs(seconds):f} s {way} of steady time; check its time service",
    )


def _open_gap(ledger: Ledger, account: Account, reason: str, at: LogTime) -> None:
    lost = None
    if account.coverage.state != "gap":
        account.coverage.note_gap(at.seq)
        lost = gaps.open_gap(ledger, account, reason, at)
    ledger.changes.intervals += coverage.change_state(account, "gap", reason, seq=at.seq, us=at.us, lost=lost)
    ledger.mark_changed(account)


def note_alive(ledger: Ledger, account: Account, at: LogTime) -> None:
    """Note a sign of life of an account; the first sign in a session closes the account's gap."""
    account.liveness.note_alive(at.us)
    ledger.mark_changed(account)
    if account.liveness.session != ledger.clock.session:
        account.liveness.enter_session(ledger.clock.session)
    if account.coverage.state == "gap" and account.liveness.is_running is not False:
        account.liveness.note_heartbeat(at.us)
        _close_gap(ledger, account, at)


def _close_gap(ledger: Ledger, account: Account, at: LogTime) -> None:
    account.liveness.note_heard(at.us)
    gaps.close_gap(ledger, account, at)
    ledger.changes.intervals += reassess(account, seq=at.seq, us=at.us)


def interrupt_coverage(ledger: Ledger, account: Account, reason: str, at: LogTime) -> None:
    """Open a gap of one event: the backfill asks for what the event would have said."""
    if account.coverage.state != "gap":
        _open_gap(ledger, account, reason, at)
        if account.liveness.is_running is not False:
            _close_gap(ledger, account, at)


def apply_server_info(ledger: Ledger, account: Account, message: ServerInfo, at: LogTime) -> None:
    """Apply a logged heartbeat: the first of a session, or a heartbeat with a change."""
    account.liveness.note_heartbeat(at.us)
    sent = parse_time(message.time)
    if sent is not None:
        ledger.note_lag(account, at.us - microseconds(sent))
    restarted = account.liveness.note_instance(message.instance_guid, ledger.clock.session, running=message.is_running)
    ledger.mark_changed(account)
    if message.is_running is False:
        _open_gap(ledger, account, "not running", at)
    elif restarted:
        # Another process reports the account now. Changes between the two are hidden until the next reports.
        _open_gap(ledger, account, "restarted", at)
        account.snapshots.forget_session()
        withhold_until_reported(ledger, account)
        _close_gap(ledger, account, at)
    elif account.coverage.state == "gap":
        _close_gap(ledger, account, at)


def apply_tick(ledger: Ledger, note: Tick, at: LogTime) -> None:
    """Apply a tick: note heartbeats, and open a gap for every account without a recent heartbeat."""
    for name, heartbeat in note.heartbeats.items():
        account = ledger.accounts.get(name)
        if account is not None:
            _apply_heartbeat(ledger, account, heartbeat, at)
    for account in ledger.accounts.values():
        last = account.liveness.last_sign_us
        if account.coverage.state != "gap" and last and at.us - last > HEARTBEAT_BOUND_US:
            # The gap begins at the last sign of life, even where nothing ran at that time to notice the silence.
            _open_gap(ledger, account, "no heartbeat", LogTime(at.seq, max(last, account.coverage.since_us), at.clock))
        gaps.expire_backfill(ledger, account, at)
        believe_empty_lists(ledger, account, at)
        model_closed(ledger, account, at)
    tell_unmatched_settings(ledger, at)


def _apply_heartbeat(ledger: Ledger, account: Account, heartbeat: HeartbeatSummary, at: LogTime) -> None:
    account.liveness.note_heartbeat(heartbeat.last_us)
    account.liveness.note_alive(max(account.liveness.last_alive_us, heartbeat.last_us))
    if heartbeat.lag_us is not None:
        ledger.note_lag(account, heartbeat.lag_us)
    ledger.mark_changed(account)
    # A heartbeat from before the gap is no sign of life after the gap.
    if (
        account.coverage.state == "gap"
        and heartbeat.last_us > account.coverage.since_us
        and at.us - heartbeat.last_us <= HEARTBEAT_BOUND_US
    ):
        note_alive(ledger, account, at)
