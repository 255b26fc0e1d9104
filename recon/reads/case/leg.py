"""Reading a break in full: its history, origin, figures, related breaks and possible steps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from recon.closing.calendar import calendar_of
from recon.db.source import Row, Source, query_rows
from recon.deciding.selection import SelectedBreak, person_steps
from recon.ledger.rules import AccountRules
from recon.reads.archived import archived_words
from recon.reads.case.model import Leg
from recon.reads.unit_sources import read_sources
from recon.reconciliation.model.lifecycle import ACTIVE

#: Events between the ends of the origin that are counted by kind; beyond it the count says `more than`.
MAX_COUNTED: Final = 10_000
_UNIT_VIEWS: Final = {"asset": ("balances", "asset"), "contract": ("positions", "symbol")}
_FIGURES: Final = (
    "opening", "fills", "expected", "explained", "reported", "drift", "unexplained", "in_flight", "verdict",
    "observed_at", "cut_seq", "reason",
)  # fmt: skip
#: A fact took effect when it was told, or approved. Whether an amount is the opposite is a matter of a thousandth:
#: what the reports show beside it, such as rounding, is in the break too.
_OPPOSITE: Final = """
SELECT f.external_id, f.fact, f.amount, f.unit, coalesce(f.approved_seq, f.seq) AS seq, f.occurred_at, f.source,
       CASE WHEN f.authenticated THEN f.login ELSE coalesce(f.name, f.login) END AS told_by
  FROM recon_exact.facts AS f
 WHERE f.gateway = :gateway AND f.account = :account AND f.unit_kind = :unit_kind AND f.unit = :unit
   AND f.fact NOT IN ('trade', 'balance', 'opening') AND f.effect IN ('booked', 'replaced')
   AND coalesce(f.approved_seq, f.seq) BETWEEN :after AND :until
   AND f.amount <> 0 AND abs(f.amount + :amount) * 1000 <= abs(f.amount)
 ORDER BY seq DESC LIMIT 3"""


def read_leg(connection: Source, selected: SelectedBreak, now: datetime, rules: AccountRules) -> Leg:
    """Read a break in full; its age is counted to `now`, by the account's business days."""
    key = {"gateway": selected.gateway, "id": selected.id}
    row = query_rows(connection, "SELECT * FROM recon_exact.breaks WHERE gateway = :gateway AND id = :id", key)[0]
    unit = {name: row[name] for name in ("gateway", "account", "unit_kind", "unit")}
    view, column = _UNIT_VIEWS[str(row["unit_kind"])]
    figures = query_rows(
        connection,
        f"SELECT {', '.join(_FIGURES)} FROM recon_exact.{view}"  # noqa: S608 - names of our own
        f" WHERE gateway = :gateway AND account = :account AND {column} = :unit",
        unit,
    )
    other = (
        "SELECT id, account, unit, state, cause, amount FROM recon_exact.breaks WHERE gateway = :gateway AND id <> :id"
    )
    age, business_age = ages(row["origin_at"], now, rules)
    archived = archived_of(connection, selected.gateway, row)
    return Leg(
        row=row,
        history=query_rows(
            connection,
            "SELECT * FROM recon_exact.break_history WHERE gateway = :gateway AND id = :id ORDER BY seq, number",
            key,
        ),
        ends=ends_of(connection, row),
        kinds={} if archived else _kinds(connection, row),
        figures=figures[0] if figures else {},
        same_unit=query_rows(
            connection,
            f"{other} AND account = :account AND unit_kind = :unit_kind AND unit = :unit AND state = ANY(:active)"
            " ORDER BY opened_at, id",
            unit | {"id": selected.id, "active": sorted(ACTIVE)},
        ),
        same_case=query_rows(connection, f"{other} AND case_id = :case ORDER BY id", key | {"case": row["case_id"]}),
        age=age,
        business_age=business_age,
        steps=person_steps(selected.state),
        sources=read_sources(connection, unit),
        archived=archived,
        window=timedelta(microseconds=rules.settlement_window_us),
        opposite=_opposite_facts(connection, row),
    )


def _opposite_facts(source: Source, row: Row) -> Sequence[Row]:
    """Return the facts told within the origin of a break that are its opposite, the latest first."""
    if row["state"] not in ACTIVE or not row["owns_residual"] or row["after_seq"] is None or row["until_seq"] is None:
        return ()
    given = {name: row[name] for name in ("gateway", "account", "unit_kind", "unit")}
    amount = Decimal(str(row["amount"]))
    return query_rows(
        source, _OPPOSITE, {**given, "after": row["after_seq"], "until": row["until_seq"], "amount": amount}
    )


def ages(origin: object, now: datetime, rules: AccountRules) -> tuple[timedelta | None, timedelta | None]:
    """Return the age since a time, and the business time in it: by the account's zone and holidays, as in a closing."""
    if not isinstance(origin, datetime):
        return None, None
    return max(now - origin, timedelta()), calendar_of(rules).age(origin, now)


def archived_of(connection: Source, gateway: str, row: Row) -> str | None:
    """Return what is archived of the log that a break arose in, in a sentence; None: all of it is in the database."""
    after = row.get("after_seq")
    return None if after is None else next(iter(archived_words(connection, [gateway], int(str(after)) + 1)), None)


def ends_of(connection: Source, row: Row) -> list[Row]:
    """Return the events between which a break arose."""
    return query_rows(
        connection,
        "SELECT seq, recorded_at, kind, account FROM recon.events"
        " WHERE gateway = :gateway AND seq = ANY(:seqs) ORDER BY seq",
        {"gateway": row["gateway"], "seqs": [row["after_seq"], row["until_seq"]]},
    )


def _kinds(connection: Source, row: Row) -> dict[str, int]:
    """Return how many events of each kind the account has in the origin, most frequent first."""
    counted = query_rows(
        connection,
        "SELECT kind, count(*) AS events FROM (SELECT kind FROM recon.events WHERE gateway = :gateway"
        " AND seq BETWEEN :after_seq AND :until_seq AND account = :account LIMIT :most) AS e"
        " GROUP BY kind ORDER BY count(*) DESC, kind",
        {key: row[key] for key in ("gateway", "account", "after_seq", "until_seq")} | {"most": MAX_COUNTED},
    )
    return {str(row["kind"]): int(str(row["events"])) for row in counted}
