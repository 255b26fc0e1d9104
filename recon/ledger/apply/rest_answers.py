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
from recon.ledger.apply.balances import take_balances
from recon.ledger.apply.execution_reports import take_reports
from recon.ledger.apply.positions import take_positions
from recon.ledger.ledger import Book
from recon.times import LogTime

#: What is held counts as told now where its answer took at most this part of a settlement window.
SLOW: Final = 2


class Run(msgspec.Struct, frozen=True):
    """The payload of catch_up.begun and catch_up.ended, as far as the books read it: accounts and their stretches.

    Of each account the log position at which it was heard again after the stretch that was asked about.
    """

    run: str
    accounts: dict[str, int] = {}


def begun(book: Book, note: Run) -> None:
    """Note that a run of questions begins."""
    book.clock.run, book.clock.answers = note.run, 0
    for account in _accounts(book, note):
        gaps.begin(book, account)


def ended(book: Book, note: Run, at: LogTime) -> None:
    """Judge the accounts of a run by what it brought; such as were lost again meanwhile go on waiting."""
    for account in _accounts(book, note):
        gaps.end(book, account, at)


def _accounts(book: Book, note: Run) -> list[Account]:
    known = [(book.accounts[name], until) for name, until in note.accounts.items() if name in book.accounts]
    return [account for account, until in known if account.lost is not None and account.lost.until_seq == until]


def take_answer(book: Book, answered: DecodedResponse, at: LogTime) -> None:
    """Take one answer, whatever it is."""
    ask = answered.request
    if answered.run == book.clock.run:
        book.clock.answers += 1
    for found in answered.findings:
        book.find(ask.account, at, found.kind, found.about, found.message)
    about = [account for account in book.accounts.values() if ask.kind == "history" or account.name == ask.account]
    before = {account.name: len(account.unaccounted) for account in about}
    for message in answered.messages:
        _take(book, message, at)
    if answered.outcome != "answered":
        _note_failure(book, answered, about, at)
    elif not answered.complete and ask.kind in {"history", "orders"}:
        part = msgspec.structs.replace(answered, outcome="failed", why="the answer could be read in part only")
        _note_failure(book, part, about, at)
    elif ask.kind == "history" and ask.from_us is not None and ask.until_us is not None:
        for account in about:
            # The order log is dated by the EMS's clock: what was read of it is less by ours.
            from_us, until_us = ask.from_us + max(account.skew_us, 0), ask.until_us - max(-account.skew_us, 0)
            gaps.read_history(book, account, from_us, min(until_us, at.us))
    elif ask.kind in gaps.LISTS:
        for account in about:
            gaps.read(book, account, ask.kind, None)
    elif ask.kind == "status":
        _note_another(book, ask, about)
    for account in about:
        _count(book, account, before[account.name], at)


def _take(book: Book, message: Message, at: LogTime) -> None:
    account = book.accounts.get(message.account or "")
    if account is None:
        book.find(None, at, "unknown_account", message.account or "", "an answer tells of an account never heard of")
        return
    current = SLOW * book.behind_us <= book.rules_of(account.name).settlement_window_us
    match message:
        case OrderReports():
            take_reports(book, message, account, at)
        case Balances() if current:
            take_balances(book, message, account, at)
        case Positions() if current:
            take_positions(book, message, account, at)
        case _:
            pass


def _note_failure(book: Book, answered: DecodedResponse, about: list[Account], at: LogTime) -> None:
    ask = answered.request
    named = ask.client_order_id or ""
    if answered.outcome == "failed":
        book.find(ask.account, at, "rest_failed", named or ask.kind, f"{ask.kind} could not be read: {answered.why}")
    for account in about:
        if ask.kind == "history":
            gaps.without_history(book, account, configured=answered.outcome != "not configured")
        elif ask.kind == "status" and ask.order in account.unaccounted:
            missing = msgspec.structs.replace(account.unaccounted[ask.order], why=answered.why)
            account.unaccounted = {**account.unaccounted, ask.order: missing}
            book.touch(account)
        elif ask.kind in gaps.LISTS:
            gaps.read(book, account, ask.kind, answered.why)


def _note_another(book: Book, ask: RestRequest, about: list[Account]) -> None:
    """Say of an order that is still missing after an answer that the answer was of another one."""
    for account in about:
        missing = account.unaccounted.get(ask.order or "")
        if missing is not None and not missing.why:
            told = msgspec.structs.replace(missing, why="the EMS tells of another order with that client order id")
            account.unaccounted = {**account.unaccounted, ask.order or "": told}
            book.touch(account)


def _count(book: Book, account: Account, missing: int, at: LogTime) -> None:
    orders = [order for order in book.changes.orders.values() if order.account == account.name]
    fills = sum(fill.seq == at.seq and fill.order.account == account.name for fill in book.changes.fills)
    if fills:
        account.fetched_seq = at.seq
        book.touch(account)
    settled, found = max(missing - len(account.unaccounted), 0), sum(order.first_seq == at.seq for order in orders)
    gaps.count(book, account, settled=settled, found=found, fills=fills)
