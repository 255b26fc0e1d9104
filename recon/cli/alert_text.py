"""`recon alerts show` for a person: a signal, or a message, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from recon.alerts.channels.wording import words_of
from recon.alerts.message import Message
from recon.cli.output import Row, text_of
from recon.cli.tables.text import wrapped
from recon.display.ages import time_of_day
from recon.display.figures import amount, count
from recon.display.ids import short_id
from recon.display.words import safe
from recon.display.worth import worth


def signal_text(row: Row, width: int) -> str:
    """Return a signal in words: what happened, to what, when, and what became of it."""
    document = row["document"]
    lines = [f"{row['event']}, {str(row['state']).replace('_', ' ')}", *_what(row, width)]
    if isinstance(document, Mapping):
        for key in ("detail", "reason", "note"):
            if document.get(key):
                lines += [f"  {line}" for line in wrapped(safe(str(document[key])), width - 2)]
                break
    seq = count(int(str(row["seq"])))
    lines.append(f"  at {_at(row['occurred_at'])}, event {seq}; signal {short_id(str(row['id']))}")
    lines.append(f"  why who was told: recon alerts why {short_id(str(row['case_id']))}")
    return "\n".join(lines) + "\n"


def _what(row: Row, width: int) -> Iterator[str]:
    where = " on ".join(safe(str(row[key])) for key in ("account", "gateway") if row[key])
    parts = [where] if where else []
    if row["amount"] is not None:
        value = f"{amount(Decimal(str(row['amount'])), safe(str(row['unit'] or '')))}"
        usd = None if row["amount_usd"] is None else abs(Decimal(str(row["amount_usd"])))
        parts.append(f"{value.strip()}, {worth(usd)}")
    judged = ", ".join(safe(str(row[key])) for key in ("cause", "certainty", "severity") if row[key])
    text = ": ".join(part for part in (*parts, judged) if part)
    if row["actor"]:
        text = f"{text}; by {safe(str(row['actor']))}"
    if text:
        yield from (f"  {line}" for line in wrapped(text, width - 2))


def message_text(rows: Sequence[Row], width: int) -> str:
    """Return a message in words, as people receive it, and why it was sent; `rows` are its deliveries."""
    row = rows[0]
    words = words_of(_message(row))
    lines = [words.title]
    for text in words.text.splitlines():
        lines += [f"  {line}" for line in wrapped(safe(text), width - 2)]
    reason = safe(str(row["reason"] or ""))
    lines += [f"  {line}" for line in wrapped(f"{row['kind']}: {reason}" if reason else str(row["kind"]), width - 2)]
    lines.append(f"  composed {_at(row['at'])}; message {safe(str(row['id']))}")
    return "\n".join(lines) + "\n"


def _message(row: Row) -> Message:
    body, at = row["body"], row["at"]
    if not isinstance(at, datetime):  # pragma: no cover - each delivery has a time
        raise TypeError("a delivery without a time")
    return Message(
        id=str(row["id"]),
        gateway=str(row["gateway"] or ""),
        channel=str(row["channel"]),
        event=str(row["event"]),
        case_id=str(row["case_id"] or ""),
        entries=(),
        timestamp=at,
        attempt=1,
        body=body if isinstance(body, str) else msgspec.json.encode(body).decode(),
        kind=str(row["kind"]),
    )


def _at(value: object) -> str:
    return f"{time_of_day(value)} UTC" if isinstance(value, datetime) else text_of(value)
