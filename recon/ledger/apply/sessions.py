"""What happens around an account: sessions, heartbeats, snapshots of orders, rules. Pure (architecture 4, semantics 9).

1. A snapshot of orders that came without a list says that nothing is open: what was open before is missing then, to be
   asked for, and never closed in silence.
2. An account that is silent stays in its gap, also over sessions, until something of it comes.
3. How far the EMS's clock is from ours is measured by every heartbeat in the log, be it whole or summed up in a tick.
"""

from __future__ import annotations

import msgspec

from recon.ems.protocol.messages import OrderReport, OrderReports, ServerInfo
from recon.ems.protocol.timestamps import parse_time
from recon.ledger import coverage, gaps
from recon.ledger.account import Account
from recon.ledger.actor import Person
from recon.ledger.apply.balances import forget_told, remodel
from recon.ledger.apply.execution_reports import account_for, lose_sight, take_report
from recon.ledger.cost_basis import basis_of
from recon.ledger.coverage import settle
from recon.ledger.ledger import Book, Moment, quantum_of
from recon.ledger.rule_changes import WaitingRules, loosened
from recon.ledger.rules import HEARTBEAT_BOUND_US, Rules
from recon.log.events import microseconds


class SessionNote(msgspec.Struct, frozen=True):
    """The payload of session.opened and session.closed, as far as the books read it."""

    reason: str | None = None


class Beat(msgspec.Struct, frozen=True):
    """One account's heartbeats since the last tick: microseconds since the epoch, and how far behind they were."""

    last_us: int
    count: int = 0
    lag_us: int | None = None


class Tick(msgspec.Struct, frozen=True):
    """The payload of a tick: log time passing, and a summary of heartbeats (semantics 9.2-9.3)."""

    heartbeats: dict[str, Beat] = {}


def session_opened(book: Book, session: str | None, at: Moment, *, previous_us: int) -> None:
    """A new session begins; whoever was still observed lost sight without a word (the process died)."""
    for account in book.accounts.values():
        if account.state != "gap":
            _gap(book, account, "restarted", Moment(at.seq, previous_us or at.us, at.clock))
        account.session = session
        forget_told(book, account)
    book.clock.session = session


def session_closed(book: Book, session: str | None, reason: str, at: Moment) -> None:
    """The session ended: nothing is observed until another one catches up."""
    if session != book.clock.session:
        return
    for account in book.accounts.values():
        if account.state != "gap":
            _gap(book, account, reason, at)


def _gap(book: Book, account: Account, reason: str, at: Moment) -> None:
    if account.state != "gap":
        account.gap_seq = at.seq
        gaps.lose(book, account, reason, at)
    book.changes.intervals += coverage.change(account, "gap", reason, seq=at.seq, us=at.us)
    book.touch(account)


def alive(book: Book, account: Account, at: Moment) -> None:
    """Anything from an account is a sign of life; the first one in a session begins its catching up."""
    account.last_alive_us = at.us
    book.touch(account)
    if account.session != book.clock.session:
        account.session = book.clock.session
    if account.state == "gap" and account.is_running is not False:
        account.last_heartbeat_us = at.us
        _seen_again(book, account, at)


def _seen_again(book: Book, account: Account, at: Moment) -> None:
    gaps.back(book, account, at)
    book.changes.intervals += settle(account, seq=at.seq, us=at.us)


def server_info(book: Book, account: Account, message: ServerInfo, at: Moment) -> None:
    """A logged heartbeat: the first of a session, or one in which something changed."""
    account.last_heartbeat_us = at.us
    sent = parse_time(message.time)
    if sent is not None:
        account.measure(at.us - microseconds(sent))
    restarted = (
        account.instance_guid is not None
        and account.instance_session == book.clock.session
        and message.instance_guid is not None
        and account.instance_guid != message.instance_guid
    )
    account.instance_guid = message.instance_guid or account.instance_guid
    account.instance_session = book.clock.session
    account.is_running = message.is_running
    book.touch(account)
    if message.is_running is False:
        _gap(book, account, "not running", at)
    elif restarted:
        # Another process speaks for the account: what happened between the two is not known until it tells.
        _gap(book, account, "restarted", at)
        account.orders_session = account.balances_session = None
        forget_told(book, account)
        _seen_again(book, account, at)
    elif account.state == "gap":
        _seen_again(book, account, at)


def tick(book: Book, note: Tick, at: Moment) -> None:
    """Log time passes; accounts whose heartbeat is missing are not observed."""
    for name, beat in note.heartbeats.items():
        account = book.accounts.get(name)
        if account is None:
            continue
        account.last_heartbeat_us = beat.last_us
        account.last_alive_us = max(account.last_alive_us, beat.last_us)
        if beat.lag_us is not None:
            account.measure(beat.lag_us)
        book.touch(account)
        # Beats from before the gap are no sign of life after it.
        if account.state == "gap" and beat.last_us > account.since_us and at.us - beat.last_us <= HEARTBEAT_BOUND_US:
            alive(book, account, at)
    for account in book.accounts.values():
        last = max(account.last_heartbeat_us or 0, account.last_alive_us)
        if account.state != "gap" and last and at.us - last > HEARTBEAT_BOUND_US:
            # What was not heard of since then was not observed, whether or not anybody was there to notice.
            _gap(book, account, "no heartbeat", Moment(at.seq, max(last, account.since_us), at.clock))
        gaps.lose_patience(book, account, at)


def take_reports(book: Book, message: OrderReports, account: Account, at: Moment) -> None:
    """Take execution reports; a snapshot of all of them, or of none, also tells which orders are no longer open."""
    initial = message.snapshot and account.orders_session is None and not account.gap_seq
    seen: set[str] = set()
    for report in message.rows:
        of = _account_of(book, account, report, at)
        order = take_report(book, of, report, at, initial=initial, listed=message.snapshot)
        if order is not None:
            seen.add(order.key)
    if not (message.complete or message.nothing):
        return
    before = at.clock - book.rules_of(account.name).settlement_window_us - book.behind_us
    for order in sorted((each for each in book.orders.values() if each.account == account.name), key=lambda o: o.key):
        if order.over or order.key in seen or order.unaccounted or order.history_length < 0:
            continue
        # A report may cross the snapshot on its way; only what was quiet, or open before a gap, has vanished.
        if order.updated_clock < before or (account.gap_seq is not None and order.last_seq < account.gap_seq):
            lose_sight(book, account, order)
    account.orders_session = book.clock.session
    book.touch(account)
    if account.state != "gap":  # what is fetched is no sign of life
        book.changes.intervals += settle(account, seq=at.seq, us=at.us)


def _account_of(book: Book, account: Account, report: OrderReport, at: Moment) -> Account:
    """A row's own account goes before its wrapper's."""
    return account if report.account is None or report.account == account.name else book.account(report.account, at)


def put_in_force(book: Book, rules: Rules, seq: int) -> None:
    """Put the rules of an event in force; what waited before is overtaken."""
    take_rules(book, rules)
    book.clock.rules_seq, book.clock.waiting_seq, book.rules_waiting = seq, 0, None


def propose_rules(book: Book, proposed: WaitingRules, at: Moment) -> None:
    """Let looser rules wait until a second person approves them (semantics 10.2)."""
    book.clock.waiting_seq, book.rules_waiting = at.seq, proposed
    looser = "; ".join(loosened(book.rules, proposed.rules)) or "nothing"
    message = f"rules wait for approval; looser under them: {looser}"
    book.find(None, at, "rules_wait", proposed.digest, message)


def decide_rules(book: Book, by: Person, digest: str | None, at: Moment, *, approved: bool) -> None:
    """Put waiting rules in force, or drop them, as a person decides."""
    proposed, verb = book.rules_waiting, "approve" if approved else "reject"
    refused = None
    if proposed is None or proposed.digest != digest:
        refused = f"the rules that wait are {proposed.digest if proposed else 'none'}"
    elif approved and not by.authenticated:
        refused = f"{by.login} is a login that people share"
    if proposed is None or refused is not None:
        message = f"{by.shown} asked to {verb} rules {digest}, refused: {refused}"
        book.find(None, at, "decision_refused", digest or "", message)
    elif approved:
        put_in_force(book, proposed.rules, proposed.seq)
        book.find(None, at, "rules_approved", proposed.digest, f"{by.shown} approved them; they are in force from here")
    else:
        book.clock.waiting_seq, book.rules_waiting = 0, None
        book.find(None, at, "rules_rejected", proposed.digest, f"{by.shown} rejected them; the old ones stay in force")


def settle_order(book: Book, by: Person, name: str | None, key: str | None, outcome: str | None, at: Moment) -> None:
    """Settle an order that is not accounted for by a person's word: its units may agree again (semantics 7)."""
    account, order = book.accounts.get(name or ""), book.orders.get((name or "", key or ""))
    if account is None or order is None or not order.unaccounted:
        message = f"{by.shown} asked to settle order {key}, refused: no such order is unaccounted for"
        book.find(name, at, "decision_refused", key or "", message)
        return
    order.settled = True
    account_for(book, account, order, at)
    book.find(name, at, "order_settled", order.key, f"{by.shown} settled it: {outcome or 'no outcome is told'}")


def settle_gap(book: Book, by: Person, name: str | None, from_seq: int | None, outcome: str | None, at: Moment) -> None:
    """Settle what is open of a gap by a person's word; orders that are missing by name stay so (settle_order)."""
    account = book.accounts.get(name or "")
    if account is None or from_seq is None or not gaps.settle(book, account, from_seq, at):
        message = f"{by.shown} asked to settle the gap at event {from_seq}, refused: nothing is open of any such gap"
        book.find(name, at, "decision_refused", str(from_seq), message)
        return
    if account.observed:
        book.changes.intervals += settle(account, seq=at.seq, us=at.us)
    book.find(name, at, "gap_settled", str(from_seq), f"{by.shown} settled it: {outcome or 'no outcome is told'}")


def take_rules(book: Book, rules: Rules) -> None:
    """Put rules in force from here on; terms that come later open a cash book then and there (semantics 3.5)."""
    book.rules = rules
    for account in book.accounts.values():
        terms = rules.of(account.name).contracts
        for held in book.units_of(account.name):
            unit = held.unit
            held.timeline.quantum = quantum_of(book, unit)
            if unit.kind == "contract" and unit.code in account.unmodelled and unit.value is not None:
                now = terms.get(unit.code)
                if now is not None and now.modelled:
                    unit.basis = basis_of(unit.value, unit.reported_avg_entry_price, now)
                    unit.pending_trades = []
        remodel(book, account)
