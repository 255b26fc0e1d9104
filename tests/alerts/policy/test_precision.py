"""The precision that messages carry is that of `recon/docs/accuracy.md`."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files

from recon.alerts.policy.precision import PRECISION, Precision, precision_of

_COUNTS = re.compile(r"\((\d+)/(\d+)\)")


def test_the_precision_of_each_cause_follows_from_the_published_table() -> None:
    right: Counter[str] = Counter()
    said: Counter[str] = Counter()
    for cause, judged, others in _rows():
        right[cause] += judged - sum(others.values())
        said[cause] += judged - sum(others.values())
        said.update(others)
    assert {cause: Precision(right[cause], said[cause]) for cause in said if said[cause]} == dict(PRECISION)


def test_a_share_has_three_places_and_what_was_not_measured_has_none() -> None:
    assert str(Precision(118, 209).share) == "0.565"
    assert str(Precision(1, 1).share) == "1.000"
    assert precision_of("dust") is None


def _rows() -> list[tuple[str, int, dict[str, int]]]:
    """Return each cause of table 3.3 with how many steps were judged, and what else was said of them."""
    text = (files("recon") / "docs" / "accuracy.md").read_text(encoding="utf-8")
    table = text.partition("**3.3 By cause**")[2].partition("**3.4")[0]
    rows = []
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 5 or not re.fullmatch(r"[a-z_]+", cells[0]) or cells[0] == "cause":
            continue
        judged = sum(int(whole) for cell in cells[2:4] for _, whole in _COUNTS.findall(cell))
        others = [part.split() for part in cells[4].split(", ")] if cells[4] != "-" else []
        assert len(others) < 3, "the table names the three most frequent alone; more may be missing"
        rows.append((cells[0], judged, {name: int(count) for name, count in others}))
    assert len(rows) > 15
    return rows
