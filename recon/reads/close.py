"""Closings: what the log says of an account's business day, and what people signed (semantics 9.7).

Everything is asked up to a log position, so a closing can be computed again for as long as there is the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, cast

import msgspec

from recon.closing.calendar import calendar_of
from recon.closing.closing import (
    LASTS_SINCE,
    VERSION,
    AccountFacts,
    BusinessDay,
    Closing,
    Known,
    business_day,
    close,
    closing_of,
)
from recon.closing.difference import Difference, differences
from recon.closing.document import JSON, digest_of
from recon.closing.lines import BreakFact, Observed, UnitFigures
from recon.db.source import Row, Source, query_rows
from recon.errors import ConfigError
from recon.exact import ZERO, exact
from recon.ledger.rules import Rules
from recon.reads.close_coverage import read_stretches
from recon.reads.rules_in_force import rules_in_force
from recon.reconciliation.model.lifecycle import ACTIVE

#: Most closings of one list.
MAX_LISTED: Final = 1000

_KNOWN: Final = """
SELECT s.seq, e.digest, e.recorded_at
FROM recon.gateways AS g
CROSS JOIN LATERAL (VALUES (coalesce(CAST(:seq AS bigint), g.projected_seq))) AS s (seq)
JOIN LATERAL recon.log_at(g.name, s.seq) AS e ON e.digest IS NOT NULL
WHERE g.name = :gateway"""
_ACCOUNTS: Final = """
SELECT a.gateway, a.account
FROM recon.accounts AS a
WHERE (CAST(:gateway AS text) IS NULL OR a.gateway = :gateway)
  AND (CAST(:accounts AS text[]) IS NULL OR a.account = ANY(:accounts))
ORDER BY a.gateway, a.account"""
# Of each unit the last observation of before the cut-off; of a settlement window later, where no entry lies between.
_UNITS: Final = """
WITH units AS (
    SELECT e.unit_kind, e.unit
    FROM recon_exact.entries AS e
    WHERE e.gateway = :gateway AND e.account = :account AND e.seq <= :known AND e.occurred_at < :cut_off
    UNION
    SELECT o.unit_kind, o.unit
    FROM recon_exact.observations AS o
    WHERE o.gateway = :gateway AND o.account = :account AND o.judged_seq <= :known AND o.at < :cut_off
), observed AS (
    SELECT u.unit_kind, u.unit, o.at, o.seq, o.reported, o.expected, o.explained, o.verdict, o.judged_seq
    FROM units AS u
    LEFT JOIN LATERAL (
        SELECT x.at, x.seq, x.reported, x.expected, x.explained, x.verdict, x.judged_seq
        FROM recon_exact.observations AS x
        WHERE x.gateway = :gateway AND x.account = :account AND x.unit_kind = u.unit_kind AND x.unit = u.unit
          -- The last row of a minute is kept by the event after the one that it was judged at.
          AND CASE WHEN x.last_of_minute THEN :lasts AND x.judged_seq < :known ELSE x.judged_seq <= :known END
          AND x.at < :cut_off + CAST(:window AS interval)
          AND (
              x.at < :cut_off
              OR NOT EXISTS (
                  SELECT
                  FROM recon_exact.entries AS y
                  WHERE y.gateway = :gateway AND y.account = :account
                    AND y.unit_kind = u.unit_kind AND y.unit = u.unit
                    AND y.seq <= :known AND y.occurred_at >= :cut_off AND y.occurred_at <= x.at
              )
          )
        ORDER BY x.at DESC, x.judged_seq DESC
        LIMIT 1
    ) AS o ON true
)
SELECT
    o.unit_kind, o.unit, o.at, o.seq, o.reported, o.expected, o.explained, o.verdict, e.cause,
    sum(e.amount) FILTER (WHERE e.occurred_at < :opens_at) AS opening,
    sum(e.amount) FILTER (WHERE e.occurred_at >= :opens_at) AS moved,
    sum(e.amount) FILTER (WHERE e.seq <= o.judged_seq) AS seen,
    sum(e.amount) FILTER (
        WHERE e.seq > o.judged_seq AND e.occurred_at <= o.at AND e.occurred_at > o.at - CAST(:window AS interval)
    ) AS near,
    sum(e.amount) FILTER (WHERE e.seq > o.judged_seq AND e.occurred_at > o.at) AS after
FROM observed AS o
LEFT JOIN recon_exact.entries AS e
    ON e.gateway = :gateway AND e.account = :account AND e.unit_kind = o.unit_kind AND e.unit = o.unit
    AND e.seq <= :known AND e.occurred_at < :cut_off
GROUP BY o.unit_kind, o.unit, o.at, o.seq, o.reported, o.expected, o.explained, o.verdict, e.cause
ORDER BY o.unit_kind, o.unit, e.cause"""
_BREAKS: Final = """
SELECT b.id, b.unit_kind, b.unit, b.origin_at, h.cause, h.state, h.amount, h.at
FROM recon_exact.breaks AS b
JOIN recon_exact.break_history AS h ON h.gateway = b.gateway AND h.id = b.id AND h.seq <= :known
WHERE b.gateway = :gateway AND b.account = :account AND b.origin_at < :cut_off
  AND (b.closed_at IS NULL OR b.closed_at >= least(CAST(:cut_off AS timestamptz), CAST(:known_at AS timestamptz)))
ORDER BY b.id, h.seq, h.number"""
# Of each source its last word of the day; of those that agreed, the best one.
_SOURCES: Final = """
SELECT DISTINCT ON (c.unit_kind, c.unit) c.unit_kind, c.unit, c.source, c.at
FROM (
    SELECT DISTINCT ON (x.unit_kind, x.unit, x.source) x.unit_kind, x.unit, x.source, x.at, x.verdict
    FROM recon_exact.source_checks AS x
    WHERE x.gateway = :gateway AND x.account = :account AND x.judged_seq <= :known
      AND x.at > :opens_at AND x.at <= :cut_off
    ORDER BY x.unit_kind, x.unit, x.source, x.at DESC, x.seq DESC, x.number DESC
) AS c
WHERE c.verdict = 'agreed'
ORDER BY c.unit_kind, c.unit, array_position(ARRAY['chain', 'custodian', 'venue', 'person'], c.source), c.at DESC"""
_SIGNED: Final = """
SELECT c.*
FROM recon.closes AS c
WHERE (CAST(:gateway AS text) IS NULL OR c.gateway = :gateway)
  AND (CAST(:accounts AS text[]) IS NULL OR c.account = ANY(:accounts))
  AND (CAST(:day AS date) IS NULL OR c.business_day = :day)
ORDER BY c.business_day DESC, c.gateway, c.account, c.seq DESC
LIMIT :limit"""


class Signed(msgspec.Struct, frozen=True):
    """A closing that somebody signed: its row of view `closes`, and what the document says."""

    row: Row
    closing: Closing

    @property
    def seq(self) -> int:
        """Return the log position of the first signature."""
        return int(str(self.row["seq"]))

    @property
    def state(self) -> str:
        """Return `waiting`, `signed` or `restated`."""
        return str(self.row["state"])


class AccountClose(msgspec.Struct, frozen=True):
    """One account's day: its closing as known now, the last one that was signed, and what differs between them."""

    now: Closing
    signed: Signed | None
    differs: Sequence[Difference]

    @property
    def shown(self) -> Closing:
        """Return what a person looks at: what was signed, as long as it still holds."""
        return self.now if self.signed is None or self.differs else self.signed.closing

    @property
    def unknown(self) -> bool:
        """True if there is nothing to sign: no account was heard of by then, nothing is booked, and nobody signed."""
        return self.signed is None and self.now.coverage.begin is None and not self.now.lines

    @property
    def state(self) -> str:
        """Return `open`, `waiting`, `signed`, or `restate` where a later fact changed what was signed."""
        if self.signed is None:
            return "open"
        return "restate" if self.differs else self.signed.state


def known_at(source: Source, gateway: str, seq: int | None = None) -> Known:
    """Return how far a log is known: up to a position, else as far as it is folded. Errors: ConfigError."""
    rows = query_rows(source, _KNOWN, {"gateway": gateway, "seq": seq})
    if not rows:
        raise ConfigError(f"nothing of the log of gateway {gateway!r} is in the books yet; is the service running?")
    row = rows[0]
    return Known(gateway, int(str(row["seq"])), str(row["digest"]), cast("datetime", row["recorded_at"]))


def read_closes(
    source: Source,
    now: datetime,
    *,
    day: date | None,
    gateway: str | None,
    accounts: Sequence[str] | None,
    known: Mapping[str, int] | None = None,
) -> list[AccountClose]:
    """Return the day of each account; without a day each account's last one that is over.

    It is as known now, or at log positions by gateway. An account that has no business on the day is left out, and so
    is one that was not heard of by its cut-off, where another was: it has no gap before its first sign of life.
    Errors: ConfigError where there is no such account, or the day is none of business for all of them.
    """
    scope = {"gateway": gateway, "accounts": None if accounts is None else list(accounts)}
    found = query_rows(source, _ACCOUNTS, scope)
    if accounts and not found:
        raise ConfigError("there is no such account; `recon coverage` lists all")
    closes: list[AccountClose] = []
    idle: list[str] = []
    for name in dict.fromkeys(str(row["gateway"]) for row in found):
        until = known_at(source, name, (known or {}).get(name))
        rules = rules_in_force(source, name, until.seq)
        for account in (str(row["account"]) for row in found if row["gateway"] == name):
            calendar = calendar_of(rules.of(account))
            asked = calendar.last_over(now) if day is None else day
            if calendar.is_business(asked):
                closes.append(_of_account(source, account, asked, rules, until))
            else:
                idle.append(
                    f"{asked} is no business day of {account}: the one before it is {calendar.former(asked)}, "
                    f"the next one {calendar.following(asked)}"
                )
    if idle and not closes:
        raise ConfigError(idle[0])
    return [each for each in closes if not each.unknown] or closes


def _of_account(source: Source, account: str, day: date, rules: Rules, known: Known) -> AccountClose:
    closing = compute(source, account, day, rules, known)
    last = next(iter(signed_closes(source, gateway=known.gateway, accounts=[account], day=day, limit=1)), None)
    differs = [] if last is None else differences(last.closing, closing)
    if differs and last is not None and last.closing.version != closing.version:
        # What is computed in another way since then restates nothing.
        as_then = compute(source, account, day, rules, known, last.closing.version)
        differs = differs if differences(last.closing, as_then) else []
    return AccountClose(closing, last, differs)


def compute(source: Source, account: str, day: date, rules: Rules, known: Known, version: int = VERSION) -> Closing:
    """Return the closing of an account's business day as known at a log position, as a version computes it."""
    own = rules.of(account)
    of = business_day(own, day)
    facts = _facts(source, account, of, known, own.settlement_window_us, version)
    return close(account, of, own, known, facts, version)


def recompute(source: Source, signed: Closing) -> Closing:
    """Return a signed closing computed again, from the log up to the position that it was signed at."""
    known = known_at(source, signed.gateway, signed.known_seq)
    rules = rules_in_force(source, signed.gateway, known.seq)
    return compute(source, signed.account, signed.day, rules, known, signed.version)


def signed_closes(
    source: Source,
    *,
    gateway: str | None = None,
    accounts: Sequence[str] | None = None,
    day: date | None = None,
    limit: int = MAX_LISTED,
) -> list[Signed]:
    """Return what was signed, the newest day and of it the newest closing first. Errors: DocumentRefused."""
    scope = {"gateway": gateway, "accounts": None if accounts is None else list(accounts), "day": day, "limit": limit}
    return [Signed(row, closing_of(row["document"])) for row in query_rows(source, _SIGNED, scope)]


def verify(source: Source, signed: Signed) -> str | None:
    """Return why a signed closing cannot be borne out, None if it is: its digest, and the log computed again."""
    digest = str(signed.row["digest"])
    if digest_of(cast("JSON", signed.row["document"])) != digest:
        return f"the document has not the digest that was signed, {digest[:10]}"
    again = recompute(source, signed.closing)
    if again.head != signed.closing.head:
        return f"the log has another digest at event {again.known_seq}; run `recon verify`"
    if again.digest == digest:
        return None
    others = differences(signed.closing, again)
    what = ", ".join(f"{each.unit} {each.figure}".strip() for each in others[:3]) or "what the figures rest on"
    return f"computed again it has the digest {again.digest[:10]}, not {digest[:10]}: {what} differs"


def _facts(source: Source, account: str, of: BusinessDay, known: Known, window_us: int, version: int) -> AccountFacts:
    scope = {
        "gateway": known.gateway,
        "account": account,
        "known": known.seq,
        "opens_at": of.opens_at,
        "cut_off": of.cut_off,
    }
    windowed = {**scope, "window": timedelta(microseconds=window_us), "lasts": version >= LASTS_SINCE}
    breaks = {name: scope[name] for name in ("gateway", "account", "known", "cut_off")} | {"known_at": known.at}
    sources = {(row["unit_kind"], row["unit"]): row for row in query_rows(source, _SOURCES, scope)}
    return AccountFacts(
        list(_units(query_rows(source, _UNITS, windowed), sources)),
        list(_breaks(query_rows(source, _BREAKS, breaks))),
        read_stretches(source, scope, known.seq, version),
    )


def _units(rows: Sequence[Row], sources: Mapping[tuple[object, object], Row]) -> Iterator[UnitFigures]:
    by_unit: dict[tuple[object, object], list[Row]] = {}
    for row in rows:
        by_unit.setdefault((row["unit_kind"], row["unit"]), []).append(row)
    with exact():
        for (kind, unit), parts in by_unit.items():
            said = sources.get((kind, unit))
            yield UnitFigures(
                unit_kind=str(kind),
                unit=str(unit),
                opened=any(part["cause"] == "opening" for part in parts),
                opening=_sum(parts, "opening"),
                movements={str(part["cause"]): _sum([part], "moved") for part in parts if part["cause"] is not None},
                observed=_observed(parts[0]),
                seen=_sum(parts, "seen"),
                near=_sum(parts, "near"),
                after=_sum(parts, "after"),
                source=None if said is None else str(said["source"]),
                source_at=None if said is None else cast("datetime", said["at"]),
            )


def _sum(parts: Sequence[Row], name: str) -> Decimal:
    return sum((amount for part in parts if isinstance(amount := part[name], Decimal)), ZERO)


def _observed(row: Row) -> Observed | None:
    if row["at"] is None:
        return None
    return Observed(
        at=cast("datetime", row["at"]),
        seq=int(str(row["seq"])),
        reported=cast("Decimal", row["reported"]),
        expected=cast("Decimal | None", row["expected"]),
        explained=cast("Decimal", row["explained"]),
        verdict=str(row["verdict"]),
    )


def _breaks(rows: Sequence[Row]) -> Iterator[BreakFact]:
    steps: dict[str, list[Row]] = {}
    for row in rows:
        steps.setdefault(str(row["id"]), []).append(row)
    for id_, history in steps.items():
        last, over_at = history[-1], None
        for step in history:
            if step["state"] in ACTIVE:
                over_at = None
            elif over_at is None:
                over_at = cast("datetime", step["at"])
        yield BreakFact(
            id=id_,
            unit_kind=str(last["unit_kind"]),
            unit=str(last["unit"]),
            cause=str(last["cause"]),
            state=str(last["state"]),
            amount=cast("Decimal", last["amount"]),
            origin_at=cast("datetime", last["origin_at"]),
            over_at=over_at,
        )
