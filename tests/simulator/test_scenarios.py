from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from recon.errors import SimulationError
from recon.simulator.fault import FaultKind
from recon.simulator.habits import Habits
from recon.simulator.load import FRAMES_PER_ORDER, load_frames, rendered_load
from recon.simulator.scenarios import (
    LEAST_SECONDS,
    PLANS,
    catch_up_plan,
    clean_plan,
    demo_plan,
    demo_settings,
    plan_settings,
    planting_stretch,
)
from recon.simulator.venues import binance
from tests.support.observers import START, Message, Played, decoded, observations, played

D = Decimal


def demo(seed: int, duration: float) -> list[Played]:
    return [played(gateway, duration + 3) for gateway in demo_plan(seed, duration).gateways]


@pytest.mark.parametrize("duration", [30.0, 60.0, 300.0])
def test_the_demo_plants_nothing_too_early_or_too_late(duration: float) -> None:
    first, last = planting_stretch(duration, 1.0)
    assert (first, last) == (duration / 4, duration - 12)
    planted = [fault for day in demo(7, duration) for fault in day.gateway.truth]
    for fault in planted:
        at = (fault.planted_at - START).total_seconds()
        assert first <= at <= last + 0.5
        if fault.ends_at is not None:
            assert (fault.ends_at - START).total_seconds() <= duration - 6
    must = Counter(fault.kind for fault in planted if fault.must_flag)
    assert must == {
        FaultKind.LATE_FILL: 1,
        FaultKind.LOST_FILL: 2,
        FaultKind.DEPOSIT: 1,
        FaultKind.WRONG_BALANCE: 1,
    }
    recovered = {fault.kind for fault in planted if fault.recovered}
    assert recovered == {FaultKind.DISCONNECT_WITH_FILLS}, "what a gap hid is fetched over REST"
    benign = {fault.kind for fault in planted if not fault.must_flag}
    assert benign == {
        FaultKind.DUPLICATE_REPORT, FaultKind.UNREADABLE_FRAME, FaultKind.REORDERED_REPORTS, FaultKind.RESTART,
        FaultKind.DISCONNECT_WITH_FILLS,
    }  # fmt: skip
    touched = [(fault.gateway, fault.account, unit) for fault in planted for unit in fault.units]
    assert len(touched) == len(set(touched))  # no fault hides another


def test_what_the_demo_breaks_is_observed_again_until_an_engine_can_tell() -> None:
    for day in demo(5, 60.0):
        for fault in day.gateway.truth:
            at = (fault.planted_at - START).total_seconds()
            for code in fault.units:
                later = [
                    when - at
                    for when, unit, _ in observations(day, fault.account)
                    if unit == (fault.unit_kind, code) and when > at
                ]
                assert any(4.0 < wait <= 8.0 for wait in later), (fault.kind, code)


def test_the_demo_has_two_gateways_spot_and_derivatives() -> None:
    plan = demo_plan(1, 60)
    assert [gateway.name for gateway in plan.gateways] == ["prod-eu", "prod-us"]
    accounts = {account.account: account for gateway in plan.gateways for account in gateway.accounts}
    assert set(accounts) == {"KRAKEN/JOHN", "BINANCE", "BITMEX", "COINBASE/DESK", "DERIBIT", "BINANCEFTS"}
    assert {each.is_contract for account in accounts.values() for each in account.instruments} == {True, False}


def test_a_demo_too_short_to_judge_is_refused() -> None:
    with pytest.raises(SimulationError, match="at least 27 s"):
        demo_plan(1, 20)
    assert demo_plan(1, LEAST_SECONDS).duration == LEAST_SECONDS == 27


def test_the_settings_of_the_demo_name_urls_aliases_and_terms() -> None:
    settings: dict[str, Any] = demo_settings(7, [8101, 8102])
    assert settings["accounts"] == {"settlement_window": "1s"}
    europe, america = settings["gateways"]["prod-eu"], settings["gateways"]["prod-us"]
    assert europe["urls"] == ["ws://127.0.0.1:8101/"]
    assert america["urls"] == ["ws://127.0.0.1:8102/"]
    assert europe["accounts"]["KRAKEN/JOHN"]["assets"] == {"XBT": "XXBT", "ETH": "XETH", "USD": "ZUSD"}
    assert europe["accounts"]["BITMEX"]["contracts"]["XBTUSD"] == {
        "multiplier": "1",
        "kind": "inverse",
        "settlement_asset": "XBT",
        "realised": "close",
        "method": "average",
        "balance_includes_unrealised": False,
    }
    assert europe["accounts"]["BITMEX"]["contracts"]["XBTUSDT"]["kind"] == "linear"
    assert "BINANCEFTS" not in america["accounts"]  # hedge mode: its cash cannot be modelled


def test_settings_can_carry_the_key() -> None:
    settings: dict[str, Any] = plan_settings(clean_plan(1), {"sim": "ws://x/"}, api_key="k")
    assert settings["gateways"]["sim"]["auth"] == {"method": "header", "api_key": "k"}


def test_settings_say_what_can_be_caught_up_with() -> None:
    plan = catch_up_plan(1, 60.0)
    gateways: dict[str, Any] = plan_settings(plan, {"logged": "ws://x/", "unlogged": "ws://y/"})["gateways"]  # type: ignore[assignment]
    assert gateways["logged"]["recovery"] == {"enabled": True, "history": True, "cross_check": "0s"}
    assert gateways["unlogged"]["recovery"] == {"enabled": True, "history": False, "cross_check": "0s"}
    assert demo_settings(7, [1, 2])["gateways"]["prod-eu"]["recovery"] == {  # type: ignore[index]
        "enabled": False, "history": False, "cross_check": "0s",
    }  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_on_the_day_of_catching_up_only_what_rest_cannot_tell_must_be_flagged(seed: int) -> None:
    logged, unlogged = (played(gateway, 63.0).gateway.truth for gateway in catch_up_plan(seed, 60.0).gateways)
    assert {(each.account, each.recovered) for each in logged} == {("KRAKEN/JOHN", True), ("BINANCE", True)}
    assert [(each.units, each.must_flag) for each in unlogged] == [(("ETH", "USD"), True), (("BTC", "USD"), False)]


def test_a_day_of_catching_up_too_short_to_judge_is_refused() -> None:
    with pytest.raises(SimulationError, match="day of catching up of 20 s"):
        catch_up_plan(1, 20)


def test_contracts_rest_at_the_beginning_of_the_demo() -> None:
    day = demo(3, 60.0)[0]
    early = [message for at, message in day.messages("POSITION_UPDATE", account="BITMEX") if 0 < at < 1.5]
    assert early == []
    assert len(list(day.messages("POSITION_UPDATE", account="BITMEX"))) > 20


def test_every_plan_by_name_can_be_played() -> None:
    for name, make in PLANS.items():
        plan = make(1, 30.0)
        assert plan.name == name
        assert all(len(played(gateway, 3.0).outgoing) > 20 for gateway in plan.gateways)


def test_a_clean_plan_takes_its_ways_from_the_caller() -> None:
    plan = clean_plan(1, polled=2.0, equal_sizes=True, fills_per_second=3.0, habits=Habits(zero_rows=False))
    for account in plan.gateways[0].accounts:
        assert account.habits.polled_every == 2.0
        assert not account.habits.zero_rows
        assert not any(stream.varied for stream in account.streams)
    assert plan.gateways[0].faults == ()


def messages(frames: Iterable[bytes]) -> list[Message]:
    found = [decoded(frame) for frame in frames]
    return [message for message in found if message is not None]


def test_a_load_has_the_stated_mix_and_adds_up() -> None:
    frames = rendered_load(300, 4, seed=5)
    assert frames == list(load_frames(300, 4, seed=5))
    assert frames != rendered_load(300, 4, seed=6)
    snapshots, body = messages(frames[:20]), messages(frames[20:])
    assert Counter(message["type"] for message in snapshots) == dict.fromkeys(
        ("SERVER_INFO", "SYMBOLS_SNAPSHOT", "ORDER_EXEC_REPORT_SNAPSHOT", "BALANCE_SNAPSHOT", "POSITION_SNAPSHOT"), 4
    )
    assert len(body) == 300 * FRAMES_PER_ORDER
    assert Counter(message.get("status", "balance") for message in body) == {
        "NEW": 300, "PARTIALLY_FILLED": 300, "FILLED": 300, "balance": 1200
    }  # fmt: skip
    assert 400 < sum(map(len, frames)) / len(frames) < 600

    rows = {each.symbol: (each.base_row, each.quote_row) for each in binance("B", 1.0, Habits()).instruments}
    held: dict[tuple[str, str], Fraction] = {}
    for message in snapshots:
        if message["type"] == "BALANCE_SNAPSHOT":
            held |= {
                (message["exchange_id"], row["asset_id_exchange"]): Fraction(row["balance"]) for row in message["data"]
            }
    filled: dict[str, Fraction] = {}
    for message in body:
        account = message["exchange_id"]
        if message["type"] == "BALANCE_UPDATE":
            assert held[account, message["asset_id_exchange"]] == Fraction(message["balance"])
            continue
        order = message["client_order_id"]
        amount = Fraction(message["amount_filled"]) - filled.get(order, Fraction(0))
        filled[order] = Fraction(message["amount_filled"])
        sign = 1 if message["side"] == "BUY" else -1
        base, quote = rows[message["symbol_id_exchange"]]
        held[account, base] += sign * amount
        held[account, quote] -= sign * amount * Fraction(message["avg_px"])
