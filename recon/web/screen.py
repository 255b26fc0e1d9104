"""What a screen is: an address, a question, a read of the views, and a template. And what a deed is.

A new screen is one file in `screens`, which names its `Screen`, and one template. `screens/__init__` lists it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from recon.db.source import Source
from recon.deciding.recording import Recorded
from recon.reads.as_of import NOW, AsOf
from recon.reads.query import Query
from recon.web.forms import Form

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: What a screen's content changes with; `live` tells browsers when it did. Empty: with nothing.
NOTHING: Final = ""
CASES: Final = "cases"
BOOKS: Final = "books"
SIGNALS: Final = "signals"


class Asked(msgspec.Struct, frozen=True):
    """What is asked of a screen: the parts of its path, its query, when, and who looks."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    now: datetime
    #: The login of whoever looks; None where a named reader reads for them.
    login: str | None
    #: Why whoever looks may not act; None: they may.
    why_not: str | None
    #: Of which time the screen is; one that can mean no past time is never asked for it.
    as_of: AsOf = NOW


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What a screen shows: the values of its template, and the SQL that gives them."""

    values: Mapping[str, object]
    sql: str
    #: Instead of the screen's own heading.
    title: str | None = None
    #: What its list is made of, for whoever wants it as a file; None: it is no list.
    listed: Query | None = None
    #: How many need somebody, for the title of the tab.
    count: int | None = None
    #: What of a past time is not kept, and so is left out, in words.
    not_kept: str = ""
    #: Instead of the screen's own template.
    template: str | None = None


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """A screen: `read` runs in one transaction that cannot write."""

    name: str
    path: str
    title: str
    question: str
    template: str
    read: Callable[[Source, Asked], View]
    #: The names that the query of its address may have; any other is refused.
    takes: Sequence[str] = ()
    #: Whether its list can be had as a file.
    has_file: bool = False
    #: The word in the top bar; None: it is reached by links alone. And the screen that it belongs to there.
    menu: str | None = None
    under: str | None = None
    #: The letter after `g` that opens it.
    key: str | None = None
    changes_with: str = NOTHING
    #: Why it can mean no past time, `as_of` and `known_at` in its address; empty: it can.
    no_past: str = ""


class Wanted(msgspec.Struct, frozen=True):
    """What a form asks to be done, and who asks."""

    path: Mapping[str, str]
    form: Form
    login: str
    now: datetime


class Outcome(msgspec.Struct, frozen=True):
    """What became of one of several decisions: what it is about, and what was recorded, or why nothing was."""

    what: str
    recorded: Sequence[Recorded] = ()
    refused: str = ""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: where to go on, what to say, and what was recorded for the books to take up."""

    to: str
    said: str
    recorded: Sequence[Recorded] = ()
    #: The step by which it is undone, where there is one.
    undo: str = ""
    #: Where several were decided, what became of each; `recorded` is all of them.
    outcomes: Sequence[Outcome] = ()


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """What a POST to an address does, in one transaction of the person's own login.

    `screen` names the screen that shows a refusal; it has the same parts in its path.
    """

    name: str
    path: str
    screen: str
    do: Callable[[Connection, Wanted], Done]


#: A page that has nothing to show: what a screen raises.
class NothingThere(Exception):
    """Nothing is at the address; the text says what was asked for, and what is nearest."""


Screens: TypeAlias = tuple[Screen, ...]
