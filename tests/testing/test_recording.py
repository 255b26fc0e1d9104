"""Cutting a log into a case: the case comes to what the log came to, and shows nothing that it should not."""

from __future__ import annotations

import errno
import json
import os
import re
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from recon.errors import ConfigError
from recon.ledger.rules import parse_rules
from recon.log import events
from recon.log.events import Event
from recon.simulator.scenarios import demo_plan
from recon.testing import load_case, outcome_of, play, replay
from recon.testing.case import PLAIN_RULES, Case
from recon.testing.case_player import ReplayedCase
from recon.testing.disguise import Disguise
from recon.testing.recording import Recording, are_alike, as_it_is, disguised
from tests.support.shared_cases import DIRECTORIES as PUBLISHED

D = Decimal
OWN = sorted(path.parent for path in (Path(__file__).parents[1] / "cases").glob("*/frames.jsonl"))
LOST_FILL = Path(__file__).parents[1] / "cases" / "lost-fill"
SECRET = b"a secret of this test"


def account_of(case: Case) -> str:
    named = re.search(rb'"exchange_id": *"([^"]*)"', b"".join(line.payload for line in case.lines))
    assert named is not None
    return named[1].decode()


def played(directory: Path) -> tuple[ReplayedCase, str]:
    case = load_case(directory)
    return replay(case), account_of(case)


def read_back(recording: Recording, directory: Path) -> Case:
    recording.write(directory)
    return load_case(directory)


def test_of_a_case_that_cannot_be_written_whole_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, account = played(LOST_FILL)
    recording = as_it_is(first.log[1:], account, first.case.rules)
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name != "rules.json":
            return write(path, content)
        write(path, content[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ConfigError, match=r"case cannot be written: No space left on device$"):
        recording.write(tmp_path / "case")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("directory", [*OWN, *PUBLISHED], ids=lambda each: each.name)
def test_a_log_that_is_cut_comes_to_what_it_came_to(directory: Path, tmp_path: Path) -> None:
    first, account = played(directory)
    recording = as_it_is(first.log[1:], account, first.case.rules)
    again = replay(read_back(recording, tmp_path / "cut")).outcome
    mine = [unit for unit in first.outcome.units if unit.unit.startswith(f"{account}|")]
    assert again.units == mine
    assert [(each.unit, each.amount, each.cause, each.state) for each in again.breaks] == [
        (each.unit, each.amount, each.cause, each.state)
        for each in first.outcome.breaks
        if each.unit.startswith(f"{account}|")
    ]
    frames = [line.payload for line in first.case.lines if line.payload and account.encode() in line.payload]
    assert [line.payload for line in recording.cut.lines if b"SERVER_INFO" not in (line.payload or b"SERVER_INFO")] == [
        frame for frame in frames if b"SERVER_INFO" not in frame
    ]


@pytest.mark.parametrize("directory", OWN, ids=lambda each: each.name)
def test_every_case_can_be_disguised(directory: Path) -> None:
    first, account = played(directory)
    factors = [D(7), D("1E+1")]
    recording = disguised(first.log[1:], account, first.case.rules, key=SECRET, factors=factors)
    assert recording is not None
    if directory.name == "cash-in-cents":
        assert recording.factor == D("1E+1"), "cents times seven are no cents"


@pytest.mark.parametrize("factor", ["7", "0.03", "10"])
def test_a_disguise_changes_names_and_sizes_and_nothing_else(factor: str, tmp_path: Path) -> None:
    first, account = played(LOST_FILL)
    recording = disguised(first.log[1:], account, first.case.rules, key=SECRET, factors=[D(factor)])
    assert recording is not None
    outcome = replay(read_back(recording, tmp_path)).outcome
    assert are_alike(first.outcome, outcome, D(factor))
    assert [(each.unit, each.amount, each.cause) for each in outcome.breaks] == [
        ("BITSTAMP/1|asset|SOL", 2 * D(factor), "missed_fill"),
        ("BITSTAMP/1|asset|EUR", -220 * D(factor), "missed_fill"),
    ]
    shown = b"".join(path.read_bytes() for path in tmp_path.iterdir()).decode()
    for secret in ("w-1", "7001", "12.5,", "4000,", "instance of", '"BITSTAMP"'):
        assert secret not in shown
    assert re.search(r'"client_order_id": "[a-z]-\d"', shown), "an id keeps its shape"
    assert '"price": 110' in shown


def test_a_factor_that_changes_what_is_found_is_not_used() -> None:
    first, account = played(LOST_FILL)
    rules = b'{"defaults": {"settlement_window_us": 1000000, "assets": {"SOL": "EUR"}}}'
    assert disguised(first.log[1:], account, rules, key=SECRET, factors=[]) is None
    chosen = disguised(first.log[1:], account, PLAIN_RULES, key=SECRET, factors=[D("1e-50"), D(7)])
    assert chosen is not None
    assert chosen.factor == D(7)


def test_what_differs_in_words_or_beyond_the_factor_is_not_alike() -> None:
    outcome = replay(load_case(LOST_FILL)).outcome
    assert are_alike(outcome, outcome, D(1))
    assert not are_alike(outcome, outcome, D(2))
    fewer = replay(load_case(LOST_FILL, rules=b'{"defaults": {"tolerance": {"absolute": "1000"}}}')).outcome
    assert not are_alike(outcome, fewer, D(1))


def test_ids_stay_different_and_the_same_id_stays_the_same() -> None:
    disguise = Disguise(SECRET, D(1))
    ids = [f"{number}" for number in range(10)] + ["x-ab-12", "X-ab-12", ""]
    replaced = [disguise.id(each) for each in ids]
    assert len(set(replaced)) == len(ids)
    assert [disguise.id(each) for each in ids] == replaced
    assert all(len(other) == len(each) for other, each in zip(replaced, ids, strict=True))
    assert disguise.id("told:1a").startswith("told:")
    assert Disguise(b"another", D(1)).id("x-ab-12") != disguise.id("x-ab-12")


def test_an_amount_keeps_the_digits_that_it_had() -> None:
    seven, tenth = Disguise(SECRET, D(7)), Disguise(SECRET, D("0.1"))
    assert seven.amount("10.00") == "70.00"
    assert seven.amount("9E-8") == "6.3E-7"
    assert seven.amount("57.638000000000005") == "403.466000000000035"
    assert tenth.amount("10.00") == "1.000"
    assert seven.amount("NaN") == "NaN"
    assert seven.amount("") == ""


def test_only_what_recon_reads_is_shown() -> None:
    frame = {
        "type": "BALANCE_UPDATE",
        "exchange_id": "KRAKEN/JOHN SMITH",
        "asset_id_exchange": "XBT",
        "balance": "1.50",
        "available": 1.5,
        "owner": "John Smith",
        "raw_data": '{"uid": 4711}',
        "error_message": "account 4711 is blocked",
        "data": [{"owner": {"name": "Smith"}, "locked": 2, "exchange_id": "KRAKEN/JANE"}],
    }
    assert json.loads(Disguise(SECRET, D(2)).frame(json.dumps(frame).encode())) == {
        "type": "BALANCE_UPDATE",
        "exchange_id": "KRAKEN/1",
        "asset_id_exchange": "XBT",
        "balance": "3.00",
        "available": 3.0,
        "data": [{"locked": 4, "exchange_id": "KRAKEN/2"}],
    }
    for broken in (b"John {", b"[1]", b"\xff", b"[" * 100_000):
        assert Disguise(SECRET, D(2)).frame(broken) == b"unreadable"


def test_rules_are_those_of_the_account_with_its_amounts_multiplied() -> None:
    rules = parse_rules(
        b'{"defaults": {"material_usd": "5000", "tolerance": {"absolute": "0.5", "relative": "0.1", "usd": "3"}},'
        b' "accounts": {"KRAKEN/JOHN": {"units": {"XBT": {"quantum": "0.01"}}, "venue_account": "4711"},'
        b' "KRAKEN/JANE": {}}, "recovery": {"enabled": true}}'
    )
    shown = Disguise(SECRET, D(10)).rules(rules, "KRAKEN/JOHN")
    assert shown.defaults.material_usd == 50000
    assert (shown.defaults.tolerance.absolute, shown.defaults.tolerance.relative) == (D(5), D("0.1"))
    assert shown.defaults.tolerance.usd == 30
    assert list(shown.accounts) == ["KRAKEN/1"]
    assert shown.accounts["KRAKEN/1"].units["XBT"].quantum == D("0.1")
    assert shown.accounts["KRAKEN/1"].venue_account is None
    assert not shown.recovery.enabled


def test_a_silence_of_heartbeats_is_cut_as_one(tmp_path: Path) -> None:
    lines = (LOST_FILL / "frames.jsonl").read_text(encoding="utf-8")
    quiet = '{"at_s": 70, "silence": true}\n{"at_s": 110, "silence": false}\n{"at_s": 118, "silence": true}\n'
    closing = '{"at_s": 125, "control": "close"}\n{"at_s": 130, "control": "open"}\n{"at_s": 130, "silence": false}\n'
    (tmp_path / "frames.jsonl").write_text(lines + quiet + closing, encoding="utf-8")
    first, account = played(tmp_path)
    recording = as_it_is(first.log[1:], account, first.case.rules)
    told = [(int(line.at_s), line.silence, line.control) for line in recording.cut.lines if not line.payload]
    assert told == [
        (70, True, None),
        (110, False, None),
        (118, True, None),
        (125, None, "close"),
        (130, False, None),
        (130, None, "open"),
    ]
    assert replay(recording.case("cut")).outcome.units == first.outcome.units


def test_what_a_case_lacks_is_said() -> None:
    first, account = played(LOST_FILL)
    log = [event for event in first.log[1:] if event.kind != "POSITION_SNAPSHOT"]
    recovering = b'{"defaults": {}, "recovery": {"enabled": true}}'
    lacks = as_it_is(log, account, recovering).lacks
    assert lacks == [
        "it has no POSITION_SNAPSHOT of the account in its first session: units may not open",
        "recovery is off: a case has no answers over REST",
    ]
    last = first.log[-1]
    decided = [*first.log[1:], msgspec.structs.replace(last, kind=events.DECISION, account=account)]
    assert as_it_is(decided, account, PLAIN_RULES).lacks == ["1 event of the kind decision is left out"]


def test_own_events_that_cannot_be_read_are_left_out() -> None:
    first, account = played(LOST_FILL)
    at = first.log[20].recorded_at
    broken = [
        Event(0, at, at, events.FACT, account, None, readable=True, payload=b"["),
        Event(0, at, at, events.RULES, None, None, readable=True, payload=b'{"defaults": 1}'),
        Event(0, at, at, events.TICK, None, None, readable=True, payload=b"[]"),
    ]
    log = [*first.log[1:20], *broken, *first.log[20:]]
    for recording in (
        as_it_is(log, account, PLAIN_RULES),
        disguised(log, account, PLAIN_RULES, key=SECRET, factors=[D(7)]),
    ):
        assert recording is not None
        assert recording.lacks == ["1 event of the kind fact is left out", "1 event of the kind rules is left out"]
        assert all(line.event is None for line in recording.cut.lines)


def test_frames_that_are_no_json_on_one_line_keep_their_bytes(tmp_path: Path) -> None:
    first, account = played(LOST_FILL)
    log = [*first.log[1:]]
    for place, payload in ((8, b'{"type": "X",\n "exchange_id": "BITSTAMP"}'), (9, b"not \xff JSON"), (10, b"")):
        at = log[7].recorded_at
        log.insert(place, Event(0, at, at, events.FRAME, account, None, False, payload))
    case = read_back(as_it_is(log, account, PLAIN_RULES), tmp_path)
    assert [line.payload for line in case.lines if line.base64 is not None] == [
        b'{"type": "X",\n "exchange_id": "BITSTAMP"}',
        b"not \xff JSON",
        b"",
    ]


def test_every_account_of_a_simulated_day_is_cut_and_disguised_without_a_difference() -> None:
    """Derivatives too, of a venue that rounds: there only a power of ten leaves everything as it was."""
    for day in play(demo_plan(7, 60.0)):
        rules = day.log[0].payload
        for account in sorted(day.fold.ledger.accounts):
            cut_alone = replay(as_it_is(day.log[1:], account, rules).case("cut")).outcome
            whole = outcome_of(day.fold)
            assert [(each.unit, each.opening, each.reported, each.verdict) for each in cut_alone.units] == [
                (each.unit, each.opening, each.reported, each.verdict)
                for each in whole.units
                if each.unit.startswith(f"{account}|")
            ]
            assert {(each.unit, each.amount, each.cause, each.state) for each in cut_alone.breaks} == {
                (each.unit, each.amount, each.cause, each.state)
                for each in whole.breaks
                if each.unit.startswith(f"{account}|")
            }
            chosen = disguised(day.log[1:], account, rules, key=SECRET, factors=[D(7), D("1E+1")])
            assert chosen is not None
            assert chosen.factor == (D("1E+1") if account in {"BITMEX", "COINBASE/DESK", "DERIBIT"} else D(7))
