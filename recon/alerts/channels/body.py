"""The body of a message as a receiver takes it: never larger than 20 kB, and a CloudEvent if the settings say so. Pure.

1. What is too large loses the longest parts first: the causes that were considered, the evidence, lists of what is
   seen; then the ends of long texts; then the last alerts. `clipped` says so in `data`, and `count` still counts all.
2. The same message always gives the same body, so each attempt sends the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias
from urllib.parse import quote

import msgspec

from recon.alerts.message import Message

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | bool | None"

#: Largest body, in bytes (the Standard Webhooks specification asks for less than 20 kB).
MAX_BODY_BYTES: Final = 20_000
#: What a CloudEvent may need around the data, in bytes.
ENVELOPE_BYTES: Final = 4_000
#: Texts are cut to this many characters if a body is too large.
MAX_TEXT: Final = 200
#: The lists that a body can do without, the most dispensable first.
_LISTS: Final = ("tried", "evidence", "conditions", "gateways", "candidates", "withheld", "look")


def standard_body(message: Message) -> str:
    """Return the body in the shape of the Standard Webhooks specification: type, timestamp, data."""
    return shortened(message.body, MAX_BODY_BYTES)


def cloud_event(message: Message) -> str:
    """Return the body as a CloudEvent 1.0 in its structured form; `data` is that of the standard body."""
    data = _object(shortened(message.body, MAX_BODY_BYTES - ENVELOPE_BYTES))["data"]
    source = f"/recon/gateways/{quote(message.gateway, safe='')}" if message.gateway else "/recon/service"
    event = {
        "specversion": "1.0",
        "id": message.id,
        "source": source,
        "type": message.event,
        "subject": message.case_id,
        "time": message.timestamp,
        "datacontenttype": "application/json",
        "data": data,
    }
    return msgspec.json.encode(event).decode()


def shortened(body: str, limit: int) -> str:
    """Return a body of at most so many bytes; the same text if it is small enough."""
    if len(body.encode()) <= limit:
        return body
    document = _object(body)
    for name in _LISTS:
        document = _mapped(document, _emptying(name))
        if (text := _clipped(document, limit)) is not None:
            return text
    document = _mapped(document, _cut)
    while (text := _clipped(document, limit)) is None:
        if not _drop_an_alert(document):
            # Not even one alert fits: its identity is in the headers, and the commands show the rest.
            return msgspec.json.encode({**document, "data": {"clipped": True, "alerts": []}}).decode()
    return text


def _clipped(document: dict[str, JSON], limit: int) -> str | None:
    data = document.get("data")
    marked = {**document, "data": {**data, "clipped": True}} if isinstance(data, dict) else document
    encoded = msgspec.json.encode(marked)
    return encoded.decode() if len(encoded) <= limit else None


def _drop_an_alert(document: dict[str, JSON]) -> bool:
    data = document.get("data")
    alerts = data.get("alerts") if isinstance(data, dict) else None
    if not isinstance(alerts, list) or len(alerts) < 2:
        return False
    alerts.pop()
    return True


def _emptying(name: str) -> Callable[[str, JSON], JSON]:
    return lambda key, value: [] if key == name and isinstance(value, list) else value


def _cut(_: str, value: JSON) -> JSON:
    return f"{value[: MAX_TEXT - 1]}…" if isinstance(value, str) and len(value) > MAX_TEXT else value


def _mapped(document: dict[str, JSON], change: Callable[[str, JSON], JSON]) -> dict[str, JSON]:
    """Return a document with every value changed, the deepest first."""
    return {key: _walk(key, value, change) for key, value in document.items()}


def _walk(key: str, value: JSON, change: Callable[[str, JSON], JSON]) -> JSON:
    if isinstance(value, dict):
        return change(key, _mapped(value, change))
    if isinstance(value, list):
        return change(key, [_walk(key, item, change) for item in value])
    return change(key, value)


def _object(text: str) -> dict[str, JSON]:
    document: dict[str, JSON] = msgspec.json.decode(text)
    return document
