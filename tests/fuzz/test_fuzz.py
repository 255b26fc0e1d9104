"""The fuzzer itself, and a bounded run of it: what it finds, it finds again, makes small and can play again."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from recon.db.embedded.server import EmbeddedPostgres
from recon.ledger.apply import balances
from recon.projection import fold
from tests.conftest import TEMPLATE
from tests.fuzz import failures, grammar, seeds
from tests.fuzz.__main__ import main
from tests.fuzz.ground import in_memory, in_postgres
from tests.fuzz.mutations import Mutator
from tests.fuzz.runs import Budget, Report, replay, run_episodes, run_frames
from tests.fuzz.shrinking import shrunk
from tests.fuzz.streams import Stream
from tests.support.wire_messages import balance, encoded

FRAMES, EVENTS, ROWS = 4_000, 1_000, 400
MANY_FRAMES, MANY_EVENTS, MANY_ROWS = 100_000, 20_000, 2_000


def held(report: Report) -> None:
    """Fail with what did not hold."""
    assert not report.failures, "\n".join(f"{each.text}\n{each.frame[:500]!r}" for each in report.failures.values())


def test_frames_and_bodies_stop_nothing() -> None:
    held(run_frames(1, Budget(FRAMES)))


@pytest.mark.slow
def test_many_frames_and_bodies_stop_nothing() -> None:
    held(run_frames(2, Budget(MANY_FRAMES)))


def test_logs_in_memory_stop_nothing_and_leave_others_alone() -> None:
    held(run_episodes("fold", 1, Budget(EVENTS), in_memory))


@pytest.mark.slow
def test_many_logs_in_memory_stop_nothing_and_leave_others_alone() -> None:
    held(run_episodes("fold", 2, Budget(MANY_EVENTS), in_memory))


@pytest.mark.postgres
@pytest.mark.usefixtures("_template")
def test_logs_in_postgres_stop_nothing_and_leave_others_alone(postgres_server: EmbeddedPostgres) -> None:
    held(run_episodes("postgres", 1, Budget(ROWS), in_postgres(postgres_server, TEMPLATE)))


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.usefixtures("_template")
def test_many_logs_in_postgres_stop_nothing_and_leave_others_alone(postgres_server: EmbeddedPostgres) -> None:
    held(run_episodes("postgres", 2, Budget(MANY_ROWS), in_postgres(postgres_server, TEMPLATE)))


def test_a_seed_names_its_frames_and_no_frame_names_the_calm_account() -> None:
    mutator, again = Mutator(seeds.frames()), Mutator(seeds.frames())
    frames = [mutator.frame(random.Random(f"1:{number}")) for number in range(500)]
    assert frames == [again.frame(random.Random(f"1:{number}")) for number in range(500)]
    assert len(set(frames)) > 400
    assert not any(grammar.CALM.encode() in frame for frame in frames)


def test_a_seed_names_its_stream() -> None:
    mutator = Mutator(seeds.frames())
    streams = [Stream(mutator, random.Random("1"), shared=True) for _ in range(2)]
    first, again = ([stream.next() for _ in range(500)] for stream in streams)
    assert first == again
    assert {each.origin for each in first} == {"calm", "shared", "hostile"}


def test_what_escapes_is_found_made_small_saved_and_played_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:

    def stumbles(*arguments: object) -> None:
        if any(row.asset == "XXBT" for row in arguments[1].rows):  # type: ignore[attr-defined]  # a message
            raise ZeroDivisionError
        balances.apply_balances(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(fold, "apply_balances", stumbles)
    report = run_episodes("fold", 1, Budget(1000), in_memory)
    failure = next(each for sign, each in report.failures.items() if sign.startswith("ZeroDivisionError"))
    (only,) = (each.event for batch in failure.batches for each in batch.events)
    assert b"XXBT" in only.payload
    saved = failures.load(failures.save(failure, tmp_path))
    assert [batch.events for batch in saved.batches] == [batch.events for batch in failure.batches]
    assert isinstance(replay(saved, in_memory), ZeroDivisionError)
    monkeypatch.undo()
    assert replay(saved, in_memory) is None


def test_a_message_that_changes_another_account_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = encoded(balance(exchange_id=grammar.CALM, asset_id_exchange="BTC", balance=1))
    monkeypatch.setattr(Mutator, "frame", lambda *_: foreign)
    report = run_episodes("fold", 1, Budget(400), in_memory)
    assert any(sign.startswith("NotAsAlone") for sign in report.failures)


def test_the_least_that_fails_is_left() -> None:
    assert shrunk(range(100), lambda some: {17, 83} <= set(some)) == [17, 83]
    assert shrunk(range(100), lambda _: False) == list(range(100))
    assert shrunk(range(3), lambda _: True) == []


def test_the_command_says_what_it_tried(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "--minutes", "0.001"]) == 0
    assert "0 failures" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["everything"])
