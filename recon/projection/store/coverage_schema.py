"""The tables of coverage and of what became of gaps; the migrations create them. Every key begins with the edition."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB

from recon.ledger.backfills import Backfill
from recon.ledger.coverage import CoverageInterval
from recon.projection.store.folded_table import FoldedTable, Moment, as_json, column, key, nullable

coverage: Final = FoldedTable[CoverageInterval](
    "coverage",
    key("account", Text, lambda interval: interval.account),
    key("from_seq", BigInteger, lambda interval: interval.from_seq),
    nullable("until_seq", BigInteger, lambda interval: interval.until_seq),
    column("from_time", Moment, lambda interval: interval.from_us),
    nullable("until_time", Moment, lambda interval: interval.until_us),
    column("state", Text, lambda interval: interval.state),
    nullable("reason", Text, lambda interval: interval.reason),
    nullable("alive_time", Moment, lambda interval: interval.alive_us),
    nullable("gap_seq", BigInteger, lambda interval: interval.gap_seq),
)

catch_ups: Final = FoldedTable[Backfill](
    "catch_ups",
    key("account", Text, lambda backfill: backfill.account),
    key("from_seq", BigInteger, lambda backfill: backfill.from_seq),
    nullable("until_seq", BigInteger, lambda backfill: backfill.until_seq),
    column("from_time", Moment, lambda backfill: backfill.from_us),
    nullable("until_time", Moment, lambda backfill: backfill.until_us),
    column("reason", Text, lambda backfill: backfill.reason),
    column("state", Text, lambda backfill: backfill.state),
    column("history", Text, lambda backfill: backfill.history),
    column("open", JSONB, lambda backfill: as_json(backfill.open)),
    column("requests", Integer, lambda backfill: backfill.requests),
    column("orders_settled", Integer, lambda backfill: backfill.orders_settled),
    column("orders_found", Integer, lambda backfill: backfill.orders_found),
    column("fills_found", Integer, lambda backfill: backfill.fills_found),
    nullable("ended_seq", BigInteger, lambda backfill: backfill.ended_seq),
)
