"""The tables of comparisons and breaks; the migrations create them. Every key begins with the edition."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, Numeric, Text
from sqlalchemy.dialects.postgresql import JSONB

from recon.ledger.units import Unit, UnitKey
from recon.projection.store.folded_table import FoldedTable, Moment, as_json, column, key, nullable, packed
from recon.reconciliation import causes
from recon.reconciliation.model.break_ import Break, Evidence
from recon.reconciliation.model.comparison import ComparisonState
from recon.reconciliation.model.history import JudgedObservation
from recon.reconciliation.model.path_evidence import PathItem, path_item
from recon.reconciliation.model.snapshot import Transition
from recon.reconciliation.model.verdict import verdict_of


class ComparisonRow(NamedTuple):
    """A unit and its comparison."""

    unit: Unit
    comparison: ComparisonState


comparisons: Final = FoldedTable[ComparisonRow](
    "comparisons",
    key("account", Text, lambda row: row.unit.account),
    key("unit_kind", Text, lambda row: row.unit.kind),
    key("unit", Text, lambda row: row.unit.code),
    column("judgement", Text, lambda row: verdict_of(row.unit, row.comparison)),
    nullable("reported", Numeric, lambda row: row.comparison.reported),
    column("inferred", Boolean, lambda row: row.comparison.inferred),
    nullable("observed_at", Moment, lambda row: row.comparison.observed_us),
    nullable("cut_seq", BigInteger, lambda row: None if row.comparison.observed_us is None else row.comparison.cut_seq),
    column("cut_fills", Numeric, lambda row: row.comparison.cut_total - row.comparison.cut_explained),
    column("cut_explained", Numeric, lambda row: row.comparison.cut_explained),
    column("data", LargeBinary, lambda row: packed(row.comparison)),
)


def _evidence(break_: Break) -> list[Evidence | PathItem]:
    """Return what a break rests on; its path is the last item."""
    return [*break_.evidence, *([] if break_.path is None else [path_item(break_.path)])]


class AccountComparisonRow(NamedTuple):
    """What the comparison of an account's units shares, in its stored form."""

    account: str
    data: bytes


account_comparisons: Final = FoldedTable[AccountComparisonRow](
    "account_comparisons",
    key("account", Text, lambda row: row.account),
    column("data", LargeBinary, lambda row: row.data),
)


class UnitTrellisRow(NamedTuple):
    """A unit's trellis in its stored form; nothing of one that is forgotten."""

    key: UnitKey
    data: bytes


unit_trellises: Final = FoldedTable[UnitTrellisRow](
    "unit_trellises",
    key("account", Text, lambda row: row.key[0]),
    key("unit_kind", Text, lambda row: row.key[1]),
    key("unit", Text, lambda row: row.key[2]),
    column("data", LargeBinary, lambda row: row.data),
)


class AccountCallsRow(NamedTuple):
    """What the comparison of an account was told since it was stored whole: one piece of it."""

    account: str
    number: int
    data: bytes


account_calls: Final = FoldedTable[AccountCallsRow](
    "account_calls",
    key("account", Text, lambda row: row.account),
    key("number", Integer, lambda row: row.number),
    column("data", LargeBinary, lambda row: row.data),
)

breaks: Final = FoldedTable[Transition](
    "breaks",
    key("id", Text, lambda step: step.break_.id),
    column("case_id", Text, lambda step: step.break_.case_id),
    column("account", Text, lambda step: step.account),
    column("unit_kind", Text, lambda step: step.kind),
    column("unit", Text, lambda step: step.unit),
    column("cause", Text, lambda step: step.break_.cause),
    column("certainty", Text, lambda step: step.break_.certainty),
    column("state", Text, lambda step: step.break_.state),
    column("amount", Numeric, lambda step: step.break_.amount),
    nullable("amount_usd", Numeric, lambda step: step.snapshot.amount_usd),
    column("candidates", JSONB, lambda step: as_json([str(candidate) for candidate in step.break_.candidates])),
    column("opened_at", Moment, lambda step: step.break_.opened_us),
    nullable("closed_at", Moment, lambda step: step.break_.closed_us),
    column("after_seq", BigInteger, lambda step: step.break_.after_seq),
    column("until_seq", BigInteger, lambda step: step.break_.until_seq),
    column("occurrences", Integer, lambda step: step.break_.occurrences),
    column("owns_residual", Boolean, lambda step: step.break_.owns_residual),
    nullable("offset_by", Text, lambda step: step.break_.offset_by),
    column("rules_version", Integer, lambda _: causes.VERSION),
    column("note", Text, lambda step: step.break_.note),
    nullable("assignee", Text, lambda step: step.break_.assignee),
    column("origin_at", Moment, lambda step: step.break_.seen_us),
    column("evidence", JSONB, lambda step: as_json(_evidence(step.break_))),
    column("tried", JSONB, lambda step: as_json(step.break_.tried)),
    nullable("proposal", JSONB, lambda step: None if step.break_.proposal is None else as_json(step.break_.proposal)),
    nullable(
        "accepted_until",
        Moment,
        lambda step: None if step.break_.acceptance is None else step.break_.acceptance.until_us,
    ),
    nullable(
        "accepted_amount",
        Numeric,
        lambda step: None if step.break_.acceptance is None else step.break_.acceptance.amount,
    ),
    nullable("severity", Text, lambda step: step.snapshot.severity),
    column("explained_amount", Numeric, lambda step: step.break_.explained_amount),
)


observations: Final = FoldedTable[JudgedObservation](
    "observations",
    key("account", Text, lambda row: row.account),
    key("unit_kind", Text, lambda row: row.kind),
    key("unit", Text, lambda row: row.unit),
    key("at", Moment, lambda row: row.us),
    key("judged_seq", BigInteger, lambda row: row.judged_seq),
    column("judged_at", Moment, lambda row: row.judged_us),
    column("seq", BigInteger, lambda row: row.seq),
    column("reported", Numeric, lambda row: row.reported),
    nullable("expected", Numeric, lambda row: row.expected),
    column("explained", Numeric, lambda row: row.explained),
    column("verdict", Text, lambda row: row.verdict),
    column("last_of_minute", Boolean, lambda row: row.last_of_minute),
)


class HistoryRow(NamedTuple):
    """A transition with its number among those of its break at one log position."""

    step: Transition
    number: int


break_history: Final = FoldedTable[HistoryRow](
    "break_history",
    key("id", Text, lambda row: row.step.break_.id),
    key("seq", BigInteger, lambda row: row.step.seq),
    key("number", Integer, lambda row: row.number),
    column("event", Text, lambda row: row.step.event),
    column("at", Moment, lambda row: row.step.us),
    column("state", Text, lambda row: row.step.break_.state),
    column("amount", Numeric, lambda row: row.step.break_.amount),
    column("cause", Text, lambda row: row.step.break_.cause),
    column("reason", Text, lambda row: row.step.reason),
    nullable("actor", Text, lambda row: row.step.actor),
)
