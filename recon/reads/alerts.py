"""Alerts: what happened to cases and to recon's own sight, and whether it was told."""

from __future__ import annotations

from typing import Final, get_args

import msgspec

from recon.alerts.policy.model import SignalKind
from recon.reads.alert_list import COLUMNS
from recon.reads.read import Read

#: The newest first.
ALERTS: Final = Read(
    name="alerts",
    select="""
SELECT a.occurred_at AS at, a.kind, a.event, nullif(a.gateway, '') AS gateway,
       coalesce(nullif(concat_ws(' ', a.account, a.unit, a.amount::text, a.cause), ''),
                a.document ->> 'detail', a.break_id) AS what,
       a.account, a.unit, a.amount, a.cause, a.severity, a.state, array_to_string(a.channels, ', ') AS channels,
       a.case_id, a.case_seq, a.id
FROM recon_exact.alerts AS a""",
    filters={**COLUMNS, "kind": "a.kind"},
    words={"kind": lambda: get_args(SignalKind)},
    sorts={
        **{name: f"a.{name}" for name in ("kind", "event", "gateway", "account", "unit", "cause", "state", "case_id")},
        "at": "a.occurred_at",
    },
    order="a.occurred_at DESC, a.seq DESC, a.id",
)
#: Without that somebody took a break up: whoever did so knows.
NEWS: Final = msgspec.structs.replace(ALERTS, always="a.kind <> 'taken_up'")
