"""`recon break show` explains a break by its path: two reports, the postings between them, and what readings cost."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import text

from recon.db.engine import create_engine
from recon.projection.store.folded_table import packed
from recon.reads.case.path import WIDTH, path_lines
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.comparison import ComparisonState
from recon.reconciliation.model.path_evidence import (
    MAX_LEGS,
    READINGS,
    Alternative,
    LegBetween,
    PathEvidence,
    ReportSeen,
    path_evidence,
    path_item,
)
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.database_days import fold

AT = 1_767_603_600_000_000  # 2026-01-05 09:00:00


def example(legs: int = 2, *others: Alternative) -> PathEvidence:
    """A balance fell by 5 more than its postings say."""
    return path_evidence(
        ReportSeen(812, AT, Decimal("99.8")),
        ReportSeen(845, AT + 2_000_000, Decimal("94.8") + legs * Decimal("0.1")),
        [LegBetween(f"order-{n}" if n else None, Decimal("0.1"), AT + 1000 * n) for n in range(legs)],
        legs,
        [*others, Alternative("jump", 320, "a break costs 30 bits, and -5 has one digit")],
        taken="jump",
    )


def lines_of(path: PathEvidence) -> list[str]:
    item = msgspec.json.decode(msgspec.json.encode(path_item(path)))
    return list(path_lines({"evidence": [{"text": "t", "seq": None, "amount": None}, item], "unit": "BTC"}))


def test_reports_postings_and_readings_are_told_in_words() -> None:
    path = example(
        2,
        Alternative("nothing", None, "the reports differ by -4.8, the postings come to 0.2"),
        Alternative("passed_over", 520, "later reports repeat the amount"),
        Alternative("new_rate", 430, ""),
        Alternative("another_cut", 310, ""),
        Alternative("known_rates", 324, ""),
    )
    assert lines_of(path) == [
        "before  event 812, 2026-01-05 09:00:00.000: 99.8 BTC reported",
        "after   event 845, 2026-01-05 09:00:02.000: 95 BTC reported",
        "between them: 2 postings, 0.2 BTC in sum",
        "  2026-01-05 09:00:00.000  0.1",
        "  2026-01-05 09:00:00.001  0.1  order order-1",
        "how it may be read, with its cost; one bit more is half as likely:",
        "   32.0 bits  taken: something moved that no posting explains: a break",
        "             a break costs 30 bits, and -5 has one digit",
        "   31.0 bits  a report had seen more or fewer of the postings: cheaper by",
        "             itself, dearer with the reports around it",
        "   32.4 bits  some fills paid another rate that is known: about as likely",
        "   43.0 bits  a fill paid a rate that was never seen: about 2,000 times less",
        "             likely",
        "   52.0 bits  a report was wrong or out of date: more than a million times",
        "             less likely",
        "             later reports repeat the amount",
        "   ruled out  nothing happened but these postings, at the expected fees",
        "             the reports differ by -4.8, the postings come to 0.2",
    ]


@pytest.mark.parametrize(
    ("legs", "said"),
    [(0, "no posting lies between them"), (1, "1 posting, 0.1 BTC in sum"), (MAX_LEGS, "20 postings, 2 BTC in sum")],
)
def test_few_postings_are_all_shown(legs: int, said: str) -> None:
    lines = lines_of(example(legs))
    assert sum(line.startswith("  2026-01-05") for line in lines) == legs
    assert any(line.endswith(said) for line in lines)
    assert not any(" more" in line and line.startswith("  and") for line in lines)


def test_many_postings_are_counted_and_summed_and_twenty_are_shown() -> None:
    path = example(27)
    assert (len(path.legs), path.leg_count, path.leg_total) == (20, 27, Decimal("2.7"))
    lines = lines_of(path)
    assert sum(line.startswith("  2026-01-05") for line in lines) == MAX_LEGS
    assert "between them: 27 postings, 2.7 BTC in sum" in lines
    assert "  and 7 more" in lines


def test_where_only_the_first_postings_are_known_no_sum_is_told() -> None:
    whole = example(20)
    path = path_evidence(whole.before, whole.after, whole.legs, 21, whole.alternatives, taken="jump")
    lines = lines_of(path)
    assert "between them: 21 postings" in lines
    assert "  and 1 more" in lines
    assert path_item(path).amount is None


def test_the_reading_that_was_taken_stands_first_also_where_another_is_cheaper_by_itself() -> None:
    path = example(0, Alternative("passed_over", 260), Alternative("nothing", None), Alternative("new_rate", 200))
    assert [each.what for each in path.alternatives] == ["jump", "new_rate", "passed_over", "nothing"]


def test_no_line_is_wider_than_the_terminal_whatever_is_told() -> None:
    others = [Alternative(what, 1000, "word " * 60) for what in READINGS]
    path = example(3, *others, Alternative("of_a_later_version", 5, "x" * 200))
    path = msgspec.structs.replace(path, before=ReportSeen(812, AT, Decimal("123456789012345678901234567890.5")))
    lines = lines_of(path)
    assert max(map(len, lines)) <= WIDTH
    assert any("of_a_later_version" in line for line in lines)


def test_a_stored_break_without_a_path_is_read() -> None:
    fresh = Break("id", "case", "unexplained", "candidate", "open", Decimal(1), [], 1, 1, 1, 1, 1)
    stored = msgspec.msgpack.decode(packed(fresh))
    assert stored.pop("path") is None
    assert msgspec.msgpack.decode(packed(stored), type=Break) == fresh


@pytest.mark.postgres
def test_a_break_shows_its_path_and_others_show_none(recon: Recon, day: TestDatabase) -> None:
    shown = recon("breaks", "--json").json()["breaks"]
    row, other = shown[0], shown[1]
    path = example(27, Alternative("nothing", None, ""))
    give_path(day, row["id"], path)
    assert recon("break", "comment", row["id"], "--text", "asked the venue").status == 0
    fold(day.service_url, row["gateway"])

    told = recon("break", "show", row["id"], "--leg", "--verbose").out
    assert "settlement window W, by the rules in force: " in told
    assert "\npath\n  before  event 812, 2026-01-05 09:00:00.000: 99.8 " in told
    assert "    and 7 more\n" in told
    section = told.partition("\npath\n")[2].partition("\ntried\n")[0]
    assert max(map(len, section.splitlines())) <= 80
    assert "the reports changed by" not in told, "a path is told once"
    (document,) = recon("break", "show", row["id"], "--json").json()
    assert msgspec.convert(document["path"], PathEvidence) == path
    assert all("path" not in item for item in document["evidence"])
    give_path(day, other["id"], None)
    assert recon("break", "comment", other["id"], "--text", "asked the venue").status == 0
    fold(day.service_url, other["gateway"])
    assert "\npath\n" not in recon("break", "show", other["id"], "--leg", "--verbose").out
    (document,) = recon("break", "show", other["id"], "--json").json()
    assert document["path"] is None


def give_path(day: TestDatabase, break_id: str, path: PathEvidence | None) -> None:
    """Store a path with a break, as the fold keeps it."""
    with create_engine(day.superuser_url, "tests", pooled=False).begin() as connection:
        for row in connection.execute(text("SELECT * FROM recon_store.comparisons")).mappings().all():
            state = msgspec.msgpack.decode(row["data"], type=ComparisonState)
            for each in state.breaks:
                if each.id == break_id:
                    each.path = path
            connection.execute(
                text(
                    "UPDATE recon_store.comparisons SET data = :data WHERE (gateway, edition, account, unit_kind, unit)"
                    " = (:gateway, :edition, :account, :unit_kind, :unit)"
                ),
                dict(row) | {"data": packed(state)},
            )
