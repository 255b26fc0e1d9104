"""The document of the metrics says what the code tells: recon/service/families.py, rule 1."""

from __future__ import annotations

import re
from pathlib import Path

from recon.service.families import FAMILIES

PRODUCTION = Path(__file__).parents[2] / "recon" / "docs" / "production.md"
ROW = re.compile(r"^\| `(recon_\w+)` \| (\w+) \| ([\w, ]*?) ?\| (.+) \|$", re.MULTILINE)
#: What labels may be named for: each has few values.
LABELS = {"gateway", "part", "channel", "state", "verdict", "coverage", "outcome"}


def test_the_table_of_the_document_is_that_of_the_code() -> None:
    expected = [
        (each.name if each.kind == "histogram" else each.series[0], each.kind, ", ".join(each.labels), each.meaning)
        for each in FAMILIES.values()
    ]
    assert ROW.findall(PRODUCTION.read_text(encoding="utf-8")) == expected


def test_rule_1__names_have_base_units_and_labels_few_values() -> None:
    for family in FAMILIES.values():
        assert not re.search(r"_(ms|us|micro\w*|milli\w*|minutes|hours|kb|mb|mib|percent)\b", family.name), family
        assert set(family.labels) <= LABELS, family
