"""Search: where an id or a name is."""

from __future__ import annotations

from typing import Final

import msgspec

from recon.db.source import Row, Source
from recon.display.ids import short_id
from recon.reads.search import MAX_HITS, Hit, queries, search
from recon.web.addresses import case_address, event_address, unit_address, why_address, with_query
from recon.web.screen import Asked, Screen, View

#: What is looked for, in words.
LOOKED_FOR: Final = "accounts, units, orders, cases, breaks, digests of proposals, signals, and events by their number"
#: The same of a past time.
PAST: Final = "accounts, units, orders, cases, breaks, signals, and events by their number"


class Found(msgspec.Struct, frozen=True):
    """A hit as a row: what it is, where it is, and what there is to say of it."""

    kind: str
    name: str
    address: str
    state: str
    says: str


def _read(source: Source, asked: Asked) -> View:
    text = asked.query.get("q", "").strip()
    hits = [_found(hit) for hit in search(source, text, asked.as_of)]
    return View(
        title=f"Search: {text}" if text else "Search",
        sql="\n\n".join(query.sql() for query in queries(text, asked.as_of)) if text else "",
        values={"q": text, "hits": hits, "most": MAX_HITS, "looked_for": PAST if asked.as_of.is_past else LOOKED_FOR},
        not_kept="digests of proposals, and the venues' names of accounts. They are not looked for here.",
    )


def _found(hit: Hit) -> Found:
    row, kind = hit.row, hit.kind
    gateway = str(row["gateway"])
    if kind == "event":
        seq = int(str(row["seq"]))
        says = " ".join(str(part) for part in (row["kind"], row["account"]) if part)
        return Found(kind, f"{seq:,}", event_address(gateway, seq), "", f"{gateway}, {says}")
    name = str(row["name"])
    return Found(kind, _shown(kind, name), _address(kind, gateway, name, row), str(row["state"]), _says(gateway, row))


def _shown(kind: str, name: str) -> str:
    return short_id(name) if kind in {"case", "break", "proposal", "signal"} else name


def _address(kind: str, gateway: str, name: str, row: Row) -> str:
    if kind == "account":
        return with_query("/units", [("gateway", gateway), ("account", name)])
    if kind == "unit":
        return unit_address(gateway, str(row["account"]), name, str(row["unit_kind"]))
    if kind == "order":
        return event_address(gateway, int(str(row["last_seq"])))
    if kind == "signal":
        return why_address(gateway, str(row["case_id"]))
    return case_address(name if kind == "case" else str(row["case_id"]))


def _says(gateway: str, row: Row) -> str:
    parts = [row.get(name) for name in ("account", "unit", "side", "symbol", "cause")]
    told = " ".join(str(part) for part in parts if part)
    return f"{gateway}, {told}" if told else gateway


SCREEN: Final = Screen(
    name="search",
    path="/search",
    title="Search",
    question="Where is this id?",
    template="search.html",
    read=_read,
    takes=("q",),
)
