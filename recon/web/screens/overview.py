"""The overview: what needs somebody now, and whether the rest can be believed."""

from __future__ import annotations

from typing import Final

from recon.db.source import Source
from recon.reads.query import Query
from recon.web.screen import BOOKS, Asked, Screen, View

_GATEWAYS: Final = Query("SELECT g.name, g.state, g.changed_at, g.head_seq FROM recon.gateways AS g ORDER BY g.name")


def _read(source: Source, asked: Asked) -> View:
    del asked
    return View(values={"gateways": _GATEWAYS.rows(source)}, sql=_GATEWAYS.sql())


SCREEN: Final = Screen(
    name="overview",
    path="/",
    title="Overview",
    question="What needs somebody now, and can the rest be believed?",
    template="overview.html",
    read=_read,
    menu="Overview",
    key="o",
    changes_with=BOOKS,
)
