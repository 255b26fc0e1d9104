"""The canonical text of a closing's document, and its digest. Pure.

The text is the one that Postgres gives a `jsonb`: keys by length and then by bytes, one space after a comma and a
colon. So the database itself computes the digest that a sign-off names, from the document in the log.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeAlias

JSON: TypeAlias = "Mapping[str, JSON] | Sequence[JSON] | str | int | bool | None"


def canonical(document: JSON) -> str:
    """Return the canonical text of a document; its numbers are whole, and amounts are texts."""
    return json.dumps(_ordered(document), separators=(", ", ": "), ensure_ascii=False)


def digest_of(document: JSON) -> str:
    """Return the SHA-256 of a document's canonical text, in hex."""
    return hashlib.sha256(canonical(document).encode()).hexdigest()


def written(value: object) -> JSON:
    """Return a value as a document holds it: amounts as plain text without zeros at the end, times in UTC."""
    if isinstance(value, Decimal):
        return amount_text(value)
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): written(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [written(part) for part in value]
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"a {type(value).__name__} is no part of a document")


def amount_text(amount: Decimal) -> str:
    """Return an amount as plain text: however it was computed, equal amounts have one text."""
    text = format(amount or abs(amount), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def time_text(at: datetime) -> str:
    """Return a time in UTC with microseconds."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _ordered(document: JSON) -> JSON:
    if isinstance(document, Mapping):
        keys = sorted(document, key=lambda key: (len(key.encode()), key.encode()))
        return {key: _ordered(document[key]) for key in keys}
    if isinstance(document, list | tuple):
        return [_ordered(part) for part in document]
    return document
