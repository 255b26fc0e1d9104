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
from recon.ledger.backfills import CatchUp, CatchUpState, History, Missing
from recon.ledger.ledger import Book
from recon.ledger.posting.derivatives import settle_trades
from recon.times import LogTime

#: Before and after a stretch the order log is read too: the clocks differ, and what happened is logged later.
MARGIN_US: Final = 60_000_000
#: How long what a gap hid is waited for before the account is judged without it.
PATIENCE_US: Final = 300_000_000
#: Stretches with open questions that are kept at hand for a person to settle; the oldest go.
MAX_UNSETTLED: Final = 64
#: Open questions that are kept in words; further ones are counted.
MAX_QUESTIONS: Final = 100

#: What is read whole of each account after a gap: what is open, and what is held.
LISTS: Final = ("orders", "balances", "positions")

NOT_CONFIGURED: Final = "orders born and finished inside cannot be recovered: the order history is not configured"
NOT_READ: Final = "orders born and finished inside were not looked for: recovery.history is off in the settings"


def lose(book: Book, account: Account, reason: str, at: LogTime) -> None:
    """Lose sight of an account: a stretch begins, or the one that is not caught up with yet goes on."""
    known, rules = account.lost, book.rules.recovery
    seen_us = min(at.us, max(account.last_alive_us, account.last_heartbeat_us or 0) or at.us)
    # What was on its way when sight was lost did not come either.
    from_us = seen_us - book.rules_of(account.name).settlement_window_us
    state: CatchUpState = "waiting" if rules.enabled or account.held else "open"
    account.unread = dict.fromkeys(LISTS, "it was not asked for") if rules.enabled else {}
    if known is not None and not known.held and known.history != "failed":
        account.unsettled = [each for each in account.unsettled if each.from_seq != known.from_seq]
        asked_on = f"its open questions are asked on with those of the gap that begins at event {at.seq}"
        _keep(book, account, msgspec.structs.replace(known, open=(asked_on,)))
        known = None
    if known is not None:
        account.history_us = min(account.history_us, from_us - MARGIN_US)  # what was logged late was not read
        lost = msgspec.structs.replace(known, until_seq=None, until_us=None, ended_seq=None, open=(), state=state)
    else:
        history: History = "wanted" if rules.enabled and rules.history else "off"
        lost = CatchUp(account.name, at.seq, from_us, reason, state=state, history=history)
        account.history_us = from_us - MARGIN_US
    _keep(book, account, lost)


def back(book: Book, account: Account, at: LogTime) -> None:
    """Hear of an account again: the stretch is over, and what it hid can be asked for."""
    lost = account.lost
    if lost is None or lost.until_seq is not None:
        return
    lost = msgspec.structs.replace(lost, until_seq=at.seq, until_us=at.us)
    if lost.history in {"failed", "read"}:
        lost = msgspec.structs.replace(lost, history="wanted")
    _keep(book, account, lost)
    if not lost.held:
        account.lost = None  # nobody asks: the row stays as it is


def begin(book: Book, account: Account) -> None:
    """Begin to ask for what a stretch hid."""
    lost = account.lost
    if lost is not None and lost.until_seq is not None and lost.state == "waiting":
        _keep(book, account, msgspec.structs.replace(lost, state="running"))


def end(book: Book, account: Account, at: LogTime, *, gave_up: str = "") -> None:
    """End the catch-up with what it came to: whole, or open with its questions; from here on the account is judged."""
    lost = account.lost
    if lost is None or lost.until_us is None:
        return
    if lost.history == "wanted" and account.history_us >= lost.until_us:
        lost = msgspec.structs.replace(lost, history="read")
    elif lost.history == "wanted":
        lost = msgspec.structs.replace(lost, history="failed")
    if lost.history == "read":
        account.look_again_us = lost.until_us
    was_held = lost.held
    _conclude(book, account, lost, at, gave_up)
    if was_held:
        _release(book, account, at)
    book.changes.intervals += coverage.settle(account, seq=at.seq, us=at.us)


def reconsider(book: Book, account: Account, at: LogTime) -> None:
    """See whether an account is whole, now that one of its orders was accounted for after the catch-up had ended."""
    if account.lost is not None and not account.lost.held and account.lost.until_us is not None:
        _conclude(book, account, account.lost, at, "")


def read_history(book: Book, account: Account, from_us: int, until_us: int) -> None:
    """Note that the order log was read over a time; what follows on the part read before counts."""
    if from_us <= account.history_us < until_us:
        account.history_us = until_us
        book.touch(account)
    if account.look_again_us is not None and until_us >= account.look_again_us + MARGIN_US:
        account.look_again_us = None
        book.touch(account)
    lost = account.lost
    if lost is not None and lost.history in {"failed", "wanted"} and lost.until_us is not None:
        state: History = "read" if account.history_us >= lost.until_us else lost.history
        _keep(book, account, msgspec.structs.replace(lost, history=state))


def without_history(book: Book, account: Account, *, configured: bool) -> None:
    """Note that the order log cannot be read: not at all, or not now."""
    lost = account.lost
    if lost is not None and lost.history in {"wanted", "failed"}:
        history: History = "failed" if configured else "not configured"
        _keep(book, account, msgspec.structs.replace(lost, history=history))


def read(book: Book, account: Account, what: str, why: str | None) -> None:
    """Note that a list was read over REST, or why it could not be; it matters where a stretch is caught up with."""
    lost = account.lost
    if (lost is None and what not in account.unread) or (lost is not None and lost.until_seq is None):
        return  # nothing hangs on it, or it was asked before the stretch that lasts is over
    account.unread = {each: said for each, said in account.unread.items() if each != what}
    if why is not None and lost is not None:
        account.unread[what] = why
    book.touch(account)


def count(book: Book, account: Account, *, settled: int = 0, found: int = 0, fills: int = 0) -> None:
    """Count a request about a stretch, and what its answer told."""
    lost = account.lost
    if lost is None or lost.until_seq is None:
        return
    counted = msgspec.structs.replace(
        lost,
        requests=lost.requests + 1,
        orders_settled=lost.orders_settled + settled,
        orders_found=lost.orders_found + found,
        fills_found=lost.fills_found + fills,
    )
    _keep(book, account, counted)


def settle(book: Book, account: Account, from_seq: int, at: LogTime) -> bool:
    """Take a person's word for what is open of a stretch; return whether anything was.

    An order that is missing by name is asked for on, and settled by itself.
    """
    now = account.lost
    at_hand = account.unsettled if now is None or now.held else [*account.unsettled, now]
    known = next((each for each in at_hand if each.from_seq == from_seq and each.open), None)
    if known is None:
        return False
    _keep(book, account, msgspec.structs.replace(known, state="whole", open=(), ended_seq=at.seq))
    account.lost = now if now is not None and now.from_seq != from_seq else None
    if account.lost is None:
        account.unread = {}
    account.unsettled = [each for each in account.unsettled if each.from_seq != from_seq]
    return True


def lose_patience(book: Book, account: Account, at: LogTime) -> None:
    """Judge an account without what a gap hid, where nobody has fetched it for too long."""
    lost = account.lost
    if lost is not None and lost.held and lost.until_us is not None and at.us - lost.until_us > PATIENCE_US:
        end(book, account, at, gave_up=f"catching up did not come to an end within {PATIENCE_US // 1_000_000} s")


def questions(account: Account, lost: CatchUp) -> list[str]:
    """Return what is not accounted for after a stretch, in words."""
    named = islice(account.unaccounted.items(), MAX_QUESTIONS)
    found = [f"order {key}: {_why(missing)}" for key, missing in named]
    if len(account.unaccounted) > MAX_QUESTIONS:
        found.append(f"and {len(account.unaccounted) - MAX_QUESTIONS} more")
    found += [f"{what} could not be read: {why}" for what, why in account.unread.items()]
    if lost.history == "off":
        found.append(NOT_READ)
    elif lost.history == "not configured":
        found.append(NOT_CONFIGURED)
    elif lost.history == "failed":
        found.append("orders born and finished inside may be missing: the order history could not be read")
    return found


def _why(missing: Missing) -> str:
    if missing.client_order_id is None:
        return "it has no client order id, by which alone the EMS can be asked"
    return missing.why or "it was not asked for"


def _conclude(book: Book, account: Account, lost: CatchUp, at: LogTime, gave_up: str) -> None:
    asked = questions(account, lost)
    if gave_up:
        asked.insert(0, gave_up)
    state: CatchUpState = "open" if asked else "whole"
    ended = msgspec.structs.replace(lost, state=state, open=tuple(asked), ended_seq=at.seq)
    _keep(book, account, ended)
    others = [each for each in account.unsettled if each.from_seq != lost.from_seq]
    account.unsettled = [*others, ended][-MAX_UNSETTLED:] if asked else others
    if not account.unaccounted and not account.unread and lost.history != "failed":
        account.lost = None  # there is nothing left to ask


def _release(book: Book, account: Account, at: LogTime) -> None:
    """Let an account be judged again; the cash of contracts waited for the true order of their fills."""
    for held in sorted(book.units_of(account.name), key=lambda each: each.key):
        if held.unit.kind == "contract" and held.unit.pending_trades:
            settle_trades(book, account, held, at)
    book.released.append(account.name)


def _keep(book: Book, account: Account, lost: CatchUp) -> None:
    account.lost = lost
    book.changes.catch_ups.append(lost)
    book.touch(account)
