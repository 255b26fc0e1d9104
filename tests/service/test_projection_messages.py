"""Lines between the service and the process of a projection: whole whatever the pieces, bounded, without secrets."""

from __future__ import annotations

import pytest

from recon.backfill.view import AccountView, BackfillView
from recon.errors import ProjectionError
from recon.ledger.backfills import Backfill, MissingOrder
from recon.ledger.rules import RecoveryRules
from recon.projection.position import Position
from recon.service.projecting import messages
from recon.service.projecting.changed_views import ViewChanges, WholeView
from recon.service.projecting.messages import (
    Begin,
    Hint,
    Logged,
    Moved,
    Report,
    Stepped,
    line_of,
    lines_of_messages,
    order_of,
    report_of,
)


def account(name: str, skew: int = 0) -> AccountView:
    gap = Backfill(name, 3, 5, "lost", open=("order 'x'\n",))
    return AccountView(
        name,
        observed=True,
        gap=gap,
        missing_orders={"o": MissingOrder("c", 4)},
        history_us=1,
        second_look_us=None,
        skew_us=skew,
    )


def view(seq: int, *accounts: AccountView) -> BackfillView:
    return BackfillView(seq, "run", 2, RecoveryRules(enabled=True), accounts)


REPORTS: tuple[Report, ...] = (
    Moved(Position(7, 8, pending=True)),
    Stepped(5, 1, 2, 0.5, 0.25, view(7, account("A"))),
    Logged(30, "recon.x", "a line\nof two", {"seq": 3, "why": None}),
)


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_messages_come_whole_in_whatever_pieces(size: int) -> None:
    stream = b"".join(line_of(report) for report in REPORTS)
    lines = lines_of_messages()
    taken = [line for at in range(0, len(stream), size) for line in lines.take(stream[at : at + size])]
    assert tuple(map(report_of, taken)) == REPORTS


def test_an_order_comes_back_and_shows_no_secret() -> None:
    begin = Begin("g", "postgresql://u:hidden@h/d", "info", ["hidden"], first=True)
    assert order_of(line_of(begin)[:-1]) == begin
    assert "hidden" not in repr(begin)
    assert order_of(line_of(Hint(None, first=False))[:-1]) == Hint(None, first=False)


@pytest.mark.parametrize("line", [b"", b"hello", b'{"type":"Moved"}', b"\xff"])
def test_what_nobody_understands_is_said_so(line: bytes) -> None:
    with pytest.raises(ProjectionError, match="do not understand each other"):
        report_of(line)
    with pytest.raises(ProjectionError, match="do not understand each other"):
        order_of(line)


def test_a_line_is_bounded_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MAX_LINE_BYTES", 100)
    lines = lines_of_messages()
    assert lines.take(b"x" * 100) == []
    with pytest.raises(ProjectionError, match="longer than"):
        lines.take(b"x")
    with pytest.raises(ProjectionError, match="Logged"):
        line_of(Logged(30, "recon.x", "y" * 100, {}))


def test_views_are_told_by_their_changes_and_are_whole_again() -> None:
    changes, whole = ViewChanges(), WholeView()
    views = [
        view(1, account("A"), account("C")),
        view(2, account("A"), account("C", skew=9)),
        view(3, account("A"), account("B"), account("C", skew=9)),
        view(4, account("A"), account("B"), account("C", skew=9)),
    ]
    told = [changes.of(each) for each in views]
    assert [[row.account for row in each.accounts] for each in told] == [["A", "C"], ["C"], ["B"], []]
    assert [whole.with_changes(each) for each in told] == views
