"""What is asked, of whom, and when (recon/backfill/plan.py, rules 1 to 4)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.backfill import plan
from recon.backfill.plan import BackfillRun, RetryState
from recon.backfill.view import AccountView, BackfillView
from recon.ems.protocol.rest_requests import RestRequest
from recon.ledger.backfills import Backfill, MissingOrder
from recon.ledger.gaps import MARGIN_US
from recon.ledger.rules import RecoveryRules
from tests.support.properties import steady

SECOND = 1_000_000
NOW = 1_000_000 * SECOND


def lost(state: str = "waiting", *, heard_us: int | None = NOW, history: str = "wanted") -> Backfill:
    return Backfill(
        account="A",
        from_seq=5,
        from_us=NOW - 60 * SECOND,
        reason="disconnected",
        until_seq=None if heard_us is None else 9,
        until_us=heard_us,
        state=state,  # type: ignore[arg-type]
        history=history,  # type: ignore[arg-type]
    )


def account(
    name: str = "A",
    *,
    of: Backfill | None = None,
    missing: dict[str, MissingOrder] | None = None,
    observed: bool = True,
    second_look_us: int | None = None,
) -> AccountView:
    return AccountView(name, observed, of, missing or {}, NOW - 120 * SECOND, second_look_us)


def view(*accounts: AccountView, recovery: RecoveryRules | None = None) -> BackfillView:
    return BackfillView(10, None, 0, recovery or RecoveryRules(enabled=True, history=True), accounts)


def test_rule_1__accounts_that_come_back_together_are_asked_about_together() -> None:
    back = view(account("A", of=lost()), account("B", of=lost(heard_us=NOW + SECOND)))
    assert plan.next_run(back, NOW, {}, None) is None, "the others are waited for"
    assert plan.next_run(back, NOW + SECOND, {}, None) == BackfillRun("gap", ("A", "B"), {"A": 9, "B": 9})


def test_rule_4__who_is_not_observed_is_not_asked_about() -> None:
    away = view(account(of=lost(heard_us=None), observed=False))
    assert plan.next_run(away, NOW + 99 * SECOND, {}, NOW) is None


def test_nobody_is_asked_where_the_rules_say_so() -> None:
    back = view(account(of=lost()), recovery=RecoveryRules(enabled=False))
    assert plan.next_run(back, NOW + 99 * SECOND, {}, NOW) is None


def test_rule_2__open_questions_are_asked_again_ever_more_seldom() -> None:
    previous: RetryState | None = None
    pauses = []
    for _ in range(9):
        previous = plan.schedule_retry(previous, NOW)
        pauses.append((previous.at_us - NOW) // SECOND)
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    here = view(account(of=lost("open", history="failed")))
    assert plan.next_run(here, NOW, {"A": RetryState(NOW + 1, 1, 9)}, None) is None
    assert plan.next_run(here, NOW, {"A": RetryState(NOW, 1, 9)}, None) == BackfillRun(
        "open questions", ("A",), {"A": 9}
    )


def test_rule_2__another_stretch_is_asked_about_at_once() -> None:
    back = view(account(of=lost(heard_us=NOW - 9 * SECOND)))
    assert plan.next_run(back, NOW, {"A": RetryState(NOW + 1, 1, 9)}, None) is None
    assert plan.next_run(back, NOW, {"A": RetryState(NOW + 1, 1, 7)}, None) is not None


def test_an_order_that_vanished_without_a_gap_is_asked_about() -> None:
    here = view(account(missing={"c:a": MissingOrder("a", 3)}))
    assert plan.next_run(here, NOW, {}, None) == BackfillRun("open questions", ("A",))
    assert plan.statuses(here, ("A",)) == [RestRequest(kind="status", account="A", order="c:a", client_order_id="a")]


def test_a_run_that_was_broken_off_is_taken_up_again() -> None:
    here = view(account(of=lost("running")))
    run = plan.next_run(here, NOW, {}, None)
    assert run is not None
    assert run.until == {"A": 9}


def test_the_order_log_is_read_once_more_later() -> None:
    here = view(account(second_look_us=NOW))
    assert plan.next_run(here, NOW + MARGIN_US - 1, {}, None) is None
    run = plan.next_run(here, NOW + MARGIN_US, {}, None)
    assert run == BackfillRun("second look", ("A",))
    assert plan.history_span(here, run, NOW + MARGIN_US) == (NOW - MARGIN_US, NOW + MARGIN_US)


def test_a_second_look_never_ends_a_stretch_that_is_being_caught_up_with() -> None:
    both = account(of=lost(heard_us=NOW), second_look_us=NOW - MARGIN_US)
    assert plan.next_run(view(both), NOW, {}, NOW) is None, "the others are waited for, whatever else is due"
    run = plan.next_run(view(both), NOW + SECOND, {}, NOW)
    assert run is not None
    assert run.why == "gap"
    asked = {"A": RetryState(NOW + 99 * SECOND, 1, 9)}
    other = account("B", second_look_us=NOW - MARGIN_US)
    assert plan.next_run(view(both, other), NOW + SECOND, asked, None) == BackfillRun("second look", ("B",))


def test_a_cross_check_comes_when_it_is_due_and_nothing_else_is() -> None:
    here = view(account("A"), account("B", observed=False))
    assert plan.next_run(here, NOW, {}, NOW + 1) is None
    assert plan.next_run(here, NOW, {}, NOW) == BackfillRun("cross-check", ("A",))


def test_rule_3__a_run_asks_a_bounded_number_of_orders_those_never_asked_for_first() -> None:
    missing = {f"c:{n}": MissingOrder(str(n), 3, "404" if n % 2 else "") for n in range(1000)}
    missing["x:1"] = MissingOrder(None, 3)
    asks = plan.statuses(view(account(missing=missing)), ("A",))
    assert len(asks) == plan.MAX_STATUS_REQUESTS
    assert all(int(ask.client_order_id or "1") % 2 == 0 for ask in asks)


@steady(200)
@given(st.integers(0, 10**16), st.integers(1, 10**14))
def test_rule_3__windows_cover_a_time_without_holes_and_are_bounded_in_number(begin: int, length: int) -> None:
    cut = plan.windows(begin, begin + length)
    assert len(cut) <= plan.MAX_WINDOWS
    assert (cut[0][0], cut[-1][1]) == (begin, begin + length)
    assert all(earlier[1] == later[0] and earlier[0] < earlier[1] for earlier, later in pairwise(cut))


def test_a_window_is_halved_down_to_a_bound() -> None:
    ask = RestRequest(kind="history", from_us=0, until_us=4 * SECOND)
    assert [(each.from_us, each.until_us) for each in plan.halves(ask)] == [(0, 2 * SECOND), (2 * SECOND, 4 * SECOND)]
    assert plan.halves(RestRequest(kind="history", from_us=0, until_us=SECOND)) == []


@pytest.mark.parametrize("history", ["off", "read", "not configured"])
def test_the_order_log_is_not_read_where_it_need_not_be(history: str) -> None:
    here = view(account(of=lost(history=history)))
    assert plan.history_span(here, BackfillRun("gap", ("A",), {"A": 9}), NOW) is None
