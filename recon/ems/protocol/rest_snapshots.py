"""The lists of `/v1/orders`, `/v1/balances` and `/v1/positions`, as snapshots by account (protocol 11 and 16). Pure.

1. Rows come flat or in groups by account, also mixed. A report belongs to the account that it names itself, every
   other row to the account of its group.
2. A response filtered by account is complete for that account only. Rows of other accounts are used, but a row missing
   from them means nothing.
3. A row without an account may belong to any account: then no account's list is complete.
4. Many accounts never hold a position. A response without positions of the requested account is therefore not complete,
   but no finding either. Every account has balances.
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
    kind: str, requested: str | None, body: bytes, findings: Findings
) -> tuple[tuple[SnapshotMessage, ...], bool] | None:
    """Read `orders`, `balances` or `positions`, filtered by the requested account; None if they are not a list.

    The second value is true if everything was understood and lists all of the requested account.
    """
    listed = array_elements(body)
    if listed is None:
        return None
    rows = _RowsByAccount(kind, findings)
    for item in listed:
        rows.add(bytes(item))
    messages = rows.messages(requested)
    complete = [message.complete for message in messages if requested in {None, message.account}]
    understood = not rows.has_strays and all(complete)
    return messages, understood and (requested is None or bool(complete))


class _RowsByAccount:
    """The rows of one response by account."""

    def __init__(self, kind: str, findings: Findings) -> None:
        #: Whether some row belongs to no account.
        self.has_strays = False
        self._kind = kind
        self._findings = findings
        self._rows: dict[str, list[Raw]] = {}
        self._incomplete: set[str] = set()

    def add(self, item: bytes) -> None:
        """Add one element: a row, or a group of rows under `data`."""
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
        for row in self._group_rows(bytes(data), account):
            self._place(row, self._owner(bytes(row), account))

    def messages(self, requested: str | None) -> tuple[SnapshotMessage, ...]:
        """Return a snapshot of each account. An empty list of open orders counts: there are none."""
        made = [self._message(account, rows, requested) for account, rows in self._rows.items()]
        if requested is None:
            return tuple(made)
        others = sorted(account for account in self._rows if account != requested)
        if others:
            more = f" and {len(others) - MAX_NAMED} more" if len(others) > MAX_NAMED else ""
            names = ", ".join(others[:MAX_NAMED]) + more
            self._note("account", f"{requested} was asked for, and the answer also names {names}")
        if self._kind == "orders" and not self._rows and not self.has_strays:
            made.append(OrderReports(requested, (), snapshot=True, complete=True))
        elif requested not in self._rows and (self._kind != "positions" or self.has_strays or others):
            self._note("account", f"the answer lacks {requested}, which was asked for")
        return tuple(made)

    def _message(self, account: str, rows: list[Raw], requested: str | None) -> SnapshotMessage:
        wrapped = {"type": _TYPES[self._kind], "exchange_id": account, "data": rows}
        decoded = decode(msgspec.json.encode(wrapped))
        for finding in decoded.findings:
            self._findings.add(finding.kind, finding.about, finding.message)
        message = decoded.message
        assert isinstance(message, OrderReports | Balances | Positions)  # noqa: S101  # its type is given above
        sound = message.complete and account not in self._incomplete and not self.has_strays
        return msgspec.structs.replace(message, complete=sound and requested in {None, account})

    def _group_rows(self, data: bytes, account: str | None) -> list[Raw]:
        """Return the rows under `data`; anything but a list makes its account incomplete."""
        listed = array_elements(data)
        if listed is not None:
            return listed
        if account is None:
            self.has_strays = True
        else:
            self._incomplete.add(account)
        single = object_members(data) is not None
        what = "one row instead of a list" if single else "null" if data == b"null" else "not a list"
        self._note("data", f"data of {account} is {what}; it is taken as incomplete")
        return [Raw(data)] if single else []

    def _owner(self, row: bytes, group: str | None) -> str | None:
        if self._kind != "orders":
            return group
        named = _account_of(object_members(row) or {})
        if named is not None and group is not None and named != group:
            self._note("account", f"a report says {named} within a group of {group}; its own counts")
        return named or group

    def _place(self, row: Raw, account: str | None) -> None:
        if account is None:
            self._stray("account", "names no exchange_id that can be used")
        else:
            self._rows.setdefault(account, []).append(row)

    def _stray(self, kind: str, why: str) -> None:
        self.has_strays = True
        self._note(kind, f"an element {why}; it is left out, and the answer is incomplete")

    def _note(self, kind: str, text: str) -> None:
        self._findings.add(kind, self._kind, text)


def _account_of(members: RawMembers) -> str | None:
    raw = members.get("exchange_id")
    return None if raw is None else usable_account(string(bytes(raw), Field("", "exchange_id", Findings())))
