"""The read API described as OpenAPI 3.1; a test compares the description with real answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from recon.reads.as_of import KNOWN, VALID
from recon.reads.filter import NAMES
from recon.web.api.past_resources import PAST
from recon.web.api.resources import RESOURCES, USUAL_ROWS, Resource
from recon.web.api.values import schema_of

BASE: Final = "/api/v1"
#: The version of what is described; a change that breaks a reader is a new one, with an address of its own.
VERSION: Final = "1"
OPENAPI: Final = f"{BASE}/openapi.json"

_ERROR: Final = {"$ref": "#/components/responses/Error"}
#: What each filter is, where its name does not say it.
_FILTERS: Final[Mapping[str, str]] = {
    "since": "From this time on: 2026-01-05T09:00:00Z, or an age such as 5m, 2h, 1d",
    "until": "Before this time",
    "case": "The beginning of a case's id",
    "who": "Who is to look after it",
}

#: The two times of a past time, for resources that are kept of one.
_TIMES: Final = {
    VALID: "As it was at this time: 2026-01-05T17:00:00Z, or an age such as 5m, 2h, 1d",
    KNOWN: "As it was known at this time; without it, as it is known now",
}


def openapi() -> Mapping[str, object]:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "recon, read API",
            "version": VERSION,
            "description": (
                "The public views of schema recon as JSON. Decimals are texts, times are UTC, lengths of time are"
                " seconds as text. Each column means what its comment in the database says (`recon docs analyst`)."
            ),
        },
        "security": [{"token": []}, {"login": []}, {"session": []}],
        "paths": {f"{BASE}/{each.name}": {"get": _operation(each)} for each in RESOURCES},
        "components": {
            "schemas": {
                **{each.name: _page(each) for each in RESOURCES},
                **{_of_the_past(name): _page(each) for name, each in PAST.items()},
            },
            "responses": {
                "Error": {
                    "description": "Why it is not answered",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["error"],
                                "properties": {"error": {"type": "string"}},
                            }
                        }
                    },
                }
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token of [web.tokens]"},
                "login": {"type": "http", "scheme": "basic", "description": "Your own database login"},
                "session": {"type": "apiKey", "in": "cookie", "name": "recon_session"},
            },
        },
    }


def _operation(resource: Resource) -> Mapping[str, object]:
    parameters = [
        _parameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": resource.most, "default": min(USUAL_ROWS, resource.most)},
            "Most rows",
        ),
        _parameter("after", {"type": "string"}, "Where the page begins, out of `next` of the page before"),
        *(_parameter(name, {"type": "string"}, told) for name, told in _TIMES.items() if resource.name in PAST),
        *(
            _parameter(name, _filter_schema(resource, name), _FILTERS.get(name, ""))
            for name in NAMES
            if name in resource.filters
        ),
    ]
    return {
        "operationId": f"read_{resource.name}",
        "summary": resource.summary,
        "description": f"A page by ({', '.join(resource.key)}). Follow `next` until it is null.",
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "A page",
                "headers": {
                    "ETag": {"schema": {"type": "string"}},
                    "Recon-As-Of": {"schema": {"type": "string", "format": "date-time"}},
                },
                "content": {"application/json": {"schema": _answered(resource.name)}},
            },
            "304": {"description": "As `If-None-Match` has it"},
            **dict.fromkeys(("401", "422", "429", "503"), _ERROR),
        },
    }


def _of_the_past(name: str) -> str:
    """Return the name of the schema of a resource as of a past time."""
    return f"{name}_as_of"


def _answered(name: str) -> Mapping[str, object]:
    """Return what a page of a resource is: another one where a past time is asked for."""
    now = {"$ref": f"#/components/schemas/{name}"}
    return now if name not in PAST else {"anyOf": [now, {"$ref": f"#/components/schemas/{_of_the_past(name)}"}]}


def _parameter(name: str, schema: Mapping[str, object], description: str) -> Mapping[str, object]:
    told = {"description": description} if description else {}
    return {"name": name, "in": "query", "required": False, "schema": schema, **told}


def _filter_schema(resource: Resource, name: str) -> Mapping[str, object]:
    words = resource.words.get(name)
    return {"type": "string"} if words is None else {"type": "string", "enum": list(words())}


def _page(resource: Resource) -> Mapping[str, object]:
    row = {
        "type": "object",
        "required": list(resource.columns),
        "additionalProperties": False,
        "properties": {name: schema_of(column) for name, column in resource.columns.items()},
    }
    return {
        "type": "object",
        "required": ["data", "next"],
        "additionalProperties": False,
        "properties": {
            "data": {"type": "array", "maxItems": resource.most, "items": row},
            "next": {"type": ["string", "null"], "description": "The address of the next page; null: this is the last"},
        },
    }
