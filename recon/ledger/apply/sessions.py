"""What happens around an account: sessions, heartbeats, snapshots of orders, rules. Pure (architecture 4, semantics 9).

1. A snapshot of orders that came without a list says that nothing is open: what was open before is missing then, to be
   asked for, and never closed in silence.
2. An account that is silent stays in its gap, also over sessions, until something of it comes.
3. How far the EMS's clock is from ours is measured by every heartbeat in the log, be it whole or summed up in a tick.
"""

from __future__ import annotations

import msgspec

from recon.ems.protocol.messages import ServerInfo
from recon.ems.protocol.timestamps import parse_time
from recon.ledger import coverage, gaps
from recon.ledger.account import Account
from recon.ledger.apply.observe import withhold_until_reported
from recon.ledger.coverage import reassess
from recon.ledger.ledger import Ledger
from recon.ledger.rules import HEARTBEAT_BOUND_US
from recon.times import LogTime, microseconds


class SessionNote(msgspec.Struct, frozen=True):
    """The payload of session.opened and session.closed, as far as the books read it."""

    reason: str | None = None


class HeartbeatSummary(msgspec.Struct, frozen=True):
    """One account's heartbeats since the last tick: microseconds since the epoch, and how far behind they were."""

    last_us: int
    count: int = 0
    lag_us: int | None = None


class Tick(msgspec.Struct, frozen=True):
    """The payload of a tick: log time passing, and a summary of heartbeats (semantics 9.2-9.3)."""

    heartbeats: dict[str, HeartbeatSummary] = {}


def session_opened(ledger: Ledger, session: str | None, at: LogTime, *, previous_us: int) -> None:
    """A new session begins; whoever was still observed lost sight without a word (the process died)."""
    for account in ledger.accounts.values():
        if account.coverage.state != "gap":
            _open_gap(ledger, account, "restarted", LogTime(at.seq, previous_us or at.us, at.clock))
        account.liveness.enter_session(session)
        withhold_until_reported(ledger, account)
    ledger.clock.session = session


def session_closed(ledger: Ledger, session: str | None, reason: str, at: LogTime) -> None:
    """The session ended: nothing is observed until another one catches up."""
    if session != ledger.clock.session:
        return
    for account in ledger.accounts.values():
        if account.coverage.state != "gap":
            _open_gap(ledger, account, reason, at)


def _open_gap(ledger: Ledger, account: Account, reason: str, at: LogTime) -> None:
    if account.coverage.state != "gap":
        account.coverage.note_gap(at.seq)
        gaps.open_gap(ledger, account, reason, at)
    ledger.changes.intervals += coverage.change_state(account, "gap", reason, seq=at.seq, us=at.us)
    ledger.mark_changed(account)


def note_alive(ledger: Ledger, account: Account, at: LogTime) -> None:
    """Anything from an account is a sign of life; the first one in a session begins its catching up."""
    account.liveness.note_alive(at.us)
    ledger.mark_changed(account)
    if account.liveness.session != ledger.clock.session:
        account.liveness.enter_session(ledger.clock.session)
    if account.coverage.state == "gap" and account.liveness.is_running is not False:
        account.liveness.note_heartbeat(at.us)
        _close_gap(ledger, account, at)


def _close_gap(ledger: Ledger, account: Account, at: LogTime) -> None:
    gaps.close_gap(ledger, account, at)
    ledger.changes.intervals += reassess(account, seq=at.seq, us=at.us)


def apply_server_info(ledger: Ledger, account: Account, message: ServerInfo, at: LogTime) -> None:
    """A logged heartbeat: the first of a session, or one in which something changed."""
    account.liveness.note_heartbeat(at.us)
    sent = parse_time(message.time)
    if sent is not None:
        account.liveness.note_lag(at.us - microseconds(sent))
    restarted = account.liveness.note_instance(message.instance_guid, ledger.clock.session, running=message.is_running)
    ledger.mark_changed(account)
    if message.is_running is False:
        _open_gap(ledger, account, "not running", at)
    elif restarted:
        # Another process speaks for the account: what happened between the two is not known until it tells.
        _open_gap(ledger, account, "restarted", at)
        account.snapshots.forget_session()
        withhold_until_reported(ledger, account)
        _close_gap(ledger, account, at)
    elif account.coverage.state == "gap":
        _close_gap(ledger, account, at)


def apply_tick(ledger: Ledger, note: Tick, at: LogTime) -> None:
    """Log time passes; accounts whose heartbeat is missing are not observed."""
    for name, beat in note.heartbeats.items():
        account = ledger.accounts.get(name)
        if account is None:
            continue
        account.liveness.note_heartbeat(beat.last_us)
        account.liveness.note_alive(max(account.liveness.last_alive_us, beat.last_us))
        if beat.lag_us is not None:
            account.liveness.note_lag(beat.lag_us)
        ledger.mark_changed(account)
        # Beats from before the gap are no sign of life after it.
        if (
            account.coverage.state == "gap"
            and beat.last_us > account.coverage.since_us
            and at.us - beat.last_us <= HEARTBEAT_BOUND_US
        ):
            note_alive(ledger, account, at)
    for account in ledger.accounts.values():
        last = max(account.liveness.last_heartbeat_us or 0, account.liveness.last_alive_us)
        if account.coverage.state != "gap" and last and at.us - last > HEARTBEAT_BOUND_US:
            # What was not heard of since then was not observed, whether or not anybody was there to notice.
            _open_gap(ledger, account, "no heartbeat", LogTime(at.seq, max(last, account.coverage.since_us), at.clock))
        gaps.expire_backfill(ledger, account, at)
