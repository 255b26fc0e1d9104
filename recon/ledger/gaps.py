"""An account's gaps: opened, closed, filled over REST, or left with open questions. Pure (architecture 4).

1. A gap ends with its backfill: a gap that opens earlier extends the gap before.
2. The backfill agent chooses the requests; only answers in the log change the ledger.
3. A complete backfill has no missing order, has read all lists, and has read the order log over the gap with a margin.
   All else is an open question.
4. During a backfill no unit of the account is compared, because the ledger is incomplete. A timeout in log time ends
   the backfill in any case.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

import msgspec

from recon.ledger.account import REFUSED_EVENT, Account
from recon.ledger.backfills import Backfill, BackfillState, History, Lost, MissingOrder
from recon.ledger.coverage import reassess as reassess_coverage
from recon.ledger.ledger import Ledger
from recon.ledger.posting.derivatives import realise_trades
from recon.ledger.withholding import withhold
from recon.times import LogTime

#: Margin of reading the order log around a gap, in microseconds: clocks differ, and the log is written late.
MARGIN_US: Final = 60_000_000
#: The EMS writes a change into its order log within so many microseconds.
HISTORY_WRITTEN_US: Final = 4_000_000
#: The longest duration of a backfill in log time, in microseconds; then the account is compared anyway.
BACKFILL_TIMEOUT_US: Final = 300_000_000
#: Backfills with open questions kept for a person to settle; the oldest are dropped.
MAX_OPEN_BACKFILLS: Final = 64
#: Missing orders listed as open questions; further orders are counted.
MAX_QUESTIONS: Final = 100
#: Refused events named in an open question; further events are counted.
MAX_NAMED_EVENTS: Final = 5

#: Lists read for an account after a gap.
LISTS: Final = ("orders", "balances", "positions")

NOT_CONFIGURED: Final = "orders born and finished inside cannot be recovered: the order history is not configured"
NOT_READ: Final = "orders born and finished inside were not looked for: recovery.history is off in the settings"


def open_gap(ledger: Ledger, account: Account, reason: str, at: LogTime) -> Lost:
    """Open a gap for an account, or extend the one whose backfill has not finished; return what was lost."""
    coverage, rules = account.coverage, ledger.rules.recovery
    earlier = coverage.backfill
    # After an event that was refused there may be no sign of life since the gap before.
    from_us = min(at.us, max(account.liveness.last_sign_us, account.liveness.heard_us) or at.us)
    # Messages under way at the last sign of life are lost too.
    read_us = from_us - ledger.rules_of(account.name).settlement_window_us - MARGIN_US
    state: BackfillState = "waiting" if rules.enabled or coverage.backfilling else "open"
    coverage.set_unread(dict.fromkeys(LISTS, "it was not asked for") if rules.enabled else {})
    if earlier is not None and not earlier.in_progress and earlier.history != "failed":
        coverage.set_open_backfills(_others(account, earlier.from_seq))
        asked_on = f"its open questions are asked on with those of the gap that begins at event {at.seq}"
        _record(ledger, account, msgspec.structs.replace(earlier, open=(asked_on,)))
        earlier = None
    if earlier is None:
        history: History = "wanted" if rules.enabled and rules.history else "off"
        backfill = Backfill(account.name, at.seq, from_us, reason, state=state, history=history)
        coverage.note_history_read(read_us)
    else:
        # The order log may have been written after it was read.
        coverage.note_history_read(min(coverage.history_read_until_us, read_us))
        backfill = msgspec.structs.replace(earlier, until_seq=None, until_us=None, ended_seq=None, open=(), state=state)
    _record(ledger, account, backfill)
    # What was observed after the earlier gap is no part of this one.
    return Lost(from_us, at.seq if coverage.observed else backfill.from_seq)


def close_gap(ledger: Ledger, account: Account, at: LogTime) -> None:
    """Close the gap of an account that is observed again, so that the backfill can start."""
    backfill = account.coverage.backfill
    if backfill is None or backfill.until_seq is not None:
        return
    backfill = msgspec.structs.replace(backfill, until_seq=at.seq, until_us=at.us)
    if backfill.history in {"failed", "read"}:
        backfill = msgspec.structs.replace(backfill, history="wanted")
    _record(ledger, account, backfill)
    if backfill.in_progress:
        return
    if account.coverage.refused_events:
        _conclude(ledger, account, backfill, at, "")  # no backfill is configured: only a person can make up for them
    else:
        account.coverage.set_backfill(None)  # no backfill is configured: the row stays as it is


def start_backfill(ledger: Ledger, account: Account) -> None:
    """Note that requests about an account's gap are under way."""
    backfill = account.coverage.backfill
    if backfill is not None and backfill.until_seq is not None and backfill.state == "waiting":
        _record(ledger, account, msgspec.structs.replace(backfill, state="running"))


def finish_backfill(ledger: Ledger, account: Account, at: LogTime, *, gave_up: str = "") -> None:
    """Finish the backfill, complete or with open questions; the account is compared from here on."""
    coverage = account.coverage
    backfill = coverage.backfill
    if backfill is None or backfill.until_us is None:
        return
    if backfill.history == "wanted":
        read = coverage.history_read_until_us >= backfill.until_us
        backfill = msgspec.structs.replace(backfill, history="read" if read else "failed")
    if backfill.history == "read":
        coverage.set_second_read(backfill.until_us)
    was_in_progress = backfill.in_progress
    _conclude(ledger, account, backfill, at, gave_up)
    if was_in_progress:
        _resume(ledger, account, at)
    ledger.changes.intervals += reassess_coverage(account, seq=at.seq, us=at.us)


def reassess(ledger: Ledger, account: Account, at: LogTime) -> None:
    """Conclude a finished backfill again, after one of the account's missing orders was accounted for."""
    backfill = account.coverage.backfill
    if backfill is not None and not backfill.in_progress and backfill.until_us is not None:
        _conclude(ledger, account, backfill, at, "")


def note_history_read(ledger: Ledger, account: Account, from_us: int, until_us: int, written_us: int) -> None:
    """Note that the order log was read over an interval; the interval counts if it continues the part read before.

    It counts up to `written_us`: a later change may not have been in the log yet.
    """
    coverage = account.coverage
    read_us = min(until_us, written_us)
    if from_us <= coverage.history_read_until_us < read_us:
        coverage.note_history_read(read_us)
        ledger.mark_changed(account)
    second_us = coverage.second_history_read_us
    if second_us is not None and until_us >= second_us + MARGIN_US:
        coverage.set_second_read(None)
        ledger.mark_changed(account)
    backfill = coverage.backfill
    if backfill is not None and backfill.history in {"failed", "wanted"} and backfill.until_us is not None:
        history: History = "read" if coverage.history_read_until_us >= backfill.until_us else backfill.history
        _record(ledger, account, msgspec.structs.replace(backfill, history=history))


def note_history_unavailable(ledger: Ledger, account: Account, *, configured: bool) -> None:
    """Note that the order log cannot be read: not now, or never if not configured."""
    backfill = account.coverage.backfill
    if backfill is not None and backfill.history in {"wanted", "failed"}:
        history: History = "failed" if configured else "not configured"
        _record(ledger, account, msgspec.structs.replace(backfill, history=history))


def note_list_read(ledger: Ledger, account: Account, name: str, why: str | None) -> None:
    """Note that a list was read over REST, or why it could not be read; only a backfill needs the list."""
    coverage = account.coverage
    backfill = coverage.backfill
    if (backfill is None and name not in coverage.unread_lists) or (
        backfill is not None and backfill.until_seq is None
    ):
        return  # no backfill needs the list, or the request came before the gap ended
    unread = {unread_name: reason for unread_name, reason in coverage.unread_lists.items() if unread_name != name}
    if why is not None and backfill is not None:
        unread[name] = why
    coverage.set_unread(unread)
    ledger.mark_changed(account)


def count_request(ledger: Ledger, account: Account, *, settled: int = 0, new_orders: int = 0, fills: int = 0) -> None:
    """Count a request of a backfill, with the missing orders resolved and the new orders and fills in the answer."""
    backfill = account.coverage.backfill
    if backfill is None or backfill.until_seq is None:
        return
    counted = msgspec.structs.replace(
        backfill,
        requests=backfill.requests + 1,
        orders_settled=backfill.orders_settled + settled,
        orders_found=backfill.orders_found + new_orders,
        fills_found=backfill.fills_found + fills,
    )
    _record(ledger, account, counted)


def settle_by_person(ledger: Ledger, account: Account, from_seq: int, at: LogTime) -> bool:
    """Settle the open questions of a gap by a person's decision; return True if there were any.

    A missing order stays missing: requests for the order go on.
    """
    coverage = account.coverage
    latest = coverage.backfill
    candidates = [*coverage.open_backfills]
    if latest is not None and not latest.in_progress:
        candidates.append(latest)
    matching = (backfill for backfill in candidates if backfill.from_seq == from_seq and backfill.open)
    backfill = next(matching, None)
    if backfill is None:
        return False
    _record(ledger, account, msgspec.structs.replace(backfill, state="whole", open=(), ended_seq=at.seq))
    coverage.set_backfill(latest if latest is not None and latest.from_seq != from_seq else None)
    if coverage.backfill is None:
        coverage.set_unread({})
    coverage.set_open_backfills(_others(account, from_seq))
    _make_up(ledger, account, backfill)
    return True


def expire_backfill(ledger: Ledger, account: Account, at: LogTime) -> None:
    """Finish a backfill that has lasted too long, with an open question."""
    backfill = account.coverage.backfill
    if backfill is None or not backfill.in_progress or backfill.until_us is None:
        return
    if at.us - backfill.until_us > BACKFILL_TIMEOUT_US:
        gave_up = f"catching up did not come to an end within {BACKFILL_TIMEOUT_US // 1_000_000} s"
        finish_backfill(ledger, account, at, gave_up=gave_up)


def open_questions(account: Account, backfill: Backfill) -> list[str]:
    """Return the open questions after a gap, in words."""
    missing = account.coverage.missing_orders
    questions = [f"order {key}: {_why(order)}" for key, order in islice(missing.items(), MAX_QUESTIONS)]
    if len(missing) > MAX_QUESTIONS:
        questions.append(f"and {len(missing) - MAX_QUESTIONS} more")
    questions += [f"{name} could not be read: {why}" for name, why in account.coverage.unread_lists.items()]
    if backfill.history == "off":
        questions.append(NOT_READ)
    elif backfill.history == "not configured":
        questions.append(NOT_CONFIGURED)
    elif backfill.history == "failed":
        questions.append("orders born and finished inside may be missing: the order history could not be read")
    if questions and account.coverage.refused_events:
        questions.append(_refused_question(list(account.coverage.refused_events)))
    return questions


def _refused_question(refused: list[int]) -> str:
    named = ", ".join(str(seq) for seq in refused[:MAX_NAMED_EVENTS])
    more = f" and {len(refused) - MAX_NAMED_EVENTS} more" if len(refused) > MAX_NAMED_EVENTS else ""
    return f"refused {'event' if len(refused) == 1 else 'events'} {named}{more}: what was in it is not known"


def _why(missing: MissingOrder) -> str:
    if missing.client_order_id is None:
        return "it has no client order id, by which alone the EMS can be asked"
    if missing.askable_id is None:
        return "its client order id is too long to be kept, so the EMS cannot be asked by it"
    return missing.why or "it was not asked for"


def _others(account: Account, from_seq: int) -> list[Backfill]:
    return [backfill for backfill in account.coverage.open_backfills if backfill.from_seq != from_seq]


def _conclude(ledger: Ledger, account: Account, backfill: Backfill, at: LogTime, gave_up: str) -> None:
    coverage = account.coverage
    questions = [gave_up] if gave_up else []
    questions += open_questions(account, backfill)
    state: BackfillState = "open" if questions else "whole"
    ended = msgspec.structs.replace(backfill, state=state, open=tuple(questions), ended_seq=at.seq)
    _record(ledger, account, ended)
    others = _others(account, backfill.from_seq)
    coverage.set_open_backfills([*others, ended][-MAX_OPEN_BACKFILLS:] if questions else others)
    if not questions:
        _make_up(ledger, account, backfill)
    if not coverage.missing_orders and not coverage.unread_lists and backfill.history != "failed":
        coverage.set_backfill(None)  # no request is left to send


def _make_up(ledger: Ledger, account: Account, backfill: Backfill) -> None:
    """Note that a gap is whole or settled: it makes up for the refused events that no other gap holds."""
    coverage = account.coverage
    if not coverage.refused_events:
        return
    left = {
        seq: covered_seq
        for seq, covered_seq in coverage.refused_events.items()
        if covered_seq > (backfill.until_seq or 0)
        or any(gap.from_seq <= covered_seq <= (gap.until_seq or covered_seq) for gap in coverage.open_backfills)
    }
    coverage.set_refused(left)
    if not left:
        for state in ledger.units_of(account.name):
            withhold(ledger, state, REFUSED_EVENT, on=False)
    ledger.mark_changed(account)


def _resume(ledger: Ledger, account: Account, at: LogTime) -> None:
    """Resume comparison; pending cash of contracts is realised now that the order of fills is final."""
    for state in sorted(ledger.units_of(account.name), key=lambda state: state.key):
        if state.unit.kind == "contract" and state.unit.contract.pending_trades:
            realise_trades(ledger, account, state, at)
    ledger.effects.resumed.append(account.name)


def _record(ledger: Ledger, account: Account, backfill: Backfill) -> None:
    account.coverage.set_backfill(backfill)
    ledger.changes.backfills.append(backfill)
    ledger.mark_changed(account)
