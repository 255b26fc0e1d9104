"""Stretches without observation, from the gap to the account being whole again. Pure (architecture 4).

1. A stretch begins with a gap and ends with the catch-up that follows it: a gap that comes before its end prolongs it.
2. What is asked is decided outside; only what was answered, and stands in the log, decides here.
3. An account is whole again only when every order that was open before is accounted for, the order log was read over
   all of the stretch with a margin, and so was what is open and held now. What is not, is an open question in words.
4. While it is being asked, nothing of the account is judged: its books are known to lack something. That has an end,
   in log time, whatever becomes of the asking.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

import msgspec

from recon.ledger import coverage
from recon.ledger.account import Account
from recon.ledger.backfills import Backfill, BackfillState, History, MissingOrder
from recon.ledger.ledger import Ledger
from recon.ledger.posting.derivatives import realise_trades
from recon.times import LogTime

#: Before and after a stretch the order log is read too: the clocks differ, and what happened is logged later.
MARGIN_US: Final = 60_000_000
#: How long what a gap hid is waited for before the account is judged without it.
BACKFILL_TIMEOUT_US: Final = 300_000_000
#: Stretches with open questions that are kept at hand for a person to settle; the oldest go.
MAX_OPEN_BACKFILLS: Final = 64
#: Open questions that are kept in words; further ones are counted.
MAX_QUESTIONS: Final = 100

#: What is read whole of each account after a gap: what is open, and what is held.
LISTS: Final = ("orders", "balances", "positions")

NOT_CONFIGURED: Final = "orders born and finished inside cannot be recovered: the order history is not configured"
NOT_READ: Final = "orders born and finished inside were not looked for: recovery.history is off in the settings"


def open_gap(ledger: Ledger, account: Account, reason: str, at: LogTime) -> None:
    """Lose sight of an account: a stretch begins, or the one that is not caught up with yet goes on."""
    known, rules = account.backfill, ledger.rules.recovery
    seen_us = min(at.us, max(account.last_alive_us, account.last_heartbeat_us or 0) or at.us)
    # What was on its way when sight was lost did not come either.
    from_us = seen_us - ledger.rules_of(account.name).settlement_window_us
    state: BackfillState = "waiting" if rules.enabled or account.backfilling else "open"
    account.unread_lists = dict.fromkeys(LISTS, "it was not asked for") if rules.enabled else {}
    if known is not None and not known.in_progress and known.history != "failed":
        account.open_backfills = [each for each in account.open_backfills if each.from_seq != known.from_seq]
        asked_on = f"its open questions are asked on with those of the gap that begins at event {at.seq}"
        _record(ledger, account, msgspec.structs.replace(known, open=(asked_on,)))
        known = None
    if known is not None:
        account.history_read_until_us = min(
            account.history_read_until_us, from_us - MARGIN_US
        )  # what was logged late was not read
        lost = msgspec.structs.replace(known, until_seq=None, until_us=None, ended_seq=None, open=(), state=state)
    else:
        history: History = "wanted" if rules.enabled and rules.history else "off"
        lost = Backfill(account.name, at.seq, from_us, reason, state=state, history=history)
        account.history_read_until_us = from_us - MARGIN_US
    _record(ledger, account, lost)


def close_gap(ledger: Ledger, account: Account, at: LogTime) -> None:
    """Hear of an account again: the stretch is over, and what it hid can be asked for."""
    lost = account.backfill
    if lost is None or lost.until_seq is not None:
        return
    lost = msgspec.structs.replace(lost, until_seq=at.seq, until_us=at.us)
    if lost.history in {"failed", "read"}:
        lost = msgspec.structs.replace(lost, history="wanted")
    _record(ledger, account, lost)
    if not lost.in_progress:
        account.backfill = None  # nobody asks: the row stays as it is


def start_backfill(ledger: Ledger, account: Account) -> None:
    """Begin to ask for what a stretch hid."""
    lost = account.backfill
    if lost is not None and lost.until_seq is not None and lost.state == "waiting":
        _record(ledger, account, msgspec.structs.replace(lost, state="running"))


def finish_backfill(ledger: Ledger, account: Account, at: LogTime, *, gave_up: str = "") -> None:
    """End the catch-up with what it came to: whole, or open with its questions; from here on the account is judged."""
    lost = account.backfill
    if lost is None or lost.until_us is None:
        return
    if lost.history == "wanted" and account.history_read_until_us >= lost.until_us:
        lost = msgspec.structs.replace(lost, history="read")
    elif lost.history == "wanted":
        lost = msgspec.structs.replace(lost, history="failed")
    if lost.history == "read":
        account.second_history_read_us = lost.until_us
    was_held = lost.in_progress
    _conclude(ledger, account, lost, at, gave_up)
    if was_held:
        _resume(ledger, account, at)
    ledger.changes.intervals += coverage.reassess(account, seq=at.seq, us=at.us)


def reassess(ledger: Ledger, account: Account, at: LogTime) -> None:
    """See whether an account is whole, now that one of its orders was accounted for after the catch-up had ended."""
    if account.backfill is not None and not account.backfill.in_progress and account.backfill.until_us is not None:
        _conclude(ledger, account, account.backfill, at, "")


def note_history_read(ledger: Ledger, account: Account, from_us: int, until_us: int) -> None:
    """Note that the order log was read over a time; what follows on the part read before counts."""
    if from_us <= account.history_read_until_us < until_us:
        account.history_read_until_us = until_us
        ledger.mark_changed(account)
    if account.second_history_read_us is not None and until_us >= account.second_history_read_us + MARGIN_US:
        account.second_history_read_us = None
        ledger.mark_changed(account)
    lost = account.backfill
    if lost is not None and lost.history in {"failed", "wanted"} and lost.until_us is not None:
        state: History = "read" if account.history_read_until_us >= lost.until_us else lost.history
        _record(ledger, account, msgspec.structs.replace(lost, history=state))


def note_history_unavailable(ledger: Ledger, account: Account, *, configured: bool) -> None:
    """Note that the order log cannot be read: not at all, or not now."""
    lost = account.backfill
    if lost is not None and lost.history in {"wanted", "failed"}:
        history: History = "failed" if configured else "not configured"
        _record(ledger, account, msgspec.structs.replace(lost, history=history))


def note_list_read(ledger: Ledger, account: Account, what: str, why: str | None) -> None:
    """Note that a list was read over REST, or why it could not be; it matters where a stretch is caught up with."""
    lost = account.backfill
    if (lost is None and what not in account.unread_lists) or (lost is not None and lost.until_seq is None):
        return  # nothing hangs on it, or it was asked before the stretch that lasts is over
    account.unread_lists = {each: said for each, said in account.unread_lists.items() if each != what}
    if why is not None and lost is not None:
        account.unread_lists[what] = why
    ledger.mark_changed(account)


def count_request(ledger: Ledger, account: Account, *, settled: int = 0, found: int = 0, fills: int = 0) -> None:
    """Count a request about a stretch, and what its answer told."""
    lost = account.backfill
    if lost is None or lost.until_seq is None:
        return
    counted = msgspec.structs.replace(
        lost,
        requests=lost.requests + 1,
        orders_settled=lost.orders_settled + settled,
        orders_found=lost.orders_found + found,
        fills_found=lost.fills_found + fills,
    )
    _record(ledger, account, counted)


def settle_by_person(ledger: Ledger, account: Account, from_seq: int, at: LogTime) -> bool:
    """Take a person's word for what is open of a stretch; return whether anything was.

    An order that is missing by name is asked for on, and settled by itself.
    """
    now = account.backfill
    at_hand = account.open_backfills if now is None or now.in_progress else [*account.open_backfills, now]
    known = next((each for each in at_hand if each.from_seq == from_seq and each.open), None)
    if known is None:
        return False
    _record(ledger, account, msgspec.structs.replace(known, state="whole", open=(), ended_seq=at.seq))
    account.backfill = now if now is not None and now.from_seq != from_seq else None
    if account.backfill is None:
        account.unread_lists = {}
    account.open_backfills = [each for each in account.open_backfills if each.from_seq != from_seq]
    return True


def expire_backfill(ledger: Ledger, account: Account, at: LogTime) -> None:
    """Judge an account without what a gap hid, where nobody has fetched it for too long."""
    lost = account.backfill
    if (
        lost is not None
        and lost.in_progress
        and lost.until_us is not None
        and at.us - lost.until_us > BACKFILL_TIMEOUT_US
    ):
        finish_backfill(
            ledger,
            account,
            at,
            gave_up=f"catching up did not come to an end within {BACKFILL_TIMEOUT_US // 1_000_000} s",
        )


def open_questions(account: Account, lost: Backfill) -> list[str]:
    """Return what is not accounted for after a stretch, in words."""
    named = islice(account.missing_orders.items(), MAX_QUESTIONS)
    found = [f"order {key}: {_why(missing)}" for key, missing in named]
    if len(account.missing_orders) > MAX_QUESTIONS:
        found.append(f"and {len(account.missing_orders) - MAX_QUESTIONS} more")
    found += [f"{what} could not be read: {why}" for what, why in account.unread_lists.items()]
    if lost.history == "off":
        found.append(NOT_READ)
    elif lost.history == "not configured":
        found.append(NOT_CONFIGURED)
    elif lost.history == "failed":
        found.append("orders born and finished inside may be missing: the order history could not be read")
    return found


def _why(missing: MissingOrder) -> str:
    if missing.client_order_id is None:
        return "it has no client order id, by which alone the EMS can be asked"
    return missing.why or "it was not asked for"


def _conclude(ledger: Ledger, account: Account, lost: Backfill, at: LogTime, gave_up: str) -> None:
    asked = open_questions(account, lost)
    if gave_up:
        asked.insert(0, gave_up)
    state: BackfillState = "open" if asked else "whole"
    ended = msgspec.structs.replace(lost, state=state, open=tuple(asked), ended_seq=at.seq)
    _record(ledger, account, ended)
    others = [each for each in account.open_backfills if each.from_seq != lost.from_seq]
    account.open_backfills = [*others, ended][-MAX_OPEN_BACKFILLS:] if asked else others
    if not account.missing_orders and not account.unread_lists and lost.history != "failed":
        account.backfill = None  # there is nothing left to ask


def _resume(ledger: Ledger, account: Account, at: LogTime) -> None:
    """Let an account be judged again; the cash of contracts waited for the true order of their fills."""
    for state in sorted(ledger.units_of(account.name), key=lambda each: each.key):
        if state.unit.kind == "contract" and state.unit.pending_trades:
            realise_trades(ledger, account, state, at)
    ledger.released.append(account.name)


def _record(ledger: Ledger, account: Account, lost: Backfill) -> None:
    account.backfill = lost
    ledger.changes.backfills.append(lost)
    ledger.mark_changed(account)
