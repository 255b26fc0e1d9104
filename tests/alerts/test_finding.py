"""Which findings are told, and how often."""

from __future__ import annotations

import json

from recon.alerts.break_alert import MAX_NOTICE_BYTES
from recon.alerts.finding import MAX_TOLD, TOLD, finding_signals
from recon.ledger.changes import Finding
from tests.support.alert_rows import GATEWAY, T0


def found(kind: str, about: str = "ZUSD", seq: int = 7, account: str | None = "KRAKEN/JOHN") -> Finding:
    return Finding(account, seq, kind, about, "recon failed to compare the unit")


def test_only_findings_that_need_a_person_are_told() -> None:
    made = finding_signals(GATEWAY, [found("symbol_spelled"), found("comparison_failed"), found("unmapped")], T0)
    assert [each.signal.event for each in made] == ["finding.comparison_failed"]
    document = json.loads(made[0].document)
    assert (document["about"], document["log"]["seq"]) == ("ZUSD", 7)
    assert document["look"] == [f"recon events --gateway {GATEWAY} --since 7"]
    assert "comparison_failed" in TOLD


def test_a_source_that_repeats_itself_is_one_signal_and_others_of_its_kind_are_of_one_case() -> None:
    again = [found("fact_conflict", seq=seq) for seq in (7, 8, 9)]
    other = found("fact_conflict", "XXBT")
    first, second = finding_signals(GATEWAY, [*again, other], T0)
    assert (first.signal.seq, first.signal.case_id) == (7, second.signal.case_id)
    assert first.id != second.id
    assert finding_signals(GATEWAY, [again[2]], T0)[0].id == first.id, "also in a later step"


def test_a_flood_of_findings_and_names_from_outside_are_bounded() -> None:
    flood = [found("fact_conflict", f"{n}" + "€" * 5000, account="\x01" * 5000) for n in range(MAX_TOLD + 50)]
    made = finding_signals(GATEWAY, flood, T0)
    assert len(made) == MAX_TOLD
    assert all(len((each.notice or "").encode()) <= MAX_NOTICE_BYTES for each in made)
