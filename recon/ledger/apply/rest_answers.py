"""Apply REST answers, asked because of a gap or to cross-check. Pure (architecture 4, protocol 11).

1. An answer is evidence like any frame: execution reports join, balances and positions are observations. A repeated
   answer changes nothing.
2. A slow answer shows balances and positions of an unknown moment, so they are not observations of now.
3. An answer is no sign of life of an account: coverage is of the WebSocket.
4. A failed request, or an answer in part, becomes an open question.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Final

import msgspec

from recon.ems.protocol.messages import Balances, Message, OrderReports, Positions
from recon.ems.protocol.rest_requests import DecodedResponse, RestRequest
from recon.ledger import gaps
from recon.ledger.account import Account
from recon.ledger.apply.balances import apply_balances
from recon.ledger.apply.execution_reports import apply_reports
from recon.ledger.apply.positions import apply_positions
from recon.ledger.ledger import Ledger
from recon.times import LogTime

#: Balances count as current where their answer took at most this part (1/n) of a settlement window.
MAX_AGE_SHARE: Final = 2


class BackfillRun(msgspec.Struct, frozen=True):
    """The payload of catch_up.begun and catch_up.ended, as far as the ledger reads the payload.

    `accounts` maps the name of an account to the log position at which the gap ended.
    """

    run: str
    accounts: dict[str, int] = {}


def backfill_begun(ledger: Ledger, note: BackfillRun) -> None:
    """Note that a run of requests begins."""
    ledger.clock.backfill_run, ledger.clock.backfill_answers = note.run, 0
    for account in _accounts(ledger, note):
        gaps.start_backfill(ledger, account)


def backfill_ended(ledger: Ledger, note: BackfillRun, at: LogTime) -> None:
    """Finish the backfill of a run's accounts; an account disconnected again during the run keeps waiting."""
    for account in _accounts(ledger, note):
        gaps.finish_backfill(ledger, account, at)


def _accounts(ledger: Ledger, note: BackfillRun) -> list[Account]:
    accounts = [(ledger.accounts[name], until) for name, until in note.accounts.items() if name in ledger.accounts]
    return [
        account
        for account, until in accounts
        if account.coverage.backfill is not None and account.coverage.backfill.until_seq == until
    ]


def apply_answer(ledger: Ledger, answer: DecodedResponse, at: LogTime) -> None:
    """Apply an answer: its messages, what the answer proves about gaps, and its count."""
    request = answer.request
    if answer.run == ledger.clock.backfill_run:
        ledger.clock.backfill_answers += 1
    for finding in answer.findings:
        ledger.note_finding(request.account, at, finding.kind, finding.about, finding.message)
    asked = ledger.accounts if request.kind == "history" else {request.account or "": None}
    accounts = [ledger.accounts[name] for name in asked if name in ledger.accounts]
    fills_before, orders_before = len(ledger.changes.fills), len(ledger.changes.orders)
    missing_before = {account.name: len(account.coverage.missing_orders) for account in accounts}
    for message in answer.messages:
        _apply_message(ledger, message, at)
    if answer.outcome != "answered":
        _note_failure(ledger, answer, accounts, at)
    elif not answer.complete and request.kind in {"history", "orders"}:
        part = msgspec.structs.replace(answer, outcome="failed", why="the answer could be read in part only")
        _note_failure(ledger, part, accounts, at)
    else:
        _note_success(ledger, request, accounts, at)
    fills = Counter(booked.order.account for booked in ledger.changes.fills[fills_before:])
    changed = islice(reversed(ledger.changes.orders.values()), len(ledger.changes.orders) - orders_before)
    new_orders = Counter(order.account for order in changed if order.reported.first_seq == at.seq)
    for account in accounts:
        settled = max(missing_before[account.name] - len(account.coverage.missing_orders), 0)
        _count(ledger, account, at, settled=settled, new_orders=new_orders[account.name], fills=fills[account.name])


def _note_success(ledger: Ledger, request: RestRequest, accounts: list[Account], at: LogTime) -> None:
    for account in accounts:
        if request.kind == "history" and request.from_us is not None and request.until_us is not None:
            # The EMS's clock dates the order log: by our clock the part read is shorter by the skew.
            from_us = request.from_us + max(account.liveness.skew_us, 0)
            until_us = request.until_us - max(-account.liveness.skew_us, 0)
            written_us = at.us - ledger.event.answer_age_us - gaps.HISTORY_WRITTEN_US
            gaps.note_history_read(ledger, account, from_us, until_us, written_us)
        elif request.kind in gaps.LISTS:
            gaps.note_list_read(ledger, account, request.kind, None)
        elif request.kind == "status":
            _note_wrong_order(ledger, request, account)


def _apply_message(ledger: Ledger, message: Message, at: LogTime) -> None:
    account = ledger.accounts.get(message.account or "")
    if account is None:
        ledger.note_finding(None, at, "unknown_account", message.account or "", "an answer names an unknown account")
        return
    current = MAX_AGE_SHARE * ledger.event.answer_age_us <= ledger.rules_of(account.name).settlement_window_us
    match message:
        case OrderReports():
            apply_reports(ledger, message, account, at)
        case Balances() if current:
            apply_balances(ledger, message, account, at)
        case Positions() if current:
            apply_positions(ledger, message, account, at)
        case _:
            pass


def _note_failure(ledger: Ledger, answer: DecodedResponse, accounts: list[Account], at: LogTime) -> None:
    request = answer.request
    about = request.client_order_id or request.kind
    if answer.outcome == "failed":
        message = f"{request.kind} could not be read: {answer.why}"
        ledger.note_finding(request.account, at, "rest_failed", about, message)
    for account in accounts:
        if request.kind == "history":
            gaps.note_history_unavailable(ledger, account, configured=answer.outcome != "not configured")
        elif request.kind == "status" and request.order in account.coverage.missing_orders:
            missing = msgspec.structs.replace(account.coverage.missing_orders[request.order], why=answer.why)
            account.coverage.set_missing(request.order, missing)
            ledger.mark_changed(account)
        elif request.kind in gaps.LISTS:
            gaps.note_list_read(ledger, account, request.kind, answer.why)


def _note_wrong_order(ledger: Ledger, request: RestRequest, account: Account) -> None:
    """Note why an order is still missing after an answer: the answer was of another order."""
    missing = account.coverage.missing_orders.get(request.order or "")
    if missing is not None and not missing.why:
        missing = msgspec.structs.replace(missing, why="the EMS reports another order with that client order id")
        account.coverage.set_missing(request.order or "", missing)
        ledger.mark_changed(account)


def _count(ledger: Ledger, account: Account, at: LogTime, *, settled: int, new_orders: int, fills: int) -> None:
    if fills:
        account.coverage.note_fetched_fill(at.seq)
        ledger.mark_changed(account)
    gaps.count_request(ledger, account, settled=settled, new_orders=new_orders, fills=fills)
