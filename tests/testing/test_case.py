"""A case: how it is read and played, and how its outcome is compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from recon.errors import DocumentRefused
from recon.log import events
from recon.reconciliation.model.shown_verdict import SILENT_SECONDS
from recon.testing import START, as_stored, case_events, differences, load_case, load_expectation, replay
from recon.testing.case import Case
from recon.testing.expectation import Expectation, ExpectedOrder
from recon.times import microseconds

D = Decimal
SYMBOLS = (
    '{"at_s": 0.1, "frame": {"type": "SYMBOLS_SNAPSHOT", "exchange_id": "KRAKEN", "data": [{"symbol_id_exchange":'
    ' "XBTUSD", "symbol_id_coinapi": "KRAKEN_SPOT_BTC_USD", "asset_id_base_exchange": "XBT",'
    ' "asset_id_quote_exchange": "USD", "asset_id_base_coinapi": "BTC", "asset_id_quote_coinapi": "USD"}]}}'
)
ORDERS = '{"at_s": 0.2, "frame": {"type": "ORDER_EXEC_REPORT_SNAPSHOT", "exchange_id": "KRAKEN", "data": []}}'
BALANCES = (
    '{"at_s": 0.3, "frame": {"type": "BALANCE_SNAPSHOT", "exchange_id": "KRAKEN", "data": [{"asset_id_exchange":'
    ' "XBT", "asset_id_coinapi": "BTC", "balance": 2.50}]}}'
)
POSITIONS = '{"at_s": 0.4, "frame": {"type": "POSITION_SNAPSHOT", "exchange_id": "KRAKEN", "data": []}}'
START_LINES = (SYMBOLS, ORDERS, BALANCES, POSITIONS)
UNIT = "KRAKEN|asset|XBT"
LOST_FILL = Path(__file__).parents[1] / "cases" / "lost-fill"


def balance(at_s: str, amount: str) -> str:
    row = '"exchange_id": "KRAKEN", "asset_id_exchange": "XBT", "asset_id_coinapi": "BTC"'
    return f'{{"at_s": {at_s}, "frame": {{"type": "BALANCE_UPDATE", {row}, "balance": {amount}}}}}'


def written(directory: Path, lines: Sequence[str], **files: str) -> Path:
    (directory / "frames.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for name, content in files.items():
        (directory / f"{name}.json").write_text(content, encoding="utf-8")
    return directory


def case_of(directory: Path, *lines: str, **files: str) -> Case:
    return load_case(written(directory, lines, **files))


def test_a_frame_is_passed_on_byte_for_byte(tmp_path: Path) -> None:
    case = case_of(tmp_path, '{"at_s": 1.5, "frame":  {"type":"BALANCE_UPDATE",  "balance": 1.10E-7 , "é": 0}  }')
    (frame,) = [event for event in case_events(case) if event.kind == "BALANCE_UPDATE"]
    assert frame.payload == '{"type":"BALANCE_UPDATE",  "balance": 1.10E-7 , "é": 0}'.encode()
    assert microseconds(frame.received_at) - microseconds(START) == 1_500_000


def test_a_tick_comes_each_second_to_the_end_of_the_quiet_with_the_heartbeat_of_every_account(tmp_path: Path) -> None:
    log = list(as_stored(case_events(case_of(tmp_path, balance("2.5", "1"), expected='{"quiet_s": 4}'))))
    ticks = [event for event in log if event.kind == events.TICK]
    assert [microseconds(tick.recorded_at) for tick in ticks] == [
        microseconds(START) + second * 1_000_000 for second in range(1, 7)
    ]
    for tick in ticks:
        assert msgspec.json.decode(tick.payload)["heartbeats"]["KRAKEN"]["count"] == 1
    kinds = [event.kind for event in log if event.kind != events.TICK]
    assert kinds == [events.RULES, events.SESSION_OPENED, "SERVER_INFO", "BALANCE_UPDATE"]


def test_without_words_of_its_own_a_case_is_quiet_for_ninety_seconds(tmp_path: Path) -> None:
    log = list(case_events(case_of(tmp_path, balance("10", "1"))))
    assert sum(event.kind == events.TICK for event in log) == 100


def test_a_silence_makes_units_stale_and_its_end_ends_that(tmp_path: Path) -> None:
    silent = case_of(tmp_path, *START_LINES, balance("20", "2.50"), '{"at_s": 40, "silence": true}')
    (unit,) = replay(silent).outcome.units
    assert unit.verdict == "stale"
    assert unit.reason is not None
    ended = [*START_LINES, balance("20", "2.50"), '{"at_s": 40, "silence": true}', '{"at_s": 70, "silence": false}']
    ended += [line.replace('"at_s": 0', '"at_s": 72') for line in START_LINES]
    (unit,) = replay(case_of(tmp_path, *ended, balance("80", "2.50"))).outcome.units
    assert unit.verdict == "agreed"
    assert SILENT_SECONDS < 90


def test_a_session_that_closes_makes_a_gap_until_the_next_one_has_its_snapshots(tmp_path: Path) -> None:
    closed = [*START_LINES, balance("20", "2.50"), '{"at_s": 30, "control": "close"}']
    (unit,) = replay(case_of(tmp_path, *closed)).outcome.units
    assert unit.verdict == "stale"
    again = [line.replace('"at_s": 0', '"at_s": 33') for line in START_LINES]
    opened = case_of(tmp_path, *closed, '{"at_s": 33, "control": "open"}', *again, balance("60", "2.50"))
    (unit,) = replay(opened).outcome.units
    assert (unit.verdict, unit.opening, unit.booked, unit.reported) == ("agreed", D("2.5"), D("2.5"), D("2.5"))


def test_the_heartbeats_of_an_account_say_what_its_own_server_info_says(tmp_path: Path) -> None:
    info = '{"type": "SERVER_INFO", "exchange_id": "KRAKEN", "instance_guid": "g7", "is_running": true}'
    case = case_of(tmp_path, *START_LINES, f'{{"at_s": 5, "frame": {info}}}', balance("20", "2.50"))
    played = replay(case)
    (event,) = [event for event in played.log if event.kind == "SERVER_INFO"]
    assert msgspec.json.decode(event.payload)["instance_guid"] == "g7"
    assert played.outcome.units[0].verdict == "agreed"


def test_lines_are_played_in_the_order_of_their_times(tmp_path: Path) -> None:
    case = case_of(tmp_path, balance("9", "3"), balance("2", "1"), balance("9", "4"))
    assert [str(line.at_s) for line in case.lines] == ["2", "9", "9"]
    assert b'"balance": 3' in case.lines[1].payload


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1"),
        ('{"frame": {}}', "at_s"),
        ('{"at_s": 1}', "exactly one of frame, base64, event, control and silence"),
        ('{"at_s": 1, "frame": {}, "silence": true}', "exactly one of frame, base64, event, control and silence"),
        ('{"at_s": -1, "silence": true}', "at_s must be from 0"),
        ('{"at_s": 1e30, "silence": true}', "at_s must be from 0"),
        ('{"at_s": "NaN", "silence": true}', "at_s must be from 0"),
        ('{"at_s": 1, "control": "pause"}', "line 1"),
        ('{"at_s": 1, "control": "close"}\n{"at_s": 2, "frame": {}}', "while no session is open"),
    ],
)
def test_a_line_that_cannot_be_played_is_refused_with_its_place(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DocumentRefused, match=message):
        case_of(tmp_path, line)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"rules": '{"defaults": 1}'}, "rules.json"),
        ({"expected": '{"quiet_s": -1}'}, "quiet_s is -1"),
        ({"expected": '{"quiet_s": 9999999}'}, "quiet_s is 9999999"),
        ({"expected": "["}, "expected.json"),
    ],
)
def test_other_files_that_cannot_be_read_are_refused_by_name(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    with pytest.raises(DocumentRefused, match=message):
        case_of(tmp_path, balance("1", "1"), **files)


def test_the_rules_of_a_case_are_in_force(tmp_path: Path) -> None:
    lines = [*START_LINES, balance("20", "2.50"), balance("40", "2.55"), balance("50", "2.55")]
    (unit,) = replay(case_of(tmp_path, *lines)).outcome.units
    assert unit.verdict == "break"
    tolerant = '{"defaults": {"settlement_window_us": 1000000, "tolerance": {"absolute": "0.1"}}}'
    outcome = replay(case_of(tmp_path, *lines, rules=tolerant)).outcome
    assert outcome.units[0].verdict == "agreed"
    assert not outcome.breaks


def expected_of(directory: Path, text: str) -> list[str]:
    lines = [*START_LINES, balance("20", "2.50"), balance("40", "2.55"), balance("50", "2.55")]
    case = case_of(directory, *lines, expected=text)
    expected = load_expectation(directory)
    assert expected is not None
    return differences(expected, replay(case).outcome)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        f'{{"breaks": [{{"unit": "{UNIT}", "amount": "0.050"}}]}}',
        f'{{"breaks": [{{"unit": "{UNIT}", "amount": "0.05", "causes": ["dust", "deposit"]}}], "alerts_at_most": 1}}',
        f'{{"units": {{"{UNIT}": {{"opening": "2.5", "booked": 2.5, "reported": "2.55", "verdict": "break"}}}}}}',
        f'{{"units": {{"{UNIT}": {{"verdict": ["agreed", "break"]}}, "K|asset|X": {{"absent_ok": true}}}}}}',
    ],
)
def test_an_outcome_that_is_expected_has_no_difference(tmp_path: Path, text: str) -> None:
    assert expected_of(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "difference"),
    [
        ('{"breaks": []}', f"the break of 0.05 in {UNIT} is open (deposit, inferred), and not expected"),
        (
            f'{{"breaks": [{{"unit": "{UNIT}", "amount": "0.05", "causes": ["fee_variance"]}}]}}',
            f"the break of 0.05 in {UNIT} has the cause deposit, expected fee_variance",
        ),
        ('{"alerts_at_most": 0}', "breaks that opened on the way: 1, expected at most 0"),
        (f'{{"units": {{"{UNIT}": {{"booked": "2.55"}}}}}}', f"unit {UNIT}: booked is 2.50, expected 2.55"),
        (f'{{"units": {{"{UNIT}": {{"verdict": "agreed"}}}}}}', f"unit {UNIT}: the verdict is break, expected agreed"),
        ('{"units": {"K|asset|X": {}}}', "unit K|asset|X is not in the books"),
        ('{"orders": {"KRAKEN|c:1": {"status": "FILLED"}}}', "order KRAKEN|c:1 is not in the books"),
        (f'{{"units": {{"{UNIT}": {{"opening": null}}}}}}', f"unit {UNIT}: opening is 2.50, expected not known"),
        (
            f'{{"cases": [["{UNIT}", "K|asset|X"], ["K|asset|X"]]}}',
            "the open breaks of K|asset|X are of 0 cases, expected one",
        ),
        ('{"findings_present": ["overfill"]}', "there is no finding overfill, and one was expected"),
    ],
)
def test_each_difference_is_told_in_words(tmp_path: Path, text: str, difference: str) -> None:
    assert [each.replace("2.5,", "2.50,") for each in expected_of(tmp_path, text)] == [difference]


def test_a_break_that_is_expected_and_not_there_is_a_difference(tmp_path: Path) -> None:
    text = f'{{"breaks": [{{"unit": "{UNIT}", "amount": "0.05"}}, {{"unit": "{UNIT}", "amount": "0.05"}}]}}'
    assert expected_of(tmp_path, text) == [f"no break of 0.05 is open in {UNIT}"]


def test_keys_that_nothing_compares_are_named(tmp_path: Path) -> None:
    text = (
        '{"brakes": [], "units": {"a": {"bokked": 1}}, "orders": {"b": {"stat": ""}},'
        ' "breaks": [{"unit": "u", "amount": 1, "cause": "x"}]}'
    )
    (tmp_path / "expected.json").write_text(text, encoding="utf-8")
    expected = load_expectation(tmp_path)
    assert expected is not None
    assert expected.unread == ["brakes", "breaks.cause", "orders.stat", "units.bokked"]


def test_a_control_that_changes_nothing_does_nothing(tmp_path: Path) -> None:
    lines = [*START_LINES, '{"at_s": 5, "control": "open"}', balance("20", "2.50")]
    log = replay(case_of(tmp_path, *lines)).log
    assert [event.kind for event in log].count(events.SESSION_OPENED) == 1
    closed = [*lines, '{"at_s": 30, "control": "close"}', '{"at_s": 31, "control": "close"}']
    log = replay(case_of(tmp_path, *closed)).log
    assert [event.kind for event in log].count(events.SESSION_CLOSED) == 1


def test_what_an_order_filled_is_compared(tmp_path: Path) -> None:
    outcome = replay(load_case(LOST_FILL)).outcome
    assert not differences(Expectation(orders={"BITSTAMP|c:w-1": ExpectedOrder(amount_filled=D(1))}), outcome)
    (found,) = differences(Expectation(orders={"BITSTAMP|c:w-1": ExpectedOrder(amount_filled=D(3))}), outcome)
    assert found == "order BITSTAMP|c:w-1: amount_filled is 1, expected 3"
    assert not differences(Expectation(cases=[["BITSTAMP|asset|SOL", "BITSTAMP|asset|EUR"]]), outcome)


def test_an_event_of_recon_s_own_is_one_of_the_log(tmp_path: Path) -> None:
    fact = {
        "fact": "deposit",
        "account": "KRAKEN",
        "external_id": "st-1",
        "occurred_at": "2026-01-05T09:00:30Z",
        "unit": "XBT",
        "amount": "0.05",
    }
    own = {"at_s": 60, "event": {"kind": "fact", "account": "KRAKEN", "payload": fact}}
    rated = balance("20", '2.50, "rate_usd": 30000')
    lines = [*START_LINES, rated, balance("40", "2.55"), json.dumps(own), balance("70", "2.55")]
    (unit,) = replay(case_of(tmp_path, *lines)).outcome.units
    assert (unit.verdict, unit.booked) == ("agreed", D("2.55"))


def test_second_zero_may_be_another_time(tmp_path: Path) -> None:
    case = case_of(tmp_path, balance("1", "1"), expected='{"begins_at": "2025-03-01T23:30:00+02:00"}')
    assert replay(case).log[0].recorded_at == datetime(2025, 3, 1, 21, 30, tzinfo=UTC)
