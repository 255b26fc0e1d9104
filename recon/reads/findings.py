"""Findings: what could not be read, or contradicts itself, and what to do about each."""

from __future__ import annotations

from typing import Final

from recon.reads.finding_advice import ADVICE
from recon.reads.read import Read

#: Whether what was found of `f` is over: later rules were read, the symbol was described and its fills are booked, a
#: second person decided, the opening was settled, or no unit of the name waits for its balance row any more.
OVER: Final = """CASE f.kind
    WHEN 'setting_unmatched' THEN
        EXISTS (SELECT FROM recon.events AS r WHERE r.gateway = f.gateway AND r.seq > f.seq AND r.kind = 'rules')
        OR EXISTS (SELECT FROM recon.findings AS r
                   WHERE r.gateway = f.gateway AND r.seq > f.seq AND r.kind = 'rules_approved')
    WHEN 'instrument_unknown' THEN
        EXISTS (SELECT FROM recon_exact.fills AS r
                WHERE r.gateway = f.gateway AND r.account = f.account AND r.order_key = f.about)
    WHEN 'rules_wait' THEN
        EXISTS (SELECT FROM recon.findings AS r
                WHERE r.gateway = f.gateway AND r.seq > f.seq AND r.kind IN ('rules_approved', 'rules_rejected')
                  AND r.about = f.about)
    WHEN 'fact_waits' THEN
        NOT EXISTS (SELECT FROM recon_exact.waiting_facts AS r
                    WHERE r.gateway = f.gateway AND r.account = f.account AND r.external_id = f.about)
    WHEN 'opening_uncertain' THEN
        EXISTS (SELECT FROM recon.findings AS r
                WHERE r.gateway = f.gateway AND r.account = f.account AND r.seq > f.seq
                  AND r.kind = 'opening_settled' AND r.about = f.about)
    WHEN 'unmapped' THEN
        NOT EXISTS (SELECT FROM recon_exact.balances AS r
                    WHERE r.gateway = f.gateway AND r.account = f.account AND r.asset = f.about
                      AND r.verdict IN ('unmodelled', 'unobserved'))
    ELSE false
END"""

#: The newest first; the time is that of the event in which it was found.
FINDINGS: Final = Read(
    name="findings",
    select=f"""
SELECT f.*, x.recorded_at, {OVER} AS is_over
FROM recon.findings AS f
JOIN recon.events AS x ON (x.gateway, x.seq) = (f.gateway, f.seq)""",  # noqa: S608 - our own
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
