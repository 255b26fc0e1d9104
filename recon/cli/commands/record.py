"""`recon record`: tell the books what happened outside of what the EMS reports (semantics 10.3)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

import msgspec
import typer
from sqlalchemy import Connection

from recon.cli.connection import deciding
from recon.cli.fact_recording import append_facts, check_accounts, one_gateway
from recon.cli.options import Config, Json, moment_of, settings_of
from recon.cli.output import Column, Row, note, print_json, print_table
from recon.cli.queries import rows_of
from recon.cli.recording import Name, Wait, folded
from recon.clock import utc_now
from recon.config import Settings
from recon.config.values import parse_decimal
from recon.errors import ConfigError
from recon.exact import plain
from recon.ledger.facts.external_fact import MANUAL, ExternalFact, parse_fact


class Kind(StrEnum):
    """What can be recorded; a trade is read from the venue's export."""

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


#: Kinds whose sign is in their name; a sign that says the opposite is refused. Of the others the sign must be told.
_SIGNS: Final = {"deposit": 1, "withdrawal": -1, "fee": -1, "rebate": 1, "reward": 1}
#: A clock may be ahead by this many seconds; what lies further in the future has not happened.
_AHEAD_SECONDS: Final = 60

_SHOWN: Final = [
    Column(key)
    for key in ("gateway", "seq", "account", "fact", "unit", "amount", "occurred_at", "external_id", "effect")
]


def record(
    kind: Annotated[Kind, typer.Argument(help="What happened.")],
    *,
    account: Annotated[str, typer.Option("--account", "-a", metavar="ID", help="The EMS exchange_id, exactly.")],
    amount: Annotated[
        str,
        typer.Option(
            metavar="AMOUNT",
            help="How much, in the unit itself, signed as it changes what is held. A deposit, reward or rebate adds, a "
            "withdrawal or fee takes away, with or without a sign.",
        ),
    ],
    asset: Annotated[str | None, typer.Option(metavar="CODE", help="The asset: asset_id_exchange.")] = None,
    symbol: Annotated[str | None, typer.Option(metavar="SYMBOL", help="The contract: symbol_id_exchange.")] = None,
    gateway: Annotated[
        str | None, typer.Option("--gateway", "-g", metavar="NAME", help="The gateway; needed where there are several.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Of a transfer: the account on the other side, where the gateway has it."),
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
            help="The statement's own id: the same again changes nothing. [a digest; the same read from a statement "
            "within a day takes its place]",
        ),
    ] = None,
    text: Annotated[str | None, typer.Option(metavar="TEXT", help="Where this is known from.")] = None,
    config: Config = None,
    name: Name = None,
    wait: Wait = True,
    json: Json = False,
) -> None:
    """Record a fact that no report of the EMS tells.

    It makes an inferred entry exact, or explains the break that it is the reason of, or else is booked with its own
    time and says that it corrects history.
    """
    if (asset is None) == (symbol is None):
        raise ConfigError("name what is held: --asset or --symbol, one of the two")
    if to is not None and kind is not Kind.TRANSFER:
        raise ConfigError("--to goes with a transfer alone")
    told = {
        "fact": kind.value,
        "account": account,
        "unit_kind": "asset" if symbol is None else "contract",
        "unit": asset or symbol or "",
        "amount": plain(_signed(kind.value, amount)),
        "occurred_at": _moment(at, utc_now()).isoformat(),
        "source": "recorded by hand",
    }
    told |= {key: value for key, value in {"text": text, "counter_account": to}.items() if value is not None}
    told["external_id"] = external_id or _digest(told)
    rows = _record(settings_of(config), told, gateway, name, wait=wait)
    if json:
        print_json(rows)
    else:
        print_table(rows, _SHOWN, empty="nothing was booked")


def _record(
    settings: Settings, told: dict[str, str], gateway: str | None, name: str | None, *, wait: bool
) -> list[Row]:
    """Append one fact, and return what the books made of it, as far as they have passed it."""
    payload = msgspec.json.encode(told)
    try:
        fact = parse_fact(payload)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"this is no {told['fact']}: {error}") from None
    with deciding(settings, "record") as connection:
        where = one_gateway(connection, gateway)
        check_accounts(connection, where, [fact.account])
        landed = append_facts(connection, where, [(fact.account, payload)], name)
        seq = landed[0].last_seq
        if not folded(connection, landed, wait=wait):
            return [{"gateway": where, "seq": seq, **told, "effect": None}]
        return _told(connection, where, fact, seq)


def _told(connection: Connection, gateway: str, fact: ExternalFact, seq: int) -> list[Row]:
    """Return how the books keep a fact, saying what they found about it."""
    rows = rows_of(
        connection,
        "SELECT gateway, seq, account, fact, unit, amount, occurred_at, external_id, effect FROM recon.facts"
        " WHERE gateway = :gateway AND external_id = :id AND account IN (:account, :other)"
        " ORDER BY account <> :account",
        {"gateway": gateway, "id": fact.external_id, "account": fact.account, "other": fact.counter_account},
    )
    findings = rows_of(
        connection,
        "SELECT message FROM recon.findings WHERE gateway = :gateway AND seq = :seq ORDER BY number",
        {"gateway": gateway, "seq": seq},
    )
    for found in findings:
        note(str(found["message"]))
    if rows and rows[0]["seq"] != seq:
        note(f"known since event {rows[0]['seq']}; nothing was changed")
    return rows


def _signed(kind: str, given: str) -> Decimal:
    try:
        amount = parse_decimal(given)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--amount") from None
    sign = _SIGNS.get(kind)
    if not amount:
        raise typer.BadParameter("must not be zero", param_hint="--amount")
    if sign is None:
        return amount
    if sign > 0 and amount < 0:
        raise typer.BadParameter(f"a {kind} adds; an adjustment can take away", param_hint="--amount")
    return abs(amount) * sign


def _moment(given: str | None, now: datetime) -> datetime:
    at = now if given is None else moment_of(given, now)
    if at is None:
        raise typer.BadParameter("must be a time (2026-01-05T09:00:00Z) or an age (30s, 5m, 2h, 1d)", param_hint="--at")
    if (at - now).total_seconds() > _AHEAD_SECONDS:
        raise typer.BadParameter("lies in the future; a fact has happened", param_hint="--at")
    return at.astimezone(UTC)


def _digest(told: dict[str, str]) -> str:
    """Return an id for what has none: telling the same of the same time again changes nothing."""
    parts = "\x1f".join(f"{key}\x1e{told[key]}" for key in sorted(told) if key not in {"text", "source"})
    return f"{MANUAL}{hashlib.sha256(parts.encode()).hexdigest()[:32]}"
