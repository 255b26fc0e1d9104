"""The shapes that receivers may rely on, as JSON Schema: of messages, and of the documents in them. Pure.

They follow from the types that write them. The files in `schemas/` are made from here by
`python -m tests.support.write_schemas`, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from recon.alerts import break_alert, finding, message, refused
from recon.alerts.channels.cloud_event import CloudEvent
from recon.alerts.watch import alert, conditions, watchdog

JSON: TypeAlias = "Mapping[str, JSON] | list[JSON] | str | int | bool | None"

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
#: Where a schema refers to one of its parts.
PARTS: Final = "#/$defs/{name}"


class Published(msgspec.Struct, frozen=True):
    """A document that receivers read: its name, the types of event that have it, and how it is written."""

    name: str
    title: str
    types: tuple[str, ...]
    document: type[msgspec.Struct]


_CONDITIONS: Final = (*conditions.KINDS, *(f"{kind}{alert.OVER}" for kind in conditions.KINDS), conditions.AWAY)
DOCUMENTS: Final = (
    Published(
        "break",
        "a break, as of one step of its life",
        tuple(event for events in break_alert.SIGNALLED.values() for event, _ in events),
        break_alert.Document,
    ),
    Published("condition", "recon does not see, or sees again", _CONDITIONS, alert.Document),
    Published("event-refused", "an event that the books lack", (refused.REFUSED,), refused.Document),
    Published(
        "finding",
        "a finding after which books may be wrong",
        tuple(f"{finding.EVENT}.{kind}" for kind in sorted(finding.TOLD)),
        finding.Document,
    ),
    Published("watchdog", "what recon sees, every few minutes", (watchdog.WATCHDOG,), watchdog.Document),
)


def schemas() -> dict[str, dict[str, JSON]]:
    """Return each schema by the name of its file."""
    made = {f"{each.name}.json": _of_document(each) for each in DOCUMENTS}
    return made | {"message.json": _of_message(), "cloud-event.json": _of_cloud_event()}


def _of_document(published: Published) -> dict[str, JSON]:
    schema = _root(published.document, published.title)
    schema["properties"] = {**_mapping(schema, "properties"), "type": {"enum": list(published.types)}}
    return schema


def _of_message() -> dict[str, JSON]:
    """Return the schema of a body: its alerts are documents, whole or shortened."""
    schema = _root(message.Body, "a message, as webhooks and commands get it")
    definitions = dict(_mapping(schema, "$defs"))
    for each in DOCUMENTS:
        document = _of_document(each)
        definitions |= _mapping(document, "$defs") if "$defs" in document else {}
        definitions[each.name] = {key: value for key, value in document.items() if key not in {"$schema", "$defs"}}
    named: list[JSON] = [{"$ref": PARTS.format(name=each.name)} for each in DOCUMENTS]
    definitions["shortened"] = {
        "title": "what is left of a document that was too long",
        "type": "object",
        "required": ["type", "id", "shortened"],
        "properties": {"type": {"type": "string"}, "id": {"type": "string"}, "shortened": {"const": True}},
    }
    definitions["test"] = {
        "title": "recon alerts test",
        "type": "object",
        "required": ["type", "id", "version"],
        "properties": {"type": {"const": "recon.test"}},
    }
    named += [{"$ref": PARTS.format(name=name)} for name in ("shortened", "test")]
    data = _mapping(definitions, "Data")
    alerts: JSON = {"type": "array", "items": {"anyOf": named}}
    definitions["Data"] = {**data, "properties": {**_mapping(data, "properties"), "alerts": alerts}}
    return {**schema, "$defs": definitions}


def _of_cloud_event() -> dict[str, JSON]:
    schema = _root(CloudEvent, "a message as a CloudEvent 1.0")
    fixed: dict[str, JSON] = {
        "specversion": {"const": "1.0"},
        "datacontenttype": {"const": "application/json"},
        "data": {"description": "the data of a message: see message.json", "type": "object"},
    }
    schema["properties"] = {**_mapping(schema, "properties"), **fixed}
    return schema


def _root(document: type[msgspec.Struct], title: str) -> dict[str, JSON]:
    """Return the schema of a type, with what it refers to below `$defs`; keys may be added within a version."""
    (reference,), components = msgspec.json.schema_components([document], ref_template=PARTS)
    name = str(reference["$ref"]).rpartition("/")[2]
    own = {key: value for key, value in components.pop(name).items() if key != "title"}
    return {"$schema": DIALECT, "title": title, **own, **({"$defs": components} if components else {})}


def _mapping(schema: Mapping[str, JSON], key: str) -> Mapping[str, JSON]:
    found = schema[key]
    if not isinstance(found, Mapping):
        raise TypeError(f"{key} is no object")
    return found
