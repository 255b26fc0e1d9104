"""`recon evidence`: what an auditor gets, checked by the program that comes with it and nothing else."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from recon.db.reader import open_reader
from tests.cli.accountant import ACCOUNT, CUT_OFF, DAY, GATEWAY, OF
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.archived_logs import in_partitions
from tests.support.command_line import Become
from tests.support.database_days import fold
from tests.support.evidence_checked import verified

pytestmark = pytest.mark.postgres


#: Events of a partition.
SIZE = 200


@pytest.fixture
def partitioned(database: TestDatabase) -> None:
    """A log in partitions of a few hundred events: named before the day that is written to it."""
    in_partitions(database.owner_url, SIZE, 40)


@pytest.fixture
def signed(recon: Recon, become: Become, traded: TestDatabase) -> TestDatabase:
    """The day, signed by two logins."""
    for name in ("alice", "bob"):
        become(name)
        assert recon("close", *OF, "--sign", "--text", "all of it is known").status == 0
    fold(traded.service_url, GATEWAY)
    return traded


def written(recon: Recon, to: Path) -> Path:
    made = recon("evidence", *OF, "-o", str(to))
    assert made.status == 0, made.err
    assert made.out.strip() == hashlib.sha256((to / "manifest.json").read_bytes()).hexdigest()
    return to


def manifest_of(directory: Path) -> Any:
    return json.loads((directory / "manifest.json").read_text())


def rows_of(directory: Path, report: str) -> list[dict[str, str]]:
    with (directory / "reports" / f"{report}.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_evidence_is_checked_without_recon(recon: Recon, signed: TestDatabase, tmp_path: Path) -> None:
    place = written(recon, tmp_path / "evidence")
    status, told = verified(place)
    assert status == 0, told
    manifest = manifest_of(place)
    (part,) = manifest["logs"]
    assert f"log {GATEWAY}: events {part['first_seq']} to {part['last_seq']}, none missing, none changed" in told
    assert f"{GATEWAY} {ACCOUNT} {DAY}: not clean, signed by alice_of_" in told
    assert manifest["fully_signed"]
    assert {path.name for path in place.iterdir()} >= {"report.html", "people.json", "queries", "reports", "README.txt"}


def test_its_reports_have_the_figures_of_the_closing(recon: Recon, signed: TestDatabase, tmp_path: Path) -> None:
    place = written(recon, tmp_path / "evidence")
    (closing,) = json.loads((place / "closings.json").read_text())
    moved: dict[str, Decimal] = {}
    for row in rows_of(place, "movements"):
        moved[row["unit"]] = moved.get(row["unit"], Decimal(0)) + Decimal(row["amount"])
    assert moved
    for line in closing["document"]["lines"]:
        opened = sum(map(Decimal, line["movements"].values()))
        assert moved.get(line["unit"], Decimal(0)) == opened, line["unit"]
    breaks = {each["id"] for line in closing["document"]["lines"] for each in line["breaks"]}
    assert breaks
    assert breaks <= {row["id"] for row in rows_of(place, "breaks")}
    people = json.loads((place / "people.json").read_text())
    actions = [each["action"] for each in people["gateways"][GATEWAY]["decisions"]]
    assert actions == ["sign_close", "countersign_close"]
    assert any("recon_operator" in each["may_act_as"] for each in people["logins"])


def test_the_sql_of_each_report_gives_its_rows_again(recon: Recon, signed: TestDatabase, tmp_path: Path) -> None:
    place = written(recon, tmp_path / "evidence")
    reports = manifest_of(place)["reports"]
    assert {each["name"] for each in reports} == {"balances", "positions", "breaks", "movements", "fills", "fees"}
    with open_reader(signed.service_url, "tests") as reader:
        for each in reports:
            sql = (place / each["sql"]).read_text()
            assert len(reader.rows(sql, each["parameters"])) == each["rows"] == len(rows_of(place, each["name"]))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_changed_file_a_missing_one_and_a_foreign_one_are_told(
    recon: Recon, signed: TestDatabase, tmp_path: Path
) -> None:
    place = written(recon, tmp_path / "evidence")
    flip(place / "reports" / "balances.csv")
    (place / "queries" / "fills.sql").unlink()
    (place / "reports" / "more.csv").write_text("a\n1\n")
    status, told = verified(place)
    assert status == 1
    for line in ("reports/balances.csv was changed", "queries/fills.sql is missing", "reports/more.csv is not of this"):
        assert line in told


def resealed(place: Path) -> None:
    """Make the manifest fit the files again, as somebody would who changed one."""
    manifest = manifest_of(place)
    for each in manifest["files"]:
        content = (place / each["name"]).read_bytes()
        each.update(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    (place / "manifest.json").write_bytes(msgspec.json.encode(manifest))


def change_log(change: Callable[[list[list[Any]]], object]) -> Callable[[Path], None]:
    def apply(place: Path) -> None:
        (file,) = (place / "log").iterdir()
        events = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
        change(events)
        file.write_bytes(gzip.compress(b"".join(msgspec.json.encode(each) + b"\n" for each in events)))

    return apply


def change_closing(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def apply(place: Path) -> None:
        closings = json.loads((place / "closings.json").read_text())
        change(closings[0])
        (place / "closings.json").write_bytes(msgspec.json.encode(closings))

    return apply


#: Each a change with digests made to fit again, and what tells it.
CHANGES: list[tuple[Callable[[Path], object], str]] = [
    (change_log(lambda events: events[3].__setitem__(7, "e30=")), "does not fit its digest"),
    (change_log(lambda events: events[3].__setitem__(1, events[3][1] + 1)), "does not fit its digest"),
    (change_log(lambda events: events.pop(3)), "is missing"),
    (change_log(lambda events: events.pop()), "does not end with event"),
    (change_closing(lambda each: each["document"].update(clean=True)), "does not fit its digest"),
    (change_closing(lambda each: each["document"].update(clean=True)), "is of another document"),
    (change_closing(lambda each: each.update(second_by=each["signed_by"])), "one login signed twice"),
    (change_closing(lambda each: each.update(signed_by="mallory")), "is by another login"),
    (change_closing(lambda each: each.update(seq=each["seq"] - 1)), "is none"),
    (lambda place: (place / "reports" / "fills.csv").write_text("gateway\n"), "and the manifest says"),
]


def test_who_makes_the_digests_fit_again_is_told_by_the_log_and_the_signatures(
    recon: Recon, signed: TestDatabase, tmp_path: Path
) -> None:
    place = written(recon, tmp_path / "evidence")
    for number, (change, told) in enumerate(CHANGES):
        changed = tmp_path / str(number)
        shutil.copytree(place, changed)
        change(changed)
        resealed(changed)
        status, lines = verified(changed)
        assert (status, told in lines) == (1, True), (number, lines)


def test_a_day_that_nobody_signed_is_evidence_that_says_so(recon: Recon, traded: TestDatabase, tmp_path: Path) -> None:
    made = recon("evidence", *OF, "-o", str(tmp_path / "evidence"))
    assert made.status == 0, made.err
    assert "nobody has signed this day" in made.err
    assert manifest_of(tmp_path / "evidence")["fully_signed"] is False
    assert "signed by nobody" in verified(tmp_path / "evidence")[1]


def test_a_day_that_is_not_over_is_headed_provisional_everywhere(
    recon: Recon, traded: TestDatabase, tmp_path: Path
) -> None:
    to, today = tmp_path / "evidence", datetime.now(UTC).date()
    made = recon("evidence", "--date", today.isoformat(), *OF[2:], "-o", str(to))
    assert made.status == 0, made.err
    why = f"the day is not over: the cut-off of {ACCOUNT} is at {today + timedelta(days=1)} 00:00 UTC"
    assert f"provisional: {why}\n" in made.err
    assert manifest_of(to)["provisional"] == [why]
    assert verified(to)[1].startswith(f"PROVISIONAL: {why}\n")
    assert f"PROVISIONAL: {why}.\n" in (to / "README.txt").read_text(encoding="utf-8")
    page = (to / "report.html").read_text(encoding="utf-8")
    assert page.index("</h1>") < page.index(f"<strong>Provisional:</strong> {why}") < 10_000, "it is the head"
    over = recon("evidence", *OF, "-o", str(tmp_path / "over"))
    assert over.status == 0, over.err
    assert all(b"rovisional" not in (tmp_path / "over" / name).read_bytes() for name in ("README.txt", "report.html"))


def test_there_is_no_evidence_of_a_day_to_come_nor_of_before_the_log(
    recon: Recon, traded: TestDatabase, tmp_path: Path
) -> None:
    later = (CUT_OFF + timedelta(days=30)).date().isoformat()
    for day, told in ((later, f"{later} is still to come: it begins at"), ("2025-01-01", "is known of 2025-01-01")):
        made = recon("evidence", "--date", day, "-o", str(tmp_path / "evidence"))
        assert (made.status, told in " ".join(made.err.split())) == (2, True), made.err
        assert not (tmp_path / "evidence").exists()


@pytest.mark.usefixtures("partitioned")
def test_evidence_of_an_archived_day_is_the_same(
    recon: Recon, signed: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = written(recon, tmp_path / "before")
    monkeypatch.setenv("RECON_DATABASE__MIGRATE_URL", signed.owner_url)
    archive = str(tmp_path / "archive")
    moved = recon("archive", "-o", archive, "--keep", "0", "--json").json()
    assert len(moved["dropped"]) > 1
    refused = recon("evidence", *OF, "-o", str(tmp_path / "after"))
    assert (refused.status, "are archived" in " ".join(refused.err.split())) == (2, True)
    assert not (tmp_path / "after").exists()
    made = recon("evidence", *OF, "-o", str(tmp_path / "after"), "--archive", archive)
    assert made.status == 0, made.err
    assert verified(tmp_path / "after")[0] == 0
    logs = [manifest_of(place)["logs"] for place in (before, tmp_path / "after")]
    assert logs[0] == logs[1]
    for log in (before / "log").iterdir():
        assert gzip.decompress(log.read_bytes()) == gzip.decompress(
            (tmp_path / "after" / "log" / log.name).read_bytes()
        )


def test_evidence_is_never_replaced_and_appears_whole(
    recon: Recon, signed: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "evidence"
    written(recon, place)
    again = recon("evidence", *OF, "-o", str(place))
    assert (again.status, "evidence is never replaced" in again.err) == (2, True)
    nowhere = recon("evidence", *OF, "-o", str(tmp_path / "no" / "where"))
    assert (nowhere.status, "cannot be written" in nowhere.err) == (2, True)

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("recon.evidence.collect.write_log_part", fails)
    full = recon("evidence", *OF, "-o", str(tmp_path / "other"))
    assert full.status == 2, full.err
    assert sorted(path.name for path in tmp_path.iterdir() if "evidence" not in path.name) == ["recon.toml"]


def test_a_directory_without_evidence_is_none(tmp_path: Path, recon: Recon, signed: TestDatabase) -> None:
    place = written(recon, tmp_path / "evidence")
    (place / "manifest.json").unlink()
    status, told = verified(place)
    assert (status, "there is no manifest.json" in told) == (2, True)
