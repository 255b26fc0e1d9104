"""A list that people read: its SQL over the public views, by what it can be narrowed, and its order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from recon.errors import ConfigError
from recon.reads.as_of import NOW, AsOf, function_of
from recon.reads.filter import Condition, Filter
from recon.reads.query import Query
from recon.reads.sort import SortKey, order_by

#: Stands in a list's SQL where its condition belongs; without it, the condition is at the end.
WHERE: Final = "{where}"


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """One list: `select` without WHERE, the columns that filters stand for, and an order that leaves none equal.

    `sorts` are the columns that it can be sorted by, each with its expression. `words` are the values that a filter's
    name has in this list, where they are not the usual ones. `always` holds for every row, whatever is asked.
    `past` is the same list as of a past time, over functions of two times; None: there is none.
    """

    name: str
    select: str
    filters: Mapping[str, str]
    order: str
    sorts: Mapping[str, str] = {}
    words: Mapping[str, Callable[[], Collection[str]]] = {}
    always: str = ""
    past: Read | None = None

    def at(self, as_of: AsOf) -> Read:
        """Return the list of a time. Errors: ConfigError where it is of now alone."""
        if not as_of.is_past:
            return self
        if self.past is None:
            raise ConfigError(f"{self.name}: what they were at a past time is not kept; ask for now alone")
        return self.past

    def condition(self, asked: Filter, now: datetime) -> Condition:
        """Return a filter as a condition on the list. Errors: ConfigError for a name or word that it does not have."""
        asked.check_words(self.words)
        return asked.condition(self.filters, now, self.name)

    def query(
        self,
        asked: Filter,
        now: datetime,
        *,
        sort: Sequence[SortKey] = (),
        limit: int | None = None,
        as_of: AsOf = NOW,
    ) -> Query:
        """Return the list as SQL, narrowed and sorted; ages count back from the time that it is of.

        Errors: ConfigError for a name or word that it does not have, and for a past time where it is of now alone.
        """
        if as_of.is_past:
            query = self.at(as_of).query(asked, as_of.now(now), sort=sort, limit=limit)
            return Query(query.text, {**query.parameters, **as_of.parameters})
        condition = self.condition(asked, now)
        parts = [part for part in (self.always, condition.text) if part and part != "true"]
        where = f"WHERE {' AND '.join(parts)}" if parts else ""
        text = self.select.replace(WHERE, where) if WHERE in self.select else f"{self.select}\n{where}".rstrip()
        text += f"\nORDER BY {order_by(sort, self.sorts, self.order)}"
        parameters: dict[str, object] = dict(condition.parameters)
        if limit is not None:
            text, parameters["limit"] = f"{text}\nLIMIT :limit", limit
        return Query(text, parameters)


def with_past(read: Read, *lacks: str) -> Read:
    """Return a list that can be of a past time too: its views have functions. `lacks` are filters that only now has."""
    past = msgspec.structs.replace(
        read,
        select=function_of(read.select),
        filters={name: column for name, column in read.filters.items() if name not in lacks},
    )
    return msgspec.structs.replace(read, past=past)
