"""A day archived from a real database: one chain over both, the same books from the archive, and every change told."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import psycopg
import pytest

from recon.archive import moving
from recon.archive.directory import ArchiveDirectory
from recon.archive.stretch_file import events_after
from recon.cli.archived_events import BYTES_A_LINE, base64_lines
from recon.db.engine import libpq_url
from recon.db.reader import Reader, open_reader
from recon.errors import ConfigError
from recon.evidence.log_part import first_since, write_log_part
from recon.log.events import NewEvent
from recon.reads.log_page import position_at
from recon.simulator.scenarios import demo_plan
from tests.conftest import TestDatabase
from tests.support.archived_logs import in_partitions
from tests.support.command_line import Recon, recon
from tests.support.database_days import fold, write_day, write_events

pytestmark = pytest.mark.postgres

__all__ = ["recon"]

#: Events of a partition.
SIZE = 300
END_OF_LOG = """SELECT recon_store.record_archive('{g}', 1, {head}, e.digest, '') FROM recon_store.log_events AS e
WHERE e.gateway = '{g}' AND e.seq = {head}"""


@pytest.fixture
def day(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> TestDatabase:
    """A day in partitions of a few hundred events, named by the environment."""
    in_partitions(database.owner_url, SIZE, 4)
    plan = demo_plan(7, 30.0)
    write_day(database.service_url, replace(plan, gateways=plan.gateways[:1]))
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    monkeypatch.setenv("RECON_DATABASE__MIGRATE_URL", database.owner_url)
    monkeypatch.setenv("COLUMNS", "120")
    return database


@pytest.fixture
def archive(day: TestDatabase, recon: Recon, tmp_path: Path) -> Path:
    """The archive of that day, as far as it has whole partitions."""
    done = recon("archive", "-o", str(tmp_path / "archive"), "--keep", "0")
    assert done.status == 0, done.err
    return tmp_path / "archive"


def asked(database: TestDatabase, statement: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(libpq_url(database.owner_url)) as owner:
        return owner.execute(statement.encode(), values).fetchall()


def log_of(database: TestDatabase) -> tuple[str, int]:
    """Return the longest log's gateway and length."""
    ((gateway, head),) = asked(database, "SELECT name, head_seq FROM recon.gateways ORDER BY head_seq DESC LIMIT 1")
    return str(gateway), int(str(head))


def test_archived_events_leave_the_database_and_are_one_chain_with_the_rest(
    day: TestDatabase, recon: Recon, tmp_path: Path
) -> None:
    gateway, head = log_of(day)
    assert head > 2 * SIZE
    totals = "SELECT count(*), sum(octet_length(payload)), sum(seq) FROM recon_store.log_events WHERE seq <= %s"
    place, whole = tmp_path / "archive", head // SIZE * SIZE
    before = asked(day, totals, whole)
    kept_before = asked(day, "SELECT seq FROM recon.events WHERE kind = 'session.opened' ORDER BY 1")
    planned = recon("archive", "-o", str(place), "--keep", "1", "--dry-run", "--json").json()
    assert [row["first_seq"] for row in planned["planned"]] == list(range(1, whole - SIZE, SIZE))
    assert not place.exists()
    done = recon("archive", "-o", str(place), "--keep", "0", "--json").json()
    assert [row["last_seq"] for row in done["archived"]] == list(range(SIZE, whole + 1, SIZE))
    assert len(done["dropped"]) == whole // SIZE
    (held,) = asked(day, "SELECT count(*) FROM recon.events WHERE seq <= %s", whole)[0]
    assert 0 < int(str(held)) < whole / 2
    assert asked(day, "SELECT seq FROM recon.events WHERE kind = 'session.opened' ORDER BY 1") == kept_before
    read = duckdb.execute(
        "SELECT count(*), sum(octet_length(payload)), sum(seq) FROM read_parquet(?)", [f"{place}/*.parquet"]
    )
    assert read.fetchall() == before
    verified = recon("verify", "--json")
    assert (verified.status, verified.json()[0]["seq"]) == (0, head)
    assert f"not read: events 1 to {whole:,} of {gateway}" in " ".join(verified.err.split())
    both = recon("verify", "--archive", str(place), "--json")
    assert (both.status, both.json()) == (0, verified.json())
    assert "not read" not in both.err
    again = recon("archive", "-o", str(place), "--keep", "0")
    assert "nothing is old enough" in again.out + again.err
    ((who, at),) = set(asked(day, "SELECT archived_by, archived_at IS NOT NULL FROM recon.log_archives"))
    assert (who, at) == ("recon_owner", True)


def test_books_of_the_archive_are_the_same_and_the_log_goes_on(day: TestDatabase, archive: Path, recon: Recon) -> None:
    gateway, head = log_of(day)
    refused = recon("rebuild")
    assert refused.status == 6
    assert "events after 0 are archived; name the directory that has them by --archive" in " ".join(refused.err.split())
    (first,) = recon("rebuild", "--archive", str(archive), "--json").json()
    assert (first["same"], first["switched"], first["events"]) == (True, True, head)
    now = datetime.fromisoformat(str(asked(day, "SELECT now()")[0][0]))
    write_events(day.service_url, gateway, [NewEvent("frame", b"{}", now, None, None) for _ in range(3)])
    fold(day.service_url, gateway)
    assert log_of(day) == (gateway, head + 3)
    (second,) = recon("rebuild", "--archive", str(archive), "--json").json()
    assert (second["same"], second["events"]) == (True, head + 3)


def test_what_if_folds_the_archive_too(day: TestDatabase, archive: Path, recon: Recon, tmp_path: Path) -> None:
    rules = tmp_path / "other.toml"
    rules.write_text('[accounts]\ntolerance = { absolute = "1000000" }\n', encoding="utf-8")
    refused = recon("what-if", "--rules", str(rules), "--json")
    assert refused.status == 6
    assert "name the directory that has them by --archive" in " ".join(refused.err.split())
    result = recon("what-if", "--rules", str(rules), "--archive", str(archive), "--json")
    assert result.status == 0, result.err
    (told,) = result.json()
    assert told["breaks_now"] > told["breaks_then"] == 0


def test_a_run_that_dies_anywhere_is_taken_up_by_the_next(
    day: TestDatabase, recon: Recon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(Exception):
        pass

    def die(*_: object) -> None:
        raise Died

    place = tmp_path / "archive"
    whole = log_of(day)[1] // SIZE * SIZE
    wanted = moving.Wanted(None, 0, None, None)
    steps: list[tuple[object, str]] = [
        (ArchiveDirectory, "put"),  # the file has its name, and the manifest does not name it
        (moving, "encode_stretch"),  # the manifest names it, and the database does not know it
        (moving, "_drop_next"),  # all are recorded, none is dropped
    ]
    for owner, name in steps:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, die)
            with pytest.raises(Died):
                moving.move(day.owner_url, ArchiveDirectory(place), wanted, lambda _: None)
        # What is not finished is told, and is no fault but for a file that nothing names.
        status = 4 if name == "put" else 0
        assert recon("verify", "--archive", str(place)).status == status
    done = moving.move(day.owner_url, ArchiveDirectory(place), wanted, lambda _: None)
    assert len(done.dropped) == whole // SIZE
    assert recon("verify", "--archive", str(place)).status == 0
    assert len(list(place.glob("*.parquet"))) == whole // SIZE


def renamed(place: Path, _: TestDatabase) -> None:
    first, second, *_rest = sorted(place.glob("*.parquet"))
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


def copied(place: Path, _: TestDatabase) -> None:
    first = min(place.glob("*.parquet"))
    (place / "copy.parquet").write_bytes(first.read_bytes())


def lost(place: Path, _: TestDatabase) -> None:
    min(place.glob("*.parquet")).unlink()


def left_out(place: Path, _: TestDatabase) -> None:
    document = json.loads((place / "archive.json").read_bytes())
    del document["stretches"][0]
    (place / "archive.json").write_text(json.dumps(document))


def forged(place: Path, _: TestDatabase) -> None:
    """A file with another event, whose digest the manifest has: what the database recorded tells it."""
    document = json.loads((place / "archive.json").read_bytes())
    document["stretches"][0]["sha256"] = "0" * 64
    (place / "archive.json").write_text(json.dumps(document))


def changed_in_the_database(_: Path, database: TestDatabase) -> None:
    with psycopg.connect(libpq_url(database.owner_url)) as owner:
        owner.execute("ALTER TABLE recon_store.log_events DISABLE TRIGGER USER")
        owner.execute(
            "UPDATE recon_store.log_events SET payload = '{}' WHERE seq = (SELECT min(seq) FROM recon.events)"
        )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (renamed, "is not the file that was archived"),
        (copied, "copy.parquet is not named by archive.json"),
        (lost, "is missing: the archive lacks events 1 to 300"),
        (left_out, "archive.json does not name them; a file is missing"),
        (forged, "archive.json says something else of events 1 to 300"),
        (changed_in_the_database, "is another one in the database than in the archive"),
    ],
)
def test_verify_tells_what_was_changed(
    day: TestDatabase, archive: Path, recon: Recon, change: Callable[[Path, TestDatabase], None], told: str
) -> None:
    change(archive, day)
    result = recon("verify", "--archive", str(archive))
    assert result.status == 4
    assert told in " ".join(result.err.split())


def test_a_quiet_gateway_holds_its_partition_back_and_is_named(day: TestDatabase, recon: Recon, tmp_path: Path) -> None:
    gateway, _ = log_of(day)
    now = datetime.fromisoformat(str(asked(day, "SELECT now()")[0][0]))
    events = [NewEvent("frame", b"{}", now, None, None) for _ in range(SIZE)]
    write_events(day.service_url, "quiet", events)
    fold(day.service_url, "quiet")
    place = str(tmp_path / "archive")
    done = recon("archive", "-o", place, "--keep", "0", "--json").json()
    assert {row["gateway"] for row in done["archived"]} == {gateway}
    assert done["dropped"] == []
    assert done["remarks"] == ["gateway quiet holds events 1 to 300 back: it is not archived up to there"]
    write_events(day.service_url, "quiet", events[:1])
    done = recon("archive", "-o", place, "--keep", "0", "--json").json()
    assert [(row["gateway"], row["last_seq"]) for row in done["archived"]] == [("quiet", SIZE)]
    assert done["dropped"] == ["log_events_from_1"]
    assert done["remarks"] == ["gateway quiet holds events 301 to 600 back: its log has only come to event 301"]
    assert recon("verify", "--archive", place).status == 0


def test_the_archive_of_another_directory_is_refused(day: TestDatabase, archive: Path, recon: Recon) -> None:
    result = recon("archive", "-o", str(archive.parent / "other"), "--keep", "0")
    assert result.status == 2
    assert "one holds all" in " ".join(result.err.split())


@pytest.fixture
def reader(day: TestDatabase) -> Iterator[Reader]:
    with open_reader(day.analyst_url, "test") as made:
        yield made


def part_of(reader: Reader, gateway: str, first: int, last: int, place: Path | None) -> list[bytes]:
    directory = None if place is None else ArchiveDirectory(place)
    to = io.BytesIO()
    archive = None if directory is None else lambda stretches, after: events_after(directory, stretches, after)
    write_log_part(reader, gateway, first, last, to, archive)
    return gzip.decompress(to.getvalue()).splitlines()


def test_evidence_of_archived_events_is_the_same(day: TestDatabase, recon: Recon, tmp_path: Path) -> None:
    gateway, head = log_of(day)
    spans = [(1, head), (SIZE + 1, head), (SIZE - 5, SIZE + 5), (head - 3, head)]
    with open_reader(day.analyst_url, "test") as reader:
        before = [part_of(reader, gateway, *span, None) for span in spans]
        (since,) = reader.rows("SELECT recorded_at FROM recon.events WHERE gateway = :g AND seq = 450", {"g": gateway})
        assert first_since(reader, gateway, since["recorded_at"], head) <= 450
    assert recon("archive", "-o", str(tmp_path / "a"), "--keep", "0").status == 0
    with open_reader(day.analyst_url, "test") as reader:
        assert [part_of(reader, gateway, *span, tmp_path / "a") for span in spans] == before
        assert first_since(reader, gateway, since["recorded_at"], head) <= 450
        assert part_of(reader, gateway, *spans[3], None) == before[3]
        with pytest.raises(ConfigError, match=r"events 1 to \d+ of gateway .* are archived"):
            part_of(reader, gateway, 1, head, None)


def test_a_time_finds_its_position_to_the_minute_and_never_too_late(
    day: TestDatabase, recon: Recon, tmp_path: Path
) -> None:
    gateway, head = log_of(day)
    ((begin, end),) = asked(
        day, "SELECT min(recorded_at), max(recorded_at) FROM recon.events WHERE gateway = %s", gateway
    )
    assert isinstance(begin, datetime)
    assert isinstance(end, datetime)
    minutes = [end.replace(second=0, microsecond=0) - timedelta(minutes=number) for number in range(2)]
    times = [*minutes, begin, begin + (end - begin) / 2, end, begin - timedelta(days=1)]
    find = "SELECT recon.seq_at(%s, %s)"
    before = [int(str(asked(day, find, gateway, at)[0][0])) for at in times]
    assert recon("archive", "-o", str(tmp_path / "a"), "--keep", "0").status == 0
    after = [int(str(asked(day, find, gateway, at)[0][0])) for at in times]
    assert all(one >= other for one, other in zip(before, after, strict=True))
    assert after[: len(minutes)] == before[: len(minutes)]
    assert (after[-2], after[-1]) == (head, 0)
    with open_reader(day.analyst_url, "test") as reader:
        found = [position_at(reader, gateway, head, at) for at in times]
    # The log's screen shows what comes after the position: from the next event on that is here.
    assert all(one >= other for one, other in zip(found, after, strict=True))
    assert found[-2] == head
    shown = recon("events", "-g", gateway, "--since", begin.isoformat(), "--limit", "2", "--json")
    assert (shown.status, len(shown.json())) == (0, 2)
    assert f"of {gateway}" in " ".join(shown.err.split())


def test_whoever_reads_old_events_is_told_that_they_are_archived(
    day: TestDatabase, archive: Path, recon: Recon, tmp_path: Path
) -> None:
    gateway, head = log_of(day)
    whole = head // SIZE * SIZE
    told = f"events 1 to {whole:,} of {gateway}"
    assert told in " ".join(recon("events", "--since", "1", "--limit", "5").err.split())
    assert told not in recon("events", "--since", str(whole + 1)).err
    assert told not in recon("events", "--limit", "2").err
    account = str(asked(day, "SELECT min(account) FROM recon.accounts")[0][0])
    case = recon("events", "-g", gateway, "-a", account, "--case", str(tmp_path / "case"))
    assert case.status == 2
    assert "are archived" in " ".join(case.err.split())


def test_events_with_the_archive_are_those_of_before(
    day: TestDatabase, recon: Recon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, head = log_of(day)
    now = datetime.fromisoformat(str(asked(day, "SELECT now()")[0][0]))
    told = [
        NewEvent("frame", b"\xff\x00" * 60, now, None, None),
        NewEvent("catch_up.begun", b'{"accounts": ["KRAKEN/JOHN"]}', now, None, None),
        NewEvent("rest.answer", b'{"ask": {"what": "history"}}', now, None, None),
        NewEvent("rest.answer", b'{"ask": {"what": "order"}}', now, None, None),
    ]
    write_events(day.service_url, gateway, told * (SIZE // 2))
    whole = log_of(day)[1] // SIZE * SIZE
    assert whole > head
    ((at,),) = asked(day, "SELECT recorded_at FROM recon.events WHERE gateway = %s AND seq = 450", gateway)
    assert isinstance(at, datetime)
    lists: list[tuple[str, ...]] = [
        ("--since", "1", "--limit", "5000"),
        ("--since", str(SIZE - 1), "--limit", "4"),
        ("--since", str(whole - 1), "--limit", "4"),
        ("--since", str(whole + 1), "--limit", "2"),
        ("--since", at.isoformat(), "--limit", "700"),
        ("--limit", "3"),
        ("--limit", str(2 * SIZE + 7)),
        ("--kind", "BALANCE_UPDATE", "--limit", "200"),
        ("--account", "KRAKEN/JOHN", "--since", "1", "--limit", "5000"),
        ("--account", "KRAKEN/JOHN", "--kind", "rest.answer", "--limit", "150"),
    ]
    before = {asked_for: recon("events", *asked_for, "--json").json() for asked_for in lists}
    assert all(before.values())
    place = str(tmp_path / "archive")
    assert recon("archive", "-o", place, "--keep", "0").status == 0
    for asked_for in lists:
        shown = recon("events", *asked_for, "--json", "--archive", place)
        assert (shown.status, shown.json()) == (0, before[asked_for]), asked_for
        assert "are archived" not in shown.err
    assert recon("events", *lists[0], "--json").json() != before[lists[0]]
    min(Path(place).glob("*.parquet")).unlink()
    lost = recon("events", *lists[0], "--archive", place)
    assert (lost.status, "restore the file from a copy" in " ".join(lost.err.split())) == (4, True)
    for other in (("--refused",), ("--case", str(tmp_path / "case"), "-g", gateway, "-a", "KRAKEN/JOHN")):
        assert recon("events", *other, "--archive", place).status == 2


def test_unreadable_bytes_of_any_length_are_shown_as_the_database_shows_them(database: TestDatabase) -> None:
    payloads = [b"\xff" * length for length in range(4 * BYTES_A_LINE + 2)]
    with psycopg.connect(libpq_url(database.owner_url)) as owner:
        query = "SELECT encode(one, 'base64') FROM unnest(%s::bytea[]) WITH ORDINALITY AS a (one, at) ORDER BY at"
        shown = [str(text) for (text,) in owner.execute(query, (payloads,)).fetchall()]
    assert [base64_lines(payload) for payload in payloads] == shown


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT recon_store.record_archive('{g}', 2, 300, ''::bytea, '')", "do not follow the archived ones"),
        ("SELECT recon_store.record_archive('{g}', 1, 300, '\\x00'::bytea, '')", "another digest in the log"),
        (END_OF_LOG, "the end of a log is never archived"),
        ("SELECT recon_store.drop_partition('log_events_from_1')", "it is not archived up to there"),
        ("SELECT recon_store.drop_partition('log_events_beyond')", "that has an end"),
        ("DELETE FROM recon_store.log_archives", None),
    ],
)  # fmt: skip
def test_the_database_refuses_what_is_not_proved(day: TestDatabase, statement: str, told: str | None) -> None:
    gateway, head = log_of(day)
    query = statement.format(g=gateway, head=head).encode()
    if told is not None:
        with psycopg.connect(libpq_url(day.owner_url)) as owner, pytest.raises(psycopg.Error, match=told):
            owner.execute(query)
    with (
        psycopg.connect(libpq_url(day.service_url)) as service,
        pytest.raises(psycopg.Error, match="permission denied"),
    ):
        service.execute(query)
