"""A list that people read: its SQL over the public views, by what it can be narrowed, and its order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from recon.reads.filter import Condition, Filter
from recon.reads.query import Query
from recon.reads.sort import SortKey, order_by

#: Stands in a list's SQL where its condition belongs; without it, the condition is at the end.
WHERE: Final = "{where}"


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """One list: `select` without WHERE, the columns that filters stand for, and an order that leaves none equal.

    `sorts` are the columns that it can be sorted by, each with its expression. `words` are the values that a filter's
    name has in this list, where they are not the usual ones. `always` holds for every row, whatever is asked.
    """

    name: str
    select: str
    filters: Mapping[str, str]
    order: str
    sorts: Mapping[str, str] = {}
    words: Mapping[str, Callable[[], Collection[str]]] = {}
    always: str = ""

    def condition(self, asked: Filter, now: datetime) -> Condition:
        """Return a filter as a condition on the list. Errors: ConfigError for a name or word that it does not have."""
        asked.check_words(self.words)
        return asked.condition(self.filters, now, self.name)

    def query(self, asked: Filter, now: datetime, *, sort: Sequence[SortKey] = (), limit: int | None = None) -> Query:
        """Return the list as SQL, narrowed and sorted. Errors: ConfigError for a name or word that it does not have."""
        condition = self.condition(asked, now)
        parts = [part for part in (self.always, condition.text) if part and part != "true"]
        where = f"WHERE {' AND '.join(parts)}" if parts else ""
        text = self.select.replace(WHERE, where) if WHERE in self.select else f"{self.select}\n{where}".rstrip()
        text += f"\nORDER BY {order_by(sort, self.sorts, self.order)}"
        parameters: dict[str, object] = dict(condition.parameters)
        if limit is not None:
            text, parameters["limit"] = f"{text}\nLIMIT :limit", limit
        return Query(text, parameters)
