"""`recon what-if`: other rules, and the breaks that they would make, spare or change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Recon
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres


def test_other_rules_spare_breaks_and_the_books_stay(recon: Recon, day: TestDatabase, tmp_path: Path) -> None:
    rules = tmp_path / "other.toml"
    rules.write_text('[accounts]\ntolerance = { absolute = "1000000" }\n', encoding="utf-8")
    before = recon("breaks", "--all", "--json").json()["breaks"]
    result = recon("what-if", "--rules", str(rules), "--json")
    assert result.status == 0, result.err
    eu, us = result.json()
    assert (eu["gateway"], us["gateway"]) == ("prod-eu", "prod-us")
    gone = [each["now"]["id"] for each in eu["differences"] if each["what"] == "vanishes"]
    assert set(gone) <= {row["id"] for row in before}
    assert len(gone) == eu["breaks_now"] - eu["breaks_then"] > 0
    assert recon("breaks", "--all", "--json").json()["breaks"] == before
    narrowed = ("--filter", f"unit={eu['differences'][0]['now']['unit']}", "--gateway", "prod-eu")
    (other,) = recon("what-if", "--rules", str(rules), "--json", *narrowed).json()
    units = {(each["now"] or each["then"])["unit"] for each in other["differences"]}
    assert units == {eu["differences"][0]["now"]["unit"]}
    assert other["breaks_now"] == eu["breaks_now"]
    shown = recon("what-if", "--rules", str(rules), "--gateway", "prod-eu")
    assert gone[0] in shown.out
    assert f"prod-eu: {eu['breaks_now']} breaks now" in shown.err


def test_a_file_that_holds_no_rules_is_refused(recon: Recon, day: TestDatabase, tmp_path: Path) -> None:
    rules = tmp_path / "other.toml"
    rules.write_text('[webhooks.ops]\nurl = "https://x/"\n', encoding="utf-8")
    result = recon("what-if", "--rules", str(rules))
    assert result.status == 2
    assert "holds no rules" in result.err
    assert recon("what-if", "--rules", str(tmp_path / "none.toml")).status == 2
