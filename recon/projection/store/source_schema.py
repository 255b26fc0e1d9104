"""The tables of what independent sources say; the migrations create them. Every key begins with the edition."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, Numeric, Text

from recon.projection.store.folded_table import FoldedTable, Moment, column, key, nullable, packed
from recon.projection.store.ledger_schema import AccountRow
from recon.reconciliation.model.source_check import SourceCheck, StandingChange

source_checks: Final = FoldedTable[SourceCheck](
    "source_checks",
    key("seq", BigInteger, lambda check: check.seq),
    key("number", Integer, lambda check: check.number),
    column("account", Text, lambda check: check.account),
    column("unit_kind", Text, lambda check: check.kind),
    column("unit", Text, lambda check: check.unit),
    column("told_unit", Text, lambda check: check.told_unit),
    column("source", Text, lambda check: check.source),
    column("at", Moment, lambda check: check.us),
    column("recorded_at", Moment, lambda check: check.told_us),
    column("reported", Numeric, lambda check: check.reported),
    nullable("expected", Numeric, lambda check: check.expected),
    nullable("drift", Numeric, lambda check: check.drift),
    column("verdict", Text, lambda check: check.verdict),
    nullable("reason", Text, lambda check: check.reason),
    nullable("break_id", Text, lambda check: check.break_id),
    nullable("judged_seq", BigInteger, lambda check: check.judged_seq),
    column("absent", Boolean, lambda check: check.absent),
    column("external_id", Text, lambda check: check.external_id),
    column("data", LargeBinary, packed),
)

#: What the rules in force require; they are in the log, so no digest needs it.
source_rules: Final = FoldedTable[AccountRow](
    "source_rules",
    key("account", Text, lambda row: row.account.name),
    nullable("require_source", Text, lambda row: row.rules.require_source),
    column("source_age_us", BigInteger, lambda row: row.rules.most_source_age_us),
)

source_standings: Final = FoldedTable[StandingChange](
    "source_standings",
    key("account", Text, lambda change: change.account),
    key("unit_kind", Text, lambda change: change.kind),
    key("unit", Text, lambda change: change.unit),
    key("source", Text, lambda change: change.source),
    column("at", Moment, lambda change: change.standing.us),
    column("seq", BigInteger, lambda change: change.standing.seq),
    column("verdict", Text, lambda change: change.standing.verdict),
    column("reported", Numeric, lambda change: change.standing.reported),
    column("drift", Numeric, lambda change: change.standing.drift),
    nullable("agreed_at", Moment, lambda change: change.standing.agreed_us),
    nullable("agreed_seq", BigInteger, lambda change: change.standing.agreed_seq),
)
