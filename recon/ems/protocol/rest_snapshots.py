"""The lists of `/v1/orders`, `/v1/balances` and `/v1/positions`, as snapshots by account (protocol 11 and 16). Pure.

1. Rows come flat or in groups of an account, also mixed. A report counts for the account that it names itself, every
   other row for that of its group.
2. An answer that was filtered by account says all there is of that account alone: rows of others are taken as they are,
   and absence from them means nothing.
3. What belongs to nobody may belong to any account: then no account's list is complete.
4. Many accounts never hold a position: that the answer tells none of the one asked for is no statement, but nothing to
   look into either. Every account has balances.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from msgspec import Raw

from recon.ems.protocol.decode import decode, usable_account
from recon.ems.protocol.fields import Field, Findings, RawMembers, array_elements, object_members, string
from recon.ems.protocol.messages import (
    BALANCE_SNAPSHOT,
    ORDER_EXEC_REPORT_SNAPSHOT,
    POSITION_SNAPSHOT,
    Balances,
    OrderReports,
    Positions,
)

#: Most accounts that a finding names.
MAX_NAMED: Final = 5

SnapshotMessage: TypeAlias = OrderReports | Balances | Positions

_TYPES: Final = {"orders": ORDER_EXEC_REPORT_SNAPSHOT, "balances": BALANCE_SNAPSHOT, "positions": POSITION_SNAPSHOT}


def read_snapshots(
    what: str, asked: str | None, body: bytes, findings: Findings
) -> tuple[tuple[SnapshotMessage, ...], bool] | None:
    """Read `orders`, `balances` or `positions`, filtered by the account that was asked for; None if they are no list.

    The second value tells whether all was understood, and says all there is of the account that was asked for.
    """
    listed = array_elements(body)
    if listed is None:
        return None
    gathered = _RowsByAccount(what, findings)
    for item in listed:
        gathered.add(bytes(item))
    messages = gathered.messages(asked)
    meant = [message.complete for message in messages if asked in {None, message.account}]
    understood = not gathered.strays and all(meant)
    return messages, understood and (asked is None or bool(meant))


class _RowsByAccount:
    """The rows of one answer by account."""

    def __init__(self, what: str, findings: Findings) -> None:
        #: Whether something belongs to nobody.
        self.strays = False
        self._what = what
        self._findings = findings
        self._rows: dict[str, list[Raw]] = {}
        self._incomplete: set[str] = set()

    def add(self, item: bytes) -> None:
        """Take one element: a row, or a group of rows under `data`."""
        members = object_members(item)
        if members is None:
            self._stray("row", "is not an object")
            return
        account = _account_of(members)
        data = members.get("data")
        if data is None:
            self._place(Raw(item), account)
            return
        if account is not None:
            self._rows.setdefault(account, [])
        for row in self._group(bytes(data), account):
            self._place(row, self._owner(bytes(row), account))

    def messages(self, asked: str | None) -> tuple[SnapshotMessage, ...]:
        """Return what came of each account. An empty list of open orders is an answer: there are none."""
        made = [self._message(account, rows, asked) for account, rows in self._rows.items()]
        if asked is None:
            return tuple(made)
        others = sorted(account for account in self._rows if account != asked)
        if others:
            more = f" and {len(others) - MAX_NAMED} more" if len(others) > MAX_NAMED else ""
            told = ", ".join(others[:MAX_NAMED]) + more
            self._odd("account", f"{asked} was asked for, and the answer also tells of {told}")
        if self._what == "orders" and not self._rows and not self.strays:
            made.append(OrderReports(asked, (), snapshot=True, complete=True))
        elif asked not in self._rows and (self._what != "positions" or self.strays or others):
            self._odd("account", f"the answer tells nothing of {asked}, which was asked for")
        return tuple(made)

    def _message(self, account: str, rows: list[Raw], asked: str | None) -> SnapshotMessage:
        wrapped = {"type": _TYPES[self._what], "exchange_id": account, "data": rows}
        decoded = decode(msgspec.json.encode(wrapped))
        for found in decoded.findings:
            self._findings.add(found.kind, found.about, found.message)
        message = decoded.message
        assert isinstance(message, OrderReports | Balances | Positions)  # noqa: S101  # its type is given above
        sound = message.complete and account not in self._incomplete and not self.strays
        return msgspec.structs.replace(message, complete=sound and asked in {None, account})

    def _group(self, data: bytes, account: str | None) -> list[Raw]:
        """Return the rows under `data`; a list that is none makes its account's incomplete."""
        listed = array_elements(data)
        if listed is not None:
            return listed
        if account is None:
            self.strays = True
        else:
            self._incomplete.add(account)
        single = object_members(data) is not None
        what = "one row instead of a list" if single else "null" if data == b"null" else "not a list"
        self._odd("data", f"data of {account} is {what}; it is taken as incomplete")
        return [Raw(data)] if single else []

    def _owner(self, row: bytes, group: str | None) -> str | None:
        if self._what != "orders":
            return group
        own = _account_of(object_members(row) or {})
        if own is not None and group is not None and own != group:
            self._odd("account", f"a report says {own} within a group of {group}; its own counts")
        return own or group

    def _place(self, row: Raw, account: str | None) -> None:
        if account is None:
            self._stray("account", "names no exchange_id that can be used")
        else:
            self._rows.setdefault(account, []).append(row)

    def _stray(self, kind: str, why: str) -> None:
        self.strays = True
        self._odd(kind, f"an element {why}; it is left out, and the answer is incomplete")

    def _odd(self, kind: str, what: str) -> None:
        self._findings.add(kind, self._what, what)


def _account_of(members: RawMembers) -> str | None:
    raw = members.get("exchange_id")
    return None if raw is None else usable_account(string(bytes(raw), Field("", "exchange_id", Findings())))
