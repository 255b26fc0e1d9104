"""`recon replay`: what it prints of a case, and what --check says and returns."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Recon

CASES = Path(__file__).parents[1] / "cases"
LOST_FILL = CASES / "lost-fill"


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return Path(shutil.copytree(LOST_FILL, tmp_path / "lost-fill"))


def expecting(case: Path, **changes: object) -> None:
    path = case / "expected.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_it_shows_orders_fills_units_breaks_and_findings(recon: Recon) -> None:
    shown = recon("replay", str(LOST_FILL))
    assert shown.status == 0
    parts = dict(part.split("\n", 1) for part in shown.out.split("# ")[1:])
    why = ["why BITSTAMP|asset|SOL broke by 2", "why BITSTAMP|asset|EUR broke by -220"]
    assert list(parts) == ["orders", "fills", "units", "breaks", *why, "findings: none"]
    opened, before, after, *rest = parts[why[0]].splitlines()
    assert opened == "opened 09:00:44.000; it arose after 09:00:34.000, up to 09:00:40.000"
    assert before.endswith("2026-01-05 09:00:35.000: 13.5 SOL reported")
    assert after.endswith("2026-01-05 09:00:40.000: 15.5 SOL reported")
    assert "   30.1 bits  taken: something moved that no posting explains: a break" in rest
    assert parts["orders"].splitlines()[1].split()[:4] == ["BITSTAMP|c:w-1", "SOLEUR", "BUY", "PARTIALLY_FILLED"]
    assert parts["fills"].splitlines()[1].split()[-3:] == ["1", "110", "-110"]
    assert "BITSTAMP|asset|SOL     12.5    13.5      15.5  break" in parts["units"]
    assert [line.split()[:5] for line in parts["breaks"].splitlines()[1:]] == [
        ["BITSTAMP|asset|SOL", "2", "missed_fill", "inferred", "open"],
        ["BITSTAMP|asset|EUR", "-220", "missed_fill", "inferred", "open"],
    ]


def test_json_is_one_document_with_amounts_as_strings(recon: Recon) -> None:
    shown = recon("replay", "--json", str(LOST_FILL), str(LOST_FILL))
    first, second = json.loads(shown.out)
    assert first == second
    assert first["case"] == "lost-fill"
    assert first["alerts"] == 2
    assert first["breaks"][0]["opened_at"] == "2026-01-05T09:00:44Z"
    assert first["breaks"][0]["path"]["path"]["after"]["value"] == "15.5"
    assert {row["unit"]: (row["booked"], row["reported"]) for row in first["units"]} == {
        "BITSTAMP|asset|EUR": ("3890", "3670"),
        "BITSTAMP|asset|SOL": ("13.5", "15.5"),
    }
    assert "differences" not in first


def test_check_says_that_all_is_as_expected(recon: Recon) -> None:
    shown = recon("replay", "--check", str(LOST_FILL), str(CASES / "amounts-as-text"))
    assert shown.status == 0
    assert shown.out == "lost-fill: as expected\namounts-as-text: as expected\n"


def test_a_directory_of_cases_stands_for_all_of_them(recon: Recon, tmp_path: Path) -> None:
    for name in ("b", "a"):
        shutil.copytree(LOST_FILL, tmp_path / name)
    (tmp_path / "notes").mkdir()
    shown = recon("replay", "--check", str(tmp_path))
    assert shown.out == "a: as expected\nb: as expected\n"


def test_check_names_each_difference_and_exits_with_1(recon: Recon, case: Path) -> None:
    expecting(case, breaks=[], findings_present=["overfill"])
    shown = recon("replay", "--check", str(case), str(LOST_FILL))
    assert shown.status == 1
    assert shown.out.splitlines() == [
        "lost-fill: different",
        "  the break of 2 in BITSTAMP|asset|SOL is open (missed_fill, inferred), and not expected",
        "  the break of -220 in BITSTAMP|asset|EUR is open (missed_fill, inferred), and not expected",
        "  there is no finding overfill, and one was expected",
        "lost-fill: as expected",
    ]
    shown = recon("replay", "--check", "--json", str(case))
    assert shown.status == 1
    assert len(json.loads(shown.out)[0]["differences"]) == 3


def test_a_key_that_is_not_compared_is_named(recon: Recon, case: Path) -> None:
    expecting(case, brakes=[])
    shown = recon("replay", "--check", str(case))
    assert shown.status == 0
    assert "brakes" in shown.err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rules.json", '{"defaults": {"tolerance": {"absolute": "1000"}}}'),
        ("rules.toml", '[accounts.tolerance]\nabsolute = "1000"\n'),
    ],
)
def test_other_rules_take_the_place_of_the_cases_own(recon: Recon, tmp_path: Path, name: str, content: str) -> None:
    rules = tmp_path / name
    rules.write_text(content, encoding="utf-8")
    (answer,) = json.loads(recon("replay", "--json", "--rules", str(rules), str(LOST_FILL)).out)
    assert answer["alerts"] == 0
    assert {row["verdict"] for row in answer["units"]} == {"agreed"}


def test_what_cannot_be_replayed_is_refused_by_name(recon: Recon, tmp_path: Path, case: Path) -> None:
    nothing = recon("replay", str(tmp_path / "none"))
    assert nothing.status == 2
    assert f"{tmp_path / 'none'}: there is no frames.jsonl" in nothing.err
    (case / "expected.json").unlink()
    unknown = recon("replay", "--check", str(case))
    assert unknown.status == 2
    assert "no expected.json to compare with" in unknown.err
    (tmp_path / "rules.json").write_text("[]", encoding="utf-8")
    rules = recon("replay", "--rules", str(tmp_path / "rules.json"), str(case))
    assert rules.status == 2
    assert "rules.json" in rules.err
