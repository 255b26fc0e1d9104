"""Apply REST answers, asked because of a gap or to cross-check. Pure (architecture 4, protocol 11).

1. An answer is evidence like any frame: execution reports join, balances and positions are observations; asked twice it
   changes nothing.
   An answer that was long under way tells of what is past by some unknown time: not of what is held now.
2. It is no sign of life of an account: coverage is of the WebSocket.
3. What was not answered as asked becomes an open question, never a silence.
"""

from __future__ import annotations

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

#: What is held counts as told now where its answer took at most this part of a settlement window.
MAX_AGE_SHARE: Final = 2


class BackfillRun(msgspec.Struct, frozen=True):
    """The payload of catch_up.begun and catch_up.ended, as far as the books read it: accounts and their stretches.

    Of each account the log position at which it was heard again after the stretch that was asked about.
    """

    run: str
    accounts: dict[str, int] = {}


def backfill_begun(ledger: Ledger, note: BackfillRun) -> None:
    """Note that a run of questions begins."""
    ledger.clock.backfill_run, ledger.clock.backfill_answers = note.run, 0
    for account in _accounts(ledger, note):
        gaps.start_backfill(ledger, account)


def backfill_ended(ledger: Ledger, note: BackfillRun, at: LogTime) -> None:
    """Judge the accounts of a run by what it brought; such as were lost again meanwhile go on waiting."""
    for account in _accounts(ledger, note):
        gaps.finish_backfill(ledger, account, at)


def _accounts(ledger: Ledger, note: BackfillRun) -> list[Account]:
    known = [(ledger.accounts[name], until) for name, until in note.accounts.items() if name in ledger.accounts]
    return [
        account
        for account, until in known
        if account.coverage.backfill is not None and account.coverage.backfill.until_seq == until
    ]


def apply_answer(ledger: Ledger, answered: DecodedResponse, at: LogTime) -> None:
    """Take one answer, whatever it is."""
    ask = answered.request
    if answered.run == ledger.clock.backfill_run:
        ledger.clock.backfill_answers += 1
    for found in answered.findings:
        ledger.note_finding(ask.account, at, found.kind, found.about, found.message)
    about = [account for account in ledger.accounts.values() if ask.kind == "history" or account.name == ask.account]
    before = {account.name: len(account.coverage.missing_orders) for account in about}
    for message in answered.messages:
        _apply_message(ledger, message, at)
    if answered.outcome != "answered":
        _note_failure(ledger, answered, about, at)
    elif not answered.complete and ask.kind in {"history", "orders"}:
        part = msgspec.structs.replace(answered, outcome="failed", why="the answer could be read in part only")
        _note_failure(ledger, part, about, at)
    elif ask.kind == "history" and ask.from_us is not None and ask.until_us is not None:
        for account in about:
            # The order log is dated by the EMS's clock: what was read of it is less by ours.
            from_us, until_us = (
                ask.from_us + max(account.liveness.skew_us, 0),
                ask.until_us - max(-account.liveness.skew_us, 0),
            )
            gaps.note_history_read(ledger, account, from_us, min(until_us, at.us))
    elif ask.kind in gaps.LISTS:
        for account in about:
            gaps.note_list_read(ledger, account, ask.kind, None)
    elif ask.kind == "status":
        _note_another(ledger, ask, about)
    for account in about:
        _count(ledger, account, before[account.name], at)


def _apply_message(ledger: Ledger, message: Message, at: LogTime) -> None:
    account = ledger.accounts.get(message.account or "")
    if account is None:
        ledger.note_finding(
            None, at, "unknown_account", message.account or "", "an answer tells of an account never heard of"
        )
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


def _note_failure(ledger: Ledger, answered: DecodedResponse, about: list[Account], at: LogTime) -> None:
    ask = answered.request
    named = ask.client_order_id or ""
    if answered.outcome == "failed":
        ledger.note_finding(
            ask.account, at, "rest_failed", named or ask.kind, f"{ask.kind} could not be read: {answered.why}"
        )
    for account in about:
        if ask.kind == "history":
            gaps.note_history_unavailable(ledger, account, configured=answered.outcome != "not configured")
        elif ask.kind == "status" and ask.order in account.coverage.missing_orders:
            missing = msgspec.structs.replace(account.coverage.missing_orders[ask.order], why=answered.why)
            account.coverage.set_missing(ask.order, missing)
            ledger.mark_changed(account)
        elif ask.kind in gaps.LISTS:
            gaps.note_list_read(ledger, account, ask.kind, answered.why)


def _note_another(ledger: Ledger, ask: RestRequest, about: list[Account]) -> None:
    """Say of an order that is still missing after an answer that the answer was of another one."""
    for account in about:
        missing = account.coverage.missing_orders.get(ask.order or "")
        if missing is not None and not missing.why:
            told = msgspec.structs.replace(missing, why="the EMS tells of another order with that client order id")
            account.coverage.set_missing(ask.order or "", told)
            ledger.mark_changed(account)


def _count(ledger: Ledger, account: Account, missing: int, at: LogTime) -> None:
    orders = [order for order in ledger.changes.orders.values() if order.account == account.name]
    fills = sum(fill.seq == at.seq and fill.order.account == account.name for fill in ledger.changes.fills)
    if fills:
        account.coverage.note_fetched_fill(at.seq)
        ledger.mark_changed(account)
    settled, found = (
        max(missing - len(account.coverage.missing_orders), 0),
        sum(order.reported.first_seq == at.seq for order in orders),
    )
    gaps.count_request(ledger, account, settled=settled, found=found, fills=fills)
