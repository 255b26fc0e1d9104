"""Findings: what could not be read, or contradicts itself, and what to do about each."""

from __future__ import annotations

from typing import Final

from recon.reads.finding_advice import ADVICE
from recon.reads.read import Read

#: The newest first; the time is that of the event in which it was found.
FINDINGS: Final = Read(
    name="findings",
    select="""
SELECT f.*, x.recorded_at
FROM recon.findings AS f
JOIN recon.events AS x ON (x.gateway, x.seq) = (f.gateway, f.seq)""",
    filters={
        "gateway": "f.gateway",
        "account": "f.account",
        "kind": "f.kind",
        "since": "x.recorded_at",
        "until": "x.recorded_at",
    },
    words={"kind": lambda: tuple(ADVICE)},
    sorts={
        **{name: f"f.{name}" for name in ("gateway", "account", "seq", "kind", "about", "message")},
        "recorded_at": "x.recorded_at",
    },
    order="f.seq DESC, f.gateway, f.number",
)
