"""What independent sources say was held, held against the books of that time (semantics 5.12)."""

from __future__ import annotations

from typing import Final

from recon.reads.read import Read
from recon.source_class import INDEPENDENCE

#: The newest first, by the time that the amounts are of.
SOURCES: Final = Read(
    name="sources",
    select="""
SELECT s.gateway, s.account, s.unit_kind, s.unit, s.source, s.at, s.reported, s.expected, s.drift, s.verdict, s.reason,
       s.break_id, s.seq, s.number, s.recorded_at, s.judged_seq, s.told_unit, s.absent, s.external_id
FROM recon_exact.source_checks AS s""",
    filters={
        **{name: f"s.{name}" for name in ("gateway", "account", "unit", "verdict")},
        "kind": "s.source",
        "since": "s.at",
        "until": "s.at",
    },
    words={
        "verdict": lambda: ("pending", "agreed", "break", "not_judged"),
        "kind": lambda: INDEPENDENCE,
    },
    sorts={
        name: f"s.{name}"
        for name in ("gateway", "account", "unit", "source", "at", "reported", "expected", "drift", "verdict", "seq")
    },
    order="s.at DESC, s.gateway, s.seq DESC, s.number",
)
