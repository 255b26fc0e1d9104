"""What is to be asked, of whom, and when. Pure (architecture 4, protocol 11).

1. An account that was lost and is heard again is caught up with at once; several together in one run, for the order
   history is of the whole gateway.
2. What stays open is asked for again, ever more seldom, up to RETRY_LAST_US.
3. A run asks at most MAX_STATUS_ASKS orders and MAX_WINDOWS windows; what is left over is asked for in the next one.
4. Nothing is asked of an account that is not observed: its answers could not be told from what comes after.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from recon.backfill.view import AccountView, BackfillView
from recon.ems.protocol.rest_requests import RestRequest
from recon.ledger.gaps import MARGIN_US

#: Accounts come back one after the other: so long after the first they are waited for.
GATHER_US: Final = 1_000_000
#: How long after a stretch the order log is read at the earliest: what happened is logged a little later.
HISTORY_SETTLES_US: Final = 5_000_000
#: Pauses between two runs for the same open questions, doubled from the first to the last.
RETRY_FIRST_US: Final = 60_000_000
RETRY_LAST_US: Final = 3_600_000_000
#: Orders asked for one by one in a run.
MAX_STATUS_ASKS: Final = 200
#: Windows of the order history in a run, and the shortest that one is split to where an answer is too large.
MAX_WINDOWS: Final = 100
WINDOW_US: Final = 3_600_000_000
MIN_WINDOW_US: Final = 1_000_000

RunReason = Literal["gap", "open questions", "second look", "cross-check"]


class BackfillRun(msgspec.Struct, frozen=True):
    """One run of questions: why, and about which accounts; `until` tells the stretches that it may end."""

    why: RunReason
    accounts: tuple[str, ...]
    #: Of each account that was lost, the log position at which it was heard again.
    until: Mapping[str, int] = {}


class RetryState(msgspec.Struct, frozen=True):
    """When an account is asked about again, in microseconds since the epoch, and the pause before that.

    `until` tells the stretch that was asked about; another one is asked about at once.
    """

    at_us: int
    pause_us: int
    until: int | None = None


def next_run(
    situation: BackfillView, now_us: int, retries: Mapping[str, RetryState], cross_check_us: int | None
) -> BackfillRun | None:
    """Return what to ask now, None while there is nothing; `cross_check_us` is when the next one is due."""
    if not situation.recovery.enabled:
        return None
    observed = [each for each in situation.accounts if each.observed]
    back = [each for each in observed if each.lost is not None and each.lost.state == "waiting"]
    back = [each for each in back if _is_due(each, now_us, retries)]
    if back:  # nothing else before that
        return _run("gap", back) if any(now_us >= _heard_us(each) + GATHER_US for each in back) else None
    begun = [each for each in observed if each.lost is not None and each.lost.state == "running"]
    waiting = [each for each in (*begun, *_open(observed)) if _is_due(each, now_us, retries)]
    if waiting:
        return _run("open questions", waiting)
    again = [each for each in observed if each.look_again_us is not None and each.lost is None]
    lagging = [each for each in again if now_us >= (each.look_again_us or 0) + MARGIN_US]
    lagging = [each for each in lagging if _is_due(each, now_us, retries)]
    if lagging and situation.recovery.history:
        return BackfillRun("second look", tuple(each.account for each in lagging))
    if cross_check_us is not None and now_us >= cross_check_us and observed:
        return BackfillRun("cross-check", tuple(each.account for each in observed))
    return None


def _open(observed: Iterable[AccountView]) -> list[AccountView]:
    """Return whose catch-up ended with open questions, and who misses orders without any gap."""
    return [
        each
        for each in observed
        if each.missing or each.lost is not None
        if each.lost is None or not each.lost.in_progress
    ]


def _run(why: RunReason, accounts: Sequence[AccountView]) -> BackfillRun:
    until = {
        each.account: each.lost.until_seq
        for each in accounts
        if each.lost is not None and each.lost.until_seq is not None
    }
    return BackfillRun(why, tuple(each.account for each in accounts), until)


def _heard_us(standing: AccountView) -> int:
    lost = standing.lost
    return 0 if lost is None or lost.until_us is None else lost.until_us


def _is_due(standing: AccountView, now_us: int, retries: Mapping[str, RetryState]) -> bool:
    known = retries.get(standing.account)
    until = None if standing.lost is None else standing.lost.until_seq
    return known is None or known.until != until or now_us >= known.at_us


def retry_after(known: RetryState | None, now_us: int, until: int | None = None) -> RetryState:
    """Return when to ask about a stretch again, should the run that begins now leave something open."""
    again = known is not None and known.until == until
    pause = min(2 * known.pause_us, RETRY_LAST_US) if again and known is not None else RETRY_FIRST_US
    return RetryState(now_us + pause, pause, until)


def snapshots(accounts: Iterable[str]) -> list[RestRequest]:
    """Ask which orders are open now: those that were and are not, are missing."""
    return [RestRequest(kind="orders", account=account) for account in accounts]


def statuses(situation: BackfillView, accounts: Iterable[str]) -> list[RestRequest]:
    """Ask what became of each missing order; one that has no client id cannot be asked for."""
    asks: list[RestRequest] = []
    for account in accounts:
        standing = situation.of(account)
        for key, missing in ({} if standing is None else standing.missing).items():
            if missing.client_order_id is not None:
                asks.append(
                    RestRequest(kind="status", account=account, order=key, client_order_id=missing.client_order_id)
                )
    # Those never asked for go first, so that each gets its turn.
    asks.sort(key=lambda ask: bool(_said(situation, ask)))
    return asks[:MAX_STATUS_ASKS]


def _said(situation: BackfillView, ask: RestRequest) -> str:
    standing = situation.of(ask.account or "")
    missing = None if standing is None else standing.missing.get(ask.order or "")
    return "" if missing is None else missing.why


def history_span(situation: BackfillView, run: BackfillRun, now_us: int) -> tuple[int, int] | None:
    """Return from when until when the order log is to be read for a run, None where it need not be."""
    if not situation.recovery.history:
        return None
    spans = []
    for account in run.accounts:
        standing = situation.of(account)
        if standing is None:
            continue
        lost = standing.lost
        if lost is not None and lost.until_us is not None and lost.history in {"wanted", "failed"}:
            spans.append(_by_both(standing, standing.history_us, min(now_us, lost.until_us + MARGIN_US)))
        elif run.why == "second look" and standing.look_again_us is not None:
            spans.append(_by_both(standing, standing.look_again_us - MARGIN_US, standing.look_again_us + MARGIN_US))
    if not spans:
        return None
    return min(begin for begin, _ in spans), max(end for _, end in spans)


def _by_both(standing: AccountView, begin_us: int, end_us: int) -> tuple[int, int]:
    """Widen a time to what it is by our clock and by the EMS's, which dates the order log."""
    return begin_us - max(standing.skew_us, 0), end_us + max(-standing.skew_us, 0)


def history_ready_us(situation: BackfillView, run: BackfillRun) -> int:
    """Return from when on the order log may be read for a run."""
    ends = [_heard_us(each) for each in situation.accounts if each.account in run.until]
    return max(ends, default=0) + HISTORY_SETTLES_US


def windows(begin_us: int, end_us: int) -> list[tuple[int, int]]:
    """Cut a time into windows of an hour, or longer ones where there would be more than MAX_WINDOWS."""
    step = max(WINDOW_US, -(-(end_us - begin_us) // MAX_WINDOWS))
    return [(start, min(start + step, end_us)) for start in range(begin_us, end_us, step)]


def halves(ask: RestRequest) -> list[RestRequest]:
    """Cut a window whose answer is too large in two; none where it is as short as can be."""
    begin, end = ask.from_us or 0, ask.until_us or 0
    if end - begin < 2 * MIN_WINDOW_US:
        return []
    middle = (begin + end) // 2
    return [
        msgspec.structs.replace(ask, until_us=middle),
        msgspec.structs.replace(ask, from_us=middle),
    ]


def cross_checks(accounts: Iterable[str]) -> list[RestRequest]:
    """Ask what each account holds, independently of what the WebSocket tells."""
    asks: list[RestRequest] = []
    for account in accounts:
        asks += [RestRequest(kind="balances", account=account), RestRequest(kind="positions", account=account)]
    return asks
