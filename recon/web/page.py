"""The page for people: screens to read, deeds to do, a login, and what is live (operator 10).

1. A screen is read in one transaction that cannot write, by the viewer's own login. A GET never changes anything.
2. A deed is one POST of a form of ours, by the person's own login. The database decides who may, as for commands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final
from urllib.parse import quote

import msgspec
import structlog
import trio
from sqlalchemy import Connection, text
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from recon.config.web import Web
from recon.db.engine import create_engine
from recon.db.source import Row
from recon.db.transactions import Database, ThreadedDatabase
from recon.errors import ConfigError, DatabaseError, DocumentRefused, ReconError
from recon.web.api.reading import Access, ReadApi
from recon.web.asked_query import query_of, split_times
from recon.web.csv_file import FORMAT, csv_answer
from recon.web.doing import Doing
from recon.web.failed_logins import FailedLogins
from recon.web.forms import FORM_TYPE, MAX_FORM, Form, form_of
from recon.web.guard import Guard, plain
from recon.web.headers import ALWAYS, PAGE, is_own
from recon.web.live import EventStream, Live
from recon.web.login import LOGIN, LOGOUT, LOST, OVER, WHY, Login, own_path
from recon.web.reading_bodies import body_of
from recon.web.rendering import sentence
from recon.web.screen import Asked, Deed, NothingThere, Screen, View
from recon.web.screens import DEEDS, SCREENS
from recon.web.sessions import Note, Sessions
from recon.web.static_files import STATIC
from recon.web.truth import Truth, read_truth
from recon.web.viewers import Viewer, Viewers
from recon.web.writer import Writer, answer

LIVE: Final = "/live"
#: Longest read of a screen, in seconds.
READ_SECONDS: Final = 10.0
#: Connections of those who read without a login.
READERS: Final = 4
#: Between two looks for sessions that are over, in seconds.
EXPIRE_SECONDS: Final = 30.0
#: A script of an open page asks with this header; it is no use of a session by a person.
BY_SCRIPT: Final = "x-recon-live"

_log = structlog.get_logger(__name__)


class PageSetup(msgspec.Struct, frozen=True):
    """What the page is made of: the service's own database, the address that people log in at, and the settings."""

    service: Database
    service_url: str
    web: Web
    gateways: Collection[str]
    now: Callable[[], datetime]
    failed: FailedLogins


class Page:
    """All screens, and the state that they share: sessions, streams, and the rates of requests."""

    def __init__(
        self, setup: PageSetup, screens: tuple[Screen, ...] = SCREENS, deeds: tuple[Deed, ...] = DEEDS
    ) -> None:
        """Prepare; nothing is connected yet."""
        self._setup = setup
        self._screens = screens
        self._deeds = deeds
        self._sessions = Sessions()
        reader = setup.web.reader_url
        self._reader_engine = (
            None if reader is None else create_engine(reader.get_secret_value(), "recon page", pool_size=READERS)
        )
        reading = None if self._reader_engine is None else ThreadedDatabase(self._reader_engine, READERS)
        self._viewers = Viewers(setup.web, self._sessions, reading)
        self._guard = Guard(self._viewers)
        self._writer = Writer(screens)
        self._login = Login(setup.service, setup.service_url, self._sessions, self._viewers, setup.failed)
        self._live = Live(setup.service, setup.gateways, self._writer.strip)
        self._doing = Doing(setup.now)
        access = Access(setup.service, setup.service_url, setup.web.tokens, setup.failed, setup.now)
        self._api = ReadApi(access, self._viewers, self._guard)

    def routes(self) -> list[Route]:
        """Return every address of the page."""
        return [
            Route(LOGIN, self._show_login, methods=["GET"]),
            *(Route(path, self._post, methods=["POST"]) for path in (LOGIN, LOGOUT)),
            Route(LIVE, self._stream, methods=["GET"]),
            *self._api.routes(),
            Route(STATIC + "{name}", self._writer.static.serve, methods=["GET"]),
            *(Route(each.path, partial(self._show, each), methods=["GET"], name=each.name) for each in self._screens),
            *(Route(each.path, partial(self._do, each), methods=["POST"], name=each.name) for each in self._deeds),
        ]

    async def run(self) -> None:
        """Keep streams and sessions, until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._live.run)
                while True:
                    await trio.sleep(EXPIRE_SECONDS)
                    self._sessions.expire(trio.current_time())
        finally:
            self._sessions.close_all()
            if self._reader_engine is not None:
                self._reader_engine.dispose()

    def stop(self) -> None:
        """End the streams: the server waits for them."""
        self._live.stop()

    def nothing_there(self, request: Request) -> Response:
        """Say that an address leads to nothing."""
        refusal = self._guard.refusal(request)
        viewer = self._viewers.find(request, trio.current_time(), used=True)
        note = Note("wait", "Nothing is at this address.", "It may be of another version of recon.")
        return refusal or self._writer.message(request, viewer, "Nothing there", [note], 404)

    async def _show(self, screen: Screen, request: Request) -> Response:
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return refusal
        viewer = self._viewers.find(request, trio.current_time(), used=BY_SCRIPT not in request.headers)
        if viewer is None:
            return self._to_login(request, OVER if self._viewers.cookie in request.cookies else None)
        async with self._guard.turn():
            return await self._read(screen, request, viewer)

    async def _read(
        self, screen: Screen, request: Request, viewer: Viewer, notes: tuple[Note, ...] = (), status: int = 200
    ) -> Response:
        """Return a screen. `notes` are shown before those that wait for the person."""
        try:
            given = {} if notes else query_of(screen, request.query_params.multi_items())
            as_file = given.pop(FORMAT, None) is not None
            query, as_of = split_times(given, self._setup.now())
            asked = Asked(request.path_params, query, self._setup.now(), viewer.name, viewer.why_not, as_of)
            work = partial(_look, screen=screen, asked=asked, gateways=self._setup.gateways)
            if as_file:
                rows = await viewer.database.run(partial(_rows, screen=screen, asked=asked), deadline=READ_SECONDS)
                return csv_answer(screen.name, rows)
            truth, view = await viewer.database.run(work, deadline=READ_SECONDS)
        except NothingThere as error:
            return self._writer.message(
                request, viewer, "Nothing there", [*notes, Note("wait", sentence(str(error)))], 404
            )
        except (ConfigError, DocumentRefused) as error:
            told = [*notes, Note("wait", sentence(str(error)))]
            return self._writer.message(request, viewer, "Not an address of this screen", told, 422, screen)
        except DatabaseError as error:
            return self._away(request, viewer, error)
        waiting: list[Note] = []
        if viewer.session is not None and BY_SCRIPT not in request.headers:
            waiting = list(viewer.session.notes)
            viewer.session.notes.clear()
        write = partial(self._writer.screen, request, viewer, screen, truth, view, [*notes, *waiting])
        # A long list takes a while to write, and the loop has gateways to serve.
        return answer(await trio.to_thread.run_sync(write), status)

    async def _do(self, deed: Deed, request: Request) -> Response:
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return refusal
        viewer = self._viewers.find(request, trio.current_time(), used=True)
        if viewer is None or viewer.session is None:
            note = Note("bad", "Nothing was written.", "Your session is over: log in, and send the form again.")
            return self._writer.message(request, viewer, "Log in", [note], 401)
        form = await self._form_of(request)
        if isinstance(form, Response):
            return form
        async with self._guard.turn():
            screen = next(each for each in self._screens if each.name == deed.screen)
            try:
                to = await self._doing.do(deed, request.path_params, form, viewer.session)
            except DatabaseError as error:
                return self._away(request, viewer, error)
            except ReconError as error:
                return await self._read(screen, request, viewer, (_refused(error),), _status(error))
        return RedirectResponse(to, 303, headers=PAGE)

    async def _post(self, request: Request) -> Response:
        """Answer a login or a logout."""
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return refusal
        form = await self._form_of(request)
        if isinstance(form, Response):
            return form
        if request.url.path == LOGIN:
            async with self._guard.turn():
                return await self._login.enter(request, form, self._login_screen)
        viewer = self._viewers.find(request, trio.current_time(), used=True)
        if viewer is not None and viewer.session is not None:
            try:
                self._doing.check(form, viewer.session)
            except DocumentRefused as error:
                return self._writer.message(request, viewer, "Not logged out", [_refused(error)], 400)
        return self._login.leave(request)

    async def _form_of(self, request: Request) -> Form | Response:
        """Return the form of a POST, or the answer that refuses it."""
        if not is_own(request.headers):
            return plain(403, "Nothing was written: this form is of another site")
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
            return plain(415, f"Nothing was written: a form is sent as {FORM_TYPE}")
        try:
            body = await body_of(request, MAX_FORM)
            return (
                plain(413, f"Nothing was written: the form is larger than {MAX_FORM} bytes")
                if body is None
                else (form_of(body))
            )
        except DocumentRefused as error:
            return plain(400, f"Nothing was written: {error}")
        except ClientDisconnect:
            return plain(400, "Nothing was written: the request ended early")

    async def _show_login(self, request: Request) -> Response:
        asked = request.query_params
        return self._guard.refusal(request) or self._login_screen(
            request, WHY.get(asked.get("why", "")), own_path(asked.get("next", "/")), 200
        )

    def _login_screen(self, request: Request, message: str | None, target: str, status: int) -> Response:
        secret = self._login.form_secret(request)
        reads = self._viewers.reads_without_login
        made = answer(self._writer.login(request, secret, message, target, reads=reads), status)
        self._login.keep_secret(made, request, secret)
        return made

    def _to_login(self, request: Request, why: str | None = None) -> Response:
        """Send a viewer to the login, which says why.

        Where a link of another site hid their cookie, have the browser ask again.
        """
        if BY_SCRIPT in request.headers:
            return plain(401, "Your session is over: log in again")
        if request.headers.get("sec-fetch-site") == "cross-site":
            return answer(self._writer.again())
        query = f"?{request.url.query}" if request.url.query else ""
        told = "" if why is None else f"&why={why}"
        return RedirectResponse(f"{LOGIN}?next={quote(request.url.path + query)}{told}", 303, headers=PAGE)

    def _away(self, request: Request, viewer: Viewer, error: DatabaseError) -> Response:
        """Say that the database did not answer; where a person's connection has ended, have them log in again."""
        if viewer.session is not None and viewer.session.connection.lost:
            self._sessions.close(request.cookies.get(self._viewers.cookie, ""))
            return (
                self._to_login(request, LOST)
                if request.method == "GET"
                else self._login_screen(request, f"Nothing was written. {WHY[LOST]}", "/", 401)
            )
        _log.warning("a screen could not be read", path=request.url.path, reason=str(error))
        note = Note("bad", "Nothing can be shown now:", "the database does not answer. Open the screen again.")
        return self._writer.message(request, viewer, "Not shown", [note], 503)

    async def _stream(self, request: Request) -> Response:
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return refusal
        if self._viewers.find(request, trio.current_time(), used=False) is None:
            return plain(401, "Your session is over: log in again")
        if self._live.full:
            return plain(
                503, "Too many screens are live; this one is as of when it was opened", **{"Retry-After": "10"}
            )
        headers = {**ALWAYS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return EventStream(self._live.stream(), headers=headers, media_type="text/event-stream")


def _look(connection: Connection, *, screen: Screen, asked: Asked, gateways: Collection[str]) -> tuple[Truth, View]:
    """Read a screen and the strip from one state of the database, without a way to write."""
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    truth = read_truth(connection, gateways)
    if asked.as_of.is_past:
        # What is shown is as of then: ages count from there.
        truth = msgspec.structs.replace(truth, as_of=asked.as_of, at=asked.as_of.horizon(truth.at))
    return truth, screen.read(connection, asked)


def _rows(connection: Connection, *, screen: Screen, asked: Asked) -> Sequence[Row]:
    """Read the list of a screen as a file has it: longer, and with all columns."""
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    listed = screen.read(connection, asked).listed
    return [] if listed is None else listed.rows(connection)


def _refused(error: ReconError) -> Note:
    message = str(error)
    first, dot, rest = message.partition(": ")
    if message.startswith("Nothing was written") and dot:
        return Note("bad", f"{first}:", rest)
    return Note("bad", "Nothing was written:", message)


def _status(error: ReconError) -> int:
    statuses: Mapping[type[ReconError], int] = {DocumentRefused: 400, ConfigError: 422}
    return statuses.get(type(error), 409)
