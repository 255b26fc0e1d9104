"""Which requests to send, about which accounts, and when. Pure (architecture 4, protocol 11).

1. A gap is backfilled as soon as its account is heard again. Accounts that return together share one run, because the
   order history covers the whole gateway.
2. Requests that left something open are repeated, with pauses that double up to RETRY_LAST_US.
3. One run asks for at most MAX_STATUS_REQUESTS orders and MAX_WINDOWS windows; the next run asks for the rest.
4. No request concerns an account that is not observed: nobody could order its response among the changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from recon.backfill.view import AccountView, BackfillView
from recon.backoff import delay_after
from recon.ems.protocol.rest_requests import RestRequest
from recon.ledger.gaps import HISTORY_WRITTEN_US, MARGIN_US

#: Accounts return one after the other: how long the first one waits for the others.
GATHER_US: Final = 1_000_000
#: How long after a gap the order log is read at the earliest: a second after the EMS has written it.
HISTORY_SETTLES_US: Final = HISTORY_WRITTEN_US + 1_000_000
#: Pauses between two runs for the same open questions, doubled from the first to the last.
RETRY_FIRST_US: Final = 60_000_000
RETRY_LAST_US: Final = 3_600_000_000
#: Most orders that one run asks for one by one.
MAX_STATUS_REQUESTS: Final = 200
#: Most windows of the order history in one run, their length, and the shortest one that a split may give.
MAX_WINDOWS: Final = 100
WINDOW_US: Final = 3_600_000_000
MIN_WINDOW_US: Final = 1_000_000

RunReason = Literal["gap", "open questions", "second look", "cross-check"]


class BackfillRun(msgspec.Struct, frozen=True):
    """One run of requests: its reason and its accounts.

    `until` names the gaps that the run may end: for each account, the log position at which it was heard again.
    """

    why: RunReason
    accounts: tuple[str, ...]
    until: Mapping[str, int] = {}


class RetryState(msgspec.Struct, frozen=True):
    """When to ask about an account again, in microseconds since the epoch, and how many runs were made so far.

    `until` identifies the gap that was asked about; another gap is asked about at once.
    """

    at_us: int
    runs: int
    until: int | None = None


def next_run(
    view: BackfillView, now_us: int, retries: Mapping[str, RetryState], cross_check_us: int | None
) -> BackfillRun | None:
    """Return the run to make now, None if nothing is due; `cross_check_us` is when the next cross-check is due."""
    if not view.rules.enabled:
        return None
    observed = [account for account in view.accounts if account.observed]
    due = [account for account in observed if _is_due(account, now_us, retries)]
    returned = [account for account in due if account.gap is not None and account.gap.state == "waiting"]
    if returned:  # a gap goes before everything else, even while it waits for further accounts
        gathered = any(now_us >= account.gap_closed_us + GATHER_US for account in returned)
        return _run("gap", returned) if gathered else None
    interrupted = [account for account in due if account.gap is not None and account.gap.state == "running"]
    unresolved = [*interrupted, *(account for account in due if _has_open_questions(account))]
    if unresolved:
        return _run("open questions", unresolved)
    second_look = [account for account in due if _needs_second_look(account, now_us)]
    if second_look and view.rules.history:
        return BackfillRun("second look", tuple(account.account for account in second_look))
    if cross_check_us is not None and now_us >= cross_check_us and observed:
        return BackfillRun("cross-check", tuple(account.account for account in observed))
    return None


def _has_open_questions(account: AccountView) -> bool:
    """True if a backfill ended with open questions, or orders are missing without any gap."""
    if account.gap is not None:
        return not account.gap.in_progress
    return bool(account.missing_orders)


def _needs_second_look(account: AccountView, now_us: int) -> bool:
    return account.second_look_us is not None and account.gap is None and now_us >= account.second_look_us + MARGIN_US


def _run(why: RunReason, accounts: Sequence[AccountView]) -> BackfillRun:
    until = {view.account: view.gap_closed_seq for view in accounts if view.gap_closed_seq is not None}
    return BackfillRun(why, tuple(view.account for view in accounts), until)


def _is_due(account: AccountView, now_us: int, retries: Mapping[str, RetryState]) -> bool:
    retry = retries.get(account.account)
    return retry is None or retry.until != account.gap_closed_seq or now_us >= retry.at_us


def schedule_retry(previous: RetryState | None, now_us: int, until: int | None = None) -> RetryState:
    """Return when to ask about the same gap again, should the run that begins now leave something open."""
    runs = previous.runs + 1 if previous is not None and previous.until == until else 1
    pause_us = int(delay_after(runs, first=RETRY_FIRST_US, longest=RETRY_LAST_US))
    return RetryState(now_us + pause_us, runs, until)


def open_orders(accounts: Iterable[str]) -> list[RestRequest]:
    """Ask which orders are open now; an order that was open and is not listed is missing."""
    return [RestRequest(kind="orders", account=account) for account in accounts]


def statuses(view: BackfillView, accounts: Iterable[str]) -> list[RestRequest]:
    """Ask for the status of each missing order that has a usable client order id, orders never asked for first."""
    requests: list[tuple[bool, RestRequest]] = []
    for name in accounts:
        account = view.of(name)
        for key, missing in ({} if account is None else account.missing_orders).items():
            if missing.askable_id is not None:
                request = RestRequest("status", name, order=key, client_order_id=missing.askable_id)
                requests.append((bool(missing.why), request))
    requests.sort(key=lambda entry: entry[0])
    return [request for _, request in requests[:MAX_STATUS_REQUESTS]]


def history_span(view: BackfillView, run: BackfillRun, now_us: int) -> tuple[int, int] | None:
    """Return the time for which a run reads the order log, None if it need not read it."""
    if not view.rules.history:
        return None
    accounts = [account for name in run.accounts if (account := view.of(name)) is not None]
    spans = [span for account in accounts if (span := _account_span(account, run, now_us)) is not None]
    if not spans:
        return None
    return min(begin for begin, _ in spans), max(end for _, end in spans)


def _account_span(account: AccountView, run: BackfillRun, now_us: int) -> tuple[int, int] | None:
    gap = account.gap
    if gap is not None and gap.until_us is not None and gap.history in {"wanted", "failed"}:
        return _by_both_clocks(account, account.history_us, min(now_us, gap.until_us + MARGIN_US))
    if run.why == "second look" and account.second_look_us is not None:
        return _by_both_clocks(account, account.second_look_us - MARGIN_US, account.second_look_us + MARGIN_US)
    return None


def _by_both_clocks(account: AccountView, begin_us: int, end_us: int) -> tuple[int, int]:
    """Widen a span to hold it by our clock and by the EMS's clock, which dates the order log."""
    return begin_us - max(account.skew_us, 0), end_us + max(-account.skew_us, 0)


def history_ready_us(view: BackfillView, run: BackfillRun) -> int:
    """Return the earliest time at which a run may read the order log."""
    ends = [account.gap_closed_us for account in view.accounts if account.account in run.until]
    return max(ends, default=0) + HISTORY_SETTLES_US


def windows(begin_us: int, end_us: int) -> list[tuple[int, int]]:
    """Split a span into windows of an hour, or longer ones if there would be more than MAX_WINDOWS."""
    step = max(WINDOW_US, -(-(end_us - begin_us) // MAX_WINDOWS))
    return [(start, min(start + step, end_us)) for start in range(begin_us, end_us, step)]


def halves(request: RestRequest) -> list[RestRequest]:
    """Split a window whose response is too large in two; empty if the window cannot be shorter."""
    begin, end = request.from_us or 0, request.until_us or 0
    if end - begin < 2 * MIN_WINDOW_US:
        return []
    middle = (begin + end) // 2
    return [
        msgspec.structs.replace(request, until_us=middle),
        msgspec.structs.replace(request, from_us=middle),
    ]


def cross_checks(accounts: Iterable[str]) -> list[RestRequest]:
    """Ask for the balances and positions of each account, independently of the WebSocket."""
    requests: list[RestRequest] = []
    for account in accounts:
        requests += [RestRequest(kind="balances", account=account), RestRequest(kind="positions", account=account)]
    return requests
