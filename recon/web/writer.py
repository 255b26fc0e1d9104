"""Writes screens as HTML: the frame that all share, with the strip of truth, the menu and the keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from recon.reads.as_of import KNOWN, VALID
from recon.web.addresses import with_query
from recon.web.csv_file import CSV, FORMAT
from recon.web.headers import PAGE
from recon.web.kept_times import places_of, with_times
from recon.web.keys import KEYS, Key
from recon.web.rendering import environment
from recon.web.screen import NOTHING, Screen, View
from recon.web.sessions import Note
from recon.web.static_files import StaticFiles
from recon.web.truth import Truth
from recon.web.viewers import Viewer

#: The cookie of a person's choice of light or dark.
THEME: Final = "recon_theme"
THEMES: Final = ("light", "dark")
#: Why nobody acts on a past time.
IN_THE_PAST: Final = "This is a past time: decisions are about now"
#: What a message of an error is shown as.
_STRIP: Final = "strip.html"


class MenuItem(msgspec.Struct, frozen=True):
    """A screen in the top bar."""

    word: str
    path: str
    here: bool
    count: int | None


class Writer:
    """Writes every answer that people read."""

    def __init__(self, screens: Sequence[Screen]) -> None:
        """Read templates and files."""
        self.static = StaticFiles()
        self._templates = environment(self.static.address)
        self._screens = screens
        self._places = places_of(each.path for each in screens if not each.no_past)
        letters = [Key(f"g {each.key}", each.title.lower(), "open", each.path) for each in screens if each.key]
        self.keys: Sequence[Key] = (*KEYS, *letters)

    def strip(self, truth: Truth, now_address: str = "") -> str:
        """Return the strip of truth; of a past time it leads back to now."""
        return self._templates.get_template(_STRIP).render(truth=truth, now_address=now_address)

    def screen(
        self, request: Request, viewer: Viewer, screen: Screen, truth: Truth, view: View, notes: Sequence[Note]
    ) -> str:
        """Return a screen with its frame."""
        frame = self._frame(request, viewer, truth, screen.under or screen.name, _path_of(screen, request))
        past = truth.as_of.is_past
        html = self._templates.get_template(view.template or screen.template).render(
            **{**frame, "of_the_past": not screen.no_past},
            title=view.title or screen.title,
            question=screen.question,
            sql=view.sql,
            count=view.count,
            file=_file(frame["address"]) if screen.has_file else None,
            notes=notes,
            changes_with=NOTHING if past else screen.changes_with,
            why_not=IN_THE_PAST if past else viewer.why_not,
            not_kept=view.not_kept if past else "",
            **view.values,
        )
        return with_times(html, truth.as_of.pairs(), self._places)

    def message(
        self,
        request: Request,
        viewer: Viewer | None,
        title: str,
        notes: Sequence[Note],
        status: int,
        screen: Screen | None = None,
    ) -> Response:
        """Return a screen that says only what happened; `screen` is what it leads back to, without what was asked."""
        body = self._templates.get_template("message.html").render(
            **self._frame(request, viewer, None, ""),
            title=title,
            back=None if screen is None else (request.url.path, screen.title),
            question="",
            sql="",
            file=None,
            count=None,
            not_kept="",
            notes=notes,
            changes_with=NOTHING,
        )
        return answer(body, status)

    def login(self, request: Request, secret: str, message: str | None, target: str, *, reads: bool) -> str:
        """Return the screen of the login."""
        return self._templates.get_template("login.html").render(
            title="Log in",
            theme=theme_of(request),
            csrf=secret,
            message=message,
            next=target,
            login=request.query_params.get("login", ""),
            reads=reads,
        )

    def again(self) -> str:
        """Return a page that asks for itself again, as one of our own: a browser sends its cookie then."""
        return self._templates.get_template("again.html").render()

    def _frame(
        self, request: Request, viewer: Viewer | None, truth: Truth | None, here: str, path: str = ""
    ) -> Mapping[str, object]:
        session = None if viewer is None else viewer.session
        query, path = request.url.query, path or request.url.path
        times = [] if truth is None else truth.as_of.pairs()
        kept = [(name, value) for name, value in request.query_params.items() if name not in {VALID, KNOWN}]
        return {
            "theme": theme_of(request),
            "viewer": None if viewer is None else viewer.name,
            "csrf": None if session is None or times else session.csrf,
            "past": bool(times),
            "of_the_past": False,
            "times": times,
            "asked_times": dict(times),
            "kept": kept,
            "path": path,
            "moved": path != request.url.path,
            "truth": truth,
            "strip": None if truth is None else self.strip(truth, with_query(path, kept)),
            "menu": [
                MenuItem(
                    each.menu,
                    each.path,
                    each.name == here,
                    # How many are open now says nothing of a past time.
                    None if truth is None or times else _count(each, truth),
                )
                for each in self._screens
                if each.menu
            ],
            "keys": self.keys,
            "address": f"{path}?{query}" if query else path,
        }


def _path_of(screen: Screen, request: Request) -> str:
    """Return the path of a screen: a form that is refused is answered by a screen, at an address that is none."""
    if request.method != "POST":
        return request.url.path
    path = screen.path
    for name, value in request.path_params.items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
    return path


def _file(address: object) -> str:
    """Return the address of a screen's list as a file."""
    path = str(address)
    return f"{path}{'&' if '?' in path else '?'}{FORMAT}={CSV}"


def _count(screen: Screen, truth: Truth) -> int | None:
    return truth.cases if screen.name == "breaks" else None


def theme_of(request: Request) -> str | None:
    """Return a person's choice of light or dark; None: the browser's."""
    chosen = request.cookies.get(THEME)
    return chosen if chosen in THEMES else None


def answer(body: str, status: int = 200) -> Response:
    """Return a page."""
    return HTMLResponse(body, status, headers=PAGE)
