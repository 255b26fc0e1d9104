"""`recon record`: an event that the EMS does not report, recorded as a fact (semantics 10.3)."""

from __future__ import annotations

import hashlib
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

import msgspec
import typer
from sqlalchemy import Connection

from recon.cli.connection import operator_connection
from recon.cli.fact_recording import append_facts, assets_of, check_accounts, one_gateway
from recon.cli.known_assets import check_assets
from recon.cli.options import Config, Json, NewAssets, settings_of
from recon.cli.output import Column, Row, note, print_json
from recon.cli.recording import Name, Wait, note_shared_login, wait_until_folded
from recon.cli.table import print_table
from recon.cli.told_before import note_waits_already, time_of_same
from recon.cli.waiting_facts import note_waiting
from recon.clock import utc_now
from recon.config import Settings
from recon.config.values import parse_decimal
from recon.db.source import query_rows
from recon.errors import ConfigError, DocumentRefused
from recon.exact import plain
from recon.ledger.facts.external_fact import MANUAL, SIGNS, ExternalFact, parse_fact
from recon.nearest import listed
from recon.times import parse_time

#: What no column of a view holds any more; a person who types as much has mistyped.
_TOO_LARGE: Final = Decimal("1e20")


class Kind(StrEnum):
    """The kinds of facts that can be recorded; a trade is imported from the venue's export."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"
    FEE = "fee"
    REBATE = "rebate"
    FUNDING = "funding"
    INTEREST = "interest"
    REWARD = "reward"
    CONVERSION = "conversion"
    ADJUSTMENT = "adjustment"
    OPENING = "opening"


_PLURALS: Final = {"deposit": "deposits", "rebate": "rebates", "reward": "rewards"}
#: A time may be ahead of this clock by so many seconds; a later one has not happened yet.
_AHEAD_SECONDS: Final = 60

_SHOWN: Final = [
    Column(key)
    for key in ("gateway", "seq", "account", "fact", "unit", "amount", "occurred_at", "external_id", "effect")
]


def record(
    kind: Annotated[Kind, typer.Argument(help=f"What happened: {listed([*Kind], 'or')}.")],
    *,
    account: Annotated[str, typer.Option("--account", "-a", metavar="ID", help="The EMS exchange_id, exactly.")],
    amount: Annotated[
        str,
        typer.Option(
            metavar="AMOUNT",
            help="The amount in the unit, signed as it changes the balance. A deposit, reward or rebate is a credit, a "
            "withdrawal or fee a debit, with or without a sign.",
        ),
    ],
    asset: Annotated[str | None, typer.Option(metavar="CODE", help="The asset: asset_id_exchange.")] = None,
    symbol: Annotated[str | None, typer.Option(metavar="SYMBOL", help="The contract: symbol_id_exchange.")] = None,
    gateway: Annotated[
        str | None, typer.Option("--gateway", "-g", metavar="NAME", help="The gateway; needed if no account tells it.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The account on the other side of a transfer, if the gateway has it."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="When it happened: a time (2026-01-05T09:00:00Z) or an age (2h). [now]"),
    ] = None,
    external_id: Annotated[
        str | None,
        typer.Option(
            "--id",
            metavar="ID",
            help="The statement's own id; recording it again changes nothing. [default: a digest, replaced by a "
            "statement's row of the same movement within a day]",
        ),
    ] = None,
    text: Annotated[str | None, typer.Option(metavar="TEXT", help="The source of this fact.")] = None,
    new_asset: NewAssets = None,
    config: Config = None,
    name: Name = None,
    wait: Wait = True,
    json: Json = False,
) -> None:
    """Record an event the EMS does not report.

    It replaces an inferred entry, or explains the break that it caused. Otherwise it is booked with its own time, as
    a correction of history. A material fact waits until a second person approves it (`recon facts`).
    An `opening` tells what was held at the start, where the first reports leave that uncertain.
    """
    if (asset is None) == (symbol is None):
        raise ConfigError("give one of --asset and --symbol")
    if to is not None and kind is not Kind.TRANSFER:
        raise ConfigError("--to is for transfers only")
    keys = {
        "fact": kind.value,
        "account": account,
        "unit_kind": "asset" if symbol is None else "contract",
        "unit": asset or symbol or "",
        "amount": plain(_signed(kind.value, amount)),
        "occurred_at": _time(at, utc_now()).isoformat(),
        "source": "hand",
    }
    keys |= {key: value for key, value in {"text": text, "counter_account": to}.items() if value is not None}
    keys["external_id"] = external_id or _digest(keys)
    again = external_id is not None and at is None
    rows = _record(settings_of(config), keys, gateway, name, wait=wait, new_assets=new_asset or [], again=again)
    if json:
        print_json(rows)
    else:
        print_table(rows, _SHOWN, empty="nothing was booked")


def _record(
    settings: Settings,
    keys: dict[str, str],
    gateway: str | None,
    name: str | None,
    *,
    wait: bool,
    new_assets: list[str],
    again: bool,
) -> list[Row]:
    """Append one fact and return how it was booked, as far as it is folded.

    With `again` its time is only the time of the telling: told before under its id, it keeps the time it has.
    """
    payload = msgspec.json.encode(keys)
    try:
        fact = parse_fact(payload)
    except DocumentRefused as error:
        raise ConfigError(f"this is not a valid {keys['fact']}: {error}") from None
    with operator_connection(settings, "record") as connection:
        accounts = [fact.account, *filter(None, [fact.counter_account])]
        where = one_gateway(connection, gateway, accounts)
        check_accounts(connection, where, accounts)
        check_assets(connection, where, assets_of(fact), new_assets)
        if again and (before := time_of_same(connection, where, fact)) is not None:
            keys["occurred_at"] = before.isoformat()
            fact, payload = msgspec.structs.replace(fact, occurred_at=before), msgspec.json.encode(keys)
        recorded = append_facts(connection, where, [(fact.account, payload)], name)
        note_shared_login(connection, recorded)
        seq = recorded[0].last_seq
        if not wait_until_folded(connection, recorded, wait=wait):
            return [{"gateway": where, "seq": seq, **keys, "effect": None}]
        return _booked(connection, where, fact, seq)


def _booked(connection: Connection, gateway: str, fact: ExternalFact, seq: int) -> list[Row]:
    """Return how a fact is booked, with a note for each finding about it."""
    rows = query_rows(
        connection,
        "SELECT gateway, seq, account, fact, unit, amount, occurred_at, external_id, effect FROM recon_exact.facts"
        " WHERE gateway = :gateway AND external_id = :id AND account IN (:account, :other)"
        " ORDER BY account <> :account",
        {"gateway": gateway, "id": fact.external_id, "account": fact.account, "other": fact.counter_account},
    )
    findings = query_rows(
        connection,
        "SELECT message FROM recon.findings WHERE gateway = :gateway AND seq = :seq AND kind <> 'fact_waits'"
        " ORDER BY number",
        {"gateway": gateway, "seq": seq},
    )
    for finding in findings:
        note(str(finding["message"]))
    waits = seq if note_waiting(connection, gateway, seq, seq) else None
    if not rows and waits is None:
        waits = note_waits_already(connection, gateway, fact)
    if waits is not None:
        return [{"gateway": gateway, "seq": waits, **_shown(fact), "effect": "waits"}]
    if rows and rows[0]["seq"] != seq:
        note(f"recorded before, as event {rows[0]['seq']}; nothing changed")
    return rows


def _shown(fact: ExternalFact) -> Row:
    """Return the columns of a fact as it was told."""
    return {name: getattr(fact, name) for name in ("account", "fact", "unit", "amount", "occurred_at", "external_id")}


def _signed(kind: str, text: str) -> Decimal:
    try:
        amount = parse_decimal(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--amount") from None
    sign = SIGNS.get(kind)
    if abs(amount) >= _TOO_LARGE:
        raise typer.BadParameter(
            "is larger than any balance: 20 digits at most before the point", param_hint="--amount"
        )
    if not amount and kind != Kind.OPENING:
        raise typer.BadParameter("must not be zero", param_hint="--amount")
    if sign is None:
        return amount
    if sign > 0 and amount < 0:
        raise typer.BadParameter(f"{_PLURALS[kind]} are credits; this is a debit", param_hint="--amount")
    return abs(amount) * sign


def _time(text: str | None, now: datetime) -> datetime:
    at = now if text is None else parse_time(text, now)
    if at is None:
        raise typer.BadParameter("must be a time (2026-01-05T09:00:00Z) or an age (30s, 5m, 2h, 1d)", param_hint="--at")
    if (at - now).total_seconds() > _AHEAD_SECONDS:
        raise typer.BadParameter("must not be in the future", param_hint="--at")
    return at


def _digest(keys: dict[str, str]) -> str:
    """Return an id for a fact without one; recording the same fact of the same time again changes nothing."""
    parts = "\x1f".join(f"{key}\x1e{keys[key]}" for key in sorted(keys) if key not in {"text", "source"})
    return f"{MANUAL}{hashlib.sha256(parts.encode()).hexdigest()[:32]}"
