"""Appending external facts and reading their effects; shared by `recon record` and `recon import`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final
from uuid import uuid4

import msgspec
from sqlalchemy import Connection

from recon.cli.output import Row
from recon.cli.queries import check_account, gateway_names, select_view
from recon.cli.recording import account_name
from recon.clock import utc_now
from recon.db.raw import driver_connection
from recon.db.source import query_rows
from recon.deciding.recording import Recorded
from recon.errors import ConfigError
from recon.exact import ZERO, exact, plain
from recon.ledger.facts.external_fact import ExternalFact, fee_of, movements_of
from recon.log import submit
from recon.log.append import MAX_BATCH_EVENTS
from recon.log.events import FACT
from recon.log.hints import hint as hint_to_look
from recon.nearest import hint

#: Most external ids in one query.
_IDS: Final = 10_000
_WITH_ACCOUNTS: Final = """
SELECT a.gateway FROM recon.accounts AS a WHERE a.account = ANY(CAST(:accounts AS text[]))
GROUP BY a.gateway HAVING count(DISTINCT a.account) = :number ORDER BY a.gateway"""


class BookedFact(msgspec.Struct, frozen=True):
    """A fact that is in the books already."""

    digest: str
    seq: int


def one_gateway(connection: Connection, name: str | None, accounts: Iterable[str] = ()) -> str:
    """Return the named gateway, the only one, or the only one that has these accounts.

    Errors: ConfigError where there is no such one, or several.
    """
    names = gateway_names(connection, name)
    if not names:
        raise ConfigError("no gateway has a log yet, so there is nothing to record this in")
    wanted = list(dict.fromkeys(accounts))
    if len(names) > 1 and wanted:
        for each in wanted:
            check_account(connection, None, each)
        rows = query_rows(connection, _WITH_ACCOUNTS, {"accounts": wanted, "number": len(wanted)})
        names = [str(row["gateway"]) for row in rows] or names
    if len(names) > 1:
        raise ConfigError(f"there are several gateways; give --gateway, one of {', '.join(names)}")
    return names[0]


def check_accounts(connection: Connection, gateway: str, accounts: Sequence[str]) -> None:
    """Refuse accounts that the gateway has not named. Errors: ConfigError."""
    rows = query_rows(connection, "SELECT account FROM recon.accounts WHERE gateway = :gateway", {"gateway": gateway})
    names = sorted(str(row["account"]) for row in rows)
    wrong = [account for account in dict.fromkeys(accounts) if account not in names]
    if wrong:
        near = [hint(account, names) for account in wrong[:1]]
        there = f"there are {', '.join(names)}" if names else "it has none yet"
        words = [*near, there] if names and near[0] != there else [there]
        raise ConfigError(f"gateway {gateway!r} has no account {', '.join(map(repr, wrong))}; {'; '.join(words)}")


def assets_of(fact: ExternalFact) -> Iterator[tuple[str, str]]:
    """Yield the assets that a fact names, each with its account."""
    if fact.unit is not None and fact.unit_kind == "asset":
        yield fact.account, fact.unit
    for code in (fact.fee_asset if fact.fee else None, fact.base, fact.quote):
        if code is not None:
            yield fact.account, code


def append_facts(
    connection: Connection,
    gateway: str,
    facts: Sequence[tuple[str, bytes]],
    name: str | None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Recorded]:
    """Append facts (account, payload) in batches of a transaction each; a fact that is appended twice changes nothing.

    Errors: AppendRefused, DatabaseError.
    """
    writer = uuid4()
    recorded: list[Recorded] = []
    for start in range(0, len(facts), MAX_BATCH_EVENTS):
        batch = facts[start : start + MAX_BATCH_EVENTS]
        connection.rollback()
        with connection.begin():
            appended = submit.submit_decision(
                driver_connection(connection),
                gateway=gateway,
                writer=writer,
                batch=len(recorded) + 1,
                now=utc_now(),
                kind=FACT,
                payloads=[payload for _, payload in batch],
                accounts=[account for account, _ in batch],
                name=name or account_name(),
            )
        hint_to_look(driver_connection(connection), [gateway])
        recorded.append(Recorded(gateway, appended.first_seq, appended.last_seq))
        if progress is not None:
            progress(start + len(batch), len(facts))
    return recorded


def booked_facts(
    connection: Connection, gateway: str, ids: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], BookedFact]:
    """Return the facts that are in the books already, or wait, by account and external id."""
    found: dict[tuple[str, str], BookedFact] = {}
    query = (
        "SELECT account, external_id, digest, seq FROM"
        " (SELECT gateway, account, external_id, digest, seq FROM recon_exact.waiting_facts"
        " UNION ALL SELECT gateway, account, external_id, digest, seq FROM recon_exact.facts) AS f"
        " WHERE gateway = :gateway AND (account, external_id) IN"
        " (SELECT * FROM unnest(CAST(:accounts AS text[]), CAST(:ids AS text[])))"
    )
    for start in range(0, len(ids), _IDS):
        some = ids[start : start + _IDS]
        wanted = {
            "gateway": gateway,
            "accounts": [account for account, _ in some],
            "ids": [external_id for _, external_id in some],
        }
        for row in query_rows(connection, query, wanted):
            found[str(row["account"]), str(row["external_id"])] = BookedFact(str(row["digest"]), int(str(row["seq"])))
    return found


def usd_of_file(connection: Connection, gateway: str, facts: Sequence[ExternalFact]) -> Decimal | None:
    """Return the USD value that the facts of a file move, by the last rates; None if a rate is not known.

    Of a trade only the fee counts: reports contain the rest of most trades.
    """
    rates = {
        (str(row["account"]), str(row["asset"])): row["rate_usd"]
        for row in select_view(connection, "balances", "account, asset", {"gateway": gateway}, numbers=True)
    }
    usd = ZERO
    with exact():
        for fact in facts:
            fee = fee_of(fact)
            for move in [*movements_of(fact), *([] if fee is None else [fee])]:
                rate = rates.get((move.account, move.unit)) if move.kind == "asset" else None
                if rate is None:
                    return None
                usd += abs(move.amount) * Decimal(str(rate))
    return usd


def with_file(payload: bytes, file_digest: str, usd: Decimal | None, source: str) -> bytes:
    """Return the payload of a fact as a row of a file that a source told."""
    file = {"digest": file_digest} | ({} if usd is None else {"usd": plain(usd)})
    known = msgspec.json.decode(payload, type=dict[str, object])
    return msgspec.json.encode({"source_class": source, **known, "file": file})


def effects_and_findings(connection: Connection, recorded: Sequence[Recorded]) -> tuple[list[Row], list[Row]]:
    """Return the effects of facts, counted by effect, and the findings about them, counted by kind."""
    effects: list[Row] = []
    findings: list[Row] = []
    for each in recorded:
        span = {"gateway": each.gateway, "first": each.first_seq, "last": each.last_seq}
        effects += query_rows(
            connection,
            "SELECT fact, effect, count(*) AS facts FROM recon_exact.facts"
            " WHERE gateway = :gateway AND seq BETWEEN :first AND :last GROUP BY fact, effect",
            span,
        )
        findings += query_rows(
            connection,
            "SELECT kind, count(*) AS found, min(message) AS message FROM recon.findings"
            " WHERE gateway = :gateway AND seq BETWEEN :first AND :last AND kind LIKE '%fact%' GROUP BY kind",
            span,
        )
    return _summed(effects, ("fact", "effect"), "facts"), _summed(findings, ("kind",), "found")


def _summed(rows: Sequence[Row], keys: tuple[str, ...], count: str) -> list[Row]:
    """Add up the counts of several batches."""
    totals: dict[tuple[object, ...], dict[str, object]] = {}
    for row in rows:
        key = tuple(row[name] for name in keys)
        total = totals.setdefault(key, dict(row) | {count: 0})
        total[count] = int(str(total[count])) + int(str(row[count]))
    return [totals[key] for key in sorted(totals, key=str)]
