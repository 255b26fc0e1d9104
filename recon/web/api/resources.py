"""What the read API has: each resource is a view, its columns, the key that its pages go by, and its filters. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

import msgspec

from recon.reads.filter import VALUES
from recon.reads.unit_rows import UNITS
from recon.source_class import INDEPENDENCE
from recon.web.api.values import Column, columns_of

#: Rows of a page unless asked for otherwise, and most.
USUAL_ROWS: Final = 100
MAX_ROWS: Final = 1000


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A resource. `key` orders its rows and leaves no two equal; `r` is its alias in filters."""

    name: str
    summary: str
    source: str
    columns: Mapping[str, Column]
    key: tuple[str, ...]
    filters: Mapping[str, str]
    words: Mapping[str, Callable[[], Collection[str]]] = {}
    #: Most rows of a page, where rows are large.
    most: int = MAX_ROWS


_PLACE: Final = {"gateway": "r.gateway", "account": "r.account"}
_BEGINS: Final = f"EXISTS (SELECT 1 FROM unnest({VALUES}) AS k (start) WHERE starts_with(r.case_id, k.start))"  # noqa: S608
_BREAK_FILTERS: Final = {
    **_PLACE,
    **{name: f"r.{name}" for name in ("unit", "cause", "certainty", "state", "severity")},
    "who": "r.assignee",
    "case": _BEGINS,
    "since": "coalesce(r.origin_at, r.opened_at)",
    "until": "coalesce(r.origin_at, r.opened_at)",
}


def _times(column: str) -> dict[str, str]:
    return {"since": f"r.{column}", "until": f"r.{column}"}


RESOURCES: Final[tuple[Resource, ...]] = (
    Resource(
        name="cases",
        summary="Cases: breaks of one common cause",
        source="recon_exact.cases",
        columns=columns_of("""
            case_id text, gateway text, accounts texts, breaks int, open_breaks int, amount_usd decimal?, cause text,
            causes texts, state text, opened_at time, severity text?"""),
        key=("gateway", "case_id"),
        filters={
            "gateway": "r.gateway",
            "account": f"r.accounts && {VALUES}",
            "cause": f"r.causes && {VALUES}",
            **{name: f"r.{name}" for name in ("state", "severity")},
            "case": _BEGINS,
            **_times("opened_at"),
        },
    ),
    Resource(
        name="breaks",
        summary="Breaks, in every state of their life",
        source="recon_exact.breaks",
        columns=columns_of("""
            id text, case_id text, gateway text, account text, unit_kind text, unit text, cause text, certainty text,
            state text, amount decimal, amount_usd decimal?, opened_at time, closed_at time?, after_seq int,
            until_seq int, occurrences int, note text, candidates json, owns_residual bool, offset_by text?,
            rules_version int, assignee text?, origin_at time, evidence json, tried json, proposal json?,
            accepted_until time?, accepted_amount decimal?, severity text?, explained_amount decimal, gap text?"""),
        key=("gateway", "id"),
        filters=_BREAK_FILTERS,
        most=200,
    ),
    Resource(
        name="units",
        summary="Units: what the books say, what is reported, and the verdict",
        source=f"({UNITS})",
        columns=columns_of("""
            gateway text, account text, unit_kind text, unit text, coinapi text?, value decimal?, opening decimal?,
            fills decimal, expected decimal?, explained decimal, reported decimal?, drift decimal?,
            unexplained decimal?, in_flight decimal?, rate_usd decimal?, verdict text, reason text?, inferred bool?,
            observed_at time?, cut_seq int?, open_breaks int, agreed_source text?, agreed_source_at time?"""),
        key=("gateway", "account", "unit_kind", "unit"),
        filters={**_PLACE, "unit": "r.unit", "verdict": "r.verdict", "kind": "r.unit_kind"},
        words={"kind": lambda: ("asset", "contract")},
    ),
    Resource(
        name="observations",
        summary="The history of each unit: its observations as they were judged",
        source="recon_exact.observations",
        columns=columns_of("""
            gateway text, account text, unit_kind text, unit text, seq int, at time, reported decimal,
            expected decimal?, explained decimal, drift decimal?, unexplained decimal?, verdict text, judged_seq int,
            judged_at time, edition int, source text"""),
        key=("gateway", "account", "unit_kind", "unit", "at", "judged_seq"),
        filters={**_PLACE, "unit": "r.unit", "verdict": "r.verdict", "kind": "r.unit_kind", **_times("at")},
        words={"kind": lambda: ("asset", "contract")},
    ),
    Resource(
        name="source_checks",
        summary="What independent sources said was held, and whether the books of that time agree",
        source="recon_exact.source_checks",
        columns=columns_of("""
            gateway text, account text, unit_kind text, unit text, source text, at time, seq int, number int,
            recorded_at time, reported decimal, expected decimal?, drift decimal?, verdict text, reason text?,
            break_id text?, judged_seq int?, told_unit text, absent bool, external_id text"""),
        key=("gateway", "seq", "number"),
        # As of the list of `recon sources`: `kind` is who says it.
        filters={**_PLACE, "unit": "r.unit", "verdict": "r.verdict", "kind": "r.source", **_times("at")},
        words={"verdict": lambda: ("pending", "agreed", "break", "not_judged"), "kind": lambda: INDEPENDENCE},
    ),
    Resource(
        name="accounts",
        summary="Accounts: coverage, last sign of life, and orders that are not accounted for",
        source="recon.accounts",
        columns=columns_of("""
            gateway text, account text, state text, reason text?, last_alive_at time?, clock_skew seconds?, since time?,
            open_orders_unaccounted int, unaccounted_orders json, venue_account text?, catch_up text?,
            stamp_resolution seconds?, venue_ahead seconds?"""),
        key=("gateway", "account"),
        filters={**_PLACE, "state": "r.state"},
        words={"state": lambda: ("covered", "gap", "catching_up", "unresolved")},
    ),
    Resource(
        name="gateways",
        summary="Gateways: whether they are connected, and how far the books have come",
        source="recon.gateways",
        columns=columns_of("""
            name text, state text, session text?, connected_at time?, last_event_at time?, head_seq int,
            projected_seq int, lag_events int, changed_at time?, url text?, reason text?, detail text?, edition int?,
            fold_version int?, recorder text?, recorder_login text?, recorder_since time?"""),
        key=("name",),
        filters={"gateway": "r.name"},
    ),
    Resource(
        name="coverage",
        summary="Coverage: each stretch of the log with one state of an account",
        source="recon.coverage",
        columns=columns_of("""
            gateway text, account text, from_seq int, until_seq int?, from_time time, until_time time?, state text,
            reason text?, recovery text?, lasted seconds?"""),
        # A gap of one event has the position of the stretch after it.
        key=("gateway", "account", "from_seq", "from_time"),
        filters={
            **_PLACE,
            "state": "r.state",
            # A stretch counts as far as it reaches into the time.
            "since": "coalesce(r.until_time, 'infinity')",
            "until": "r.from_time",
        },
        words={"state": lambda: ("covered", "gap", "catching_up", "unresolved")},
    ),
    Resource(
        name="events",
        summary="The log: each event, with its payload as it came",
        source="recon.events",
        columns=columns_of("""
            gateway text, seq int, recorded_at time, received_at time, kind text, account text?, session text?,
            readable bool, payload json?, redacted bool, digest text"""),
        key=("gateway", "seq"),
        filters={**_PLACE, "kind": "r.kind", **_times("recorded_at")},
        most=200,
    ),
    Resource(
        name="orders",
        summary="Orders, with their furthest state",
        source="recon_exact.orders",
        columns=columns_of("""
            gateway text, account text, order_key text, client_order_id text?, exchange_order_id text?, symbol text?,
            symbol_coinapi text?, side text?, price decimal?, amount_order decimal?, amount_filled decimal,
            amount_open decimal?, avg_px decimal?, status text, first_seq int, last_seq int, updated_at time,
            open bool"""),
        key=("gateway", "account", "order_key"),
        filters={
            **_PLACE,
            **{name: f"r.{name}" for name in ("symbol", "side", "status")},
            "order": f"(r.order_key = ANY({VALUES}) OR r.client_order_id = ANY({VALUES})"
            f" OR r.exchange_order_id = ANY({VALUES}))",
            "state": f"CASE WHEN r.open THEN 'open' ELSE 'over' END = ANY({VALUES})",
            **_times("updated_at"),
        },
        words={"state": lambda: ("open", "over")},
    ),
    Resource(
        name="fills",
        summary="Fills that were booked",
        source="recon_exact.fills",
        columns=columns_of("""
            gateway text, account text, order_key text, ordinal int, symbol text?, side text?, price decimal?,
            price_known bool, amount decimal, cash decimal?, cash_asset text?, filled_at time, seq int, source text"""),
        key=("gateway", "account", "order_key", "ordinal"),
        filters={
            **_PLACE,
            **{name: f"r.{name}" for name in ("symbol", "side")},
            "unit": f"(r.symbol = ANY({VALUES}) OR r.cash_asset = ANY({VALUES}))",
            "order": "r.order_key",
            **_times("filled_at"),
        },
    ),
    Resource(
        name="alerts",
        summary="Signals: what happened, and whether it was told",
        source="recon_exact.alerts",
        columns=columns_of("""
            gateway text, id text, kind text, event text, break_id text, case_id text, case_seq int?, seq int?,
            occurred_at time, created_at time, routed_at time?, state text, messages int, channels texts,
            account text?, unit_kind text?, unit text?, amount decimal?, amount_usd decimal?, cause text?,
            certainty text?, severity text?, actor text?, document json"""),
        key=("occurred_at", "gateway", "id"),
        filters={
            **_PLACE,
            **{name: f"r.{name}" for name in ("unit", "cause", "certainty", "severity", "kind")},
            "case": _BEGINS,
            **_times("occurred_at"),
        },
        most=200,
    ),
    Resource(
        name="closes",
        summary="Closings of accounts' business days that people signed",
        source="recon.closes",
        columns=columns_of("""
            gateway text, account text, business_day date, seq int, state text, clean bool, covered_throughout bool,
            accept_gaps bool, reasons json, opens_at time, cut_off time, known_seq int, head text, digest text,
            signed_by text, signed_at time, text text?, second_by text?, second_at time?, second_seq int?,
            second_text text?, restates int?, restated_by int?, document json"""),
        key=("gateway", "seq"),
        filters={**_PLACE, **_times("signed_at")},
        most=50,
    ),
    Resource(
        name="close_lines",
        summary="The units of the closings that people signed",
        source="recon_exact.close_lines",
        columns=columns_of("""
            gateway text, account text, business_day date, seq int, state text, unit_kind text, unit text,
            opening decimal, movements json, moved decimal, expected decimal?, reported decimal?, reported_at time?,
            timing decimal?, drift decimal?, verdict text, open_breaks int, oldest_age seconds?, breaks json,
            source text?, source_at time?, covered_throughout bool"""),
        key=("gateway", "seq", "unit_kind", "unit"),
        filters={**_PLACE, "unit": "r.unit", "verdict": "r.verdict"},
    ),
)
