"""Logging in and out: a person's own database login opens a session, and its password is forgotten at once."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Final

import structlog
import trio
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from recon.db.transactions import Database
from recon.errors import DatabaseError, DocumentRefused, LoginRefused
from recon.web.failed_logins import FailedLogins
from recon.web.forms import Form, check_secret
from recon.web.guard import address_of
from recon.web.headers import PAGE
from recon.web.identity import MAX_LOGIN, login_identity
from recon.web.person_connection import open_connection
from recon.web.sessions import SECRET_BYTES, Sessions
from recon.web.viewers import Viewers

LOGIN: Final = "/login"
LOGOUT: Final = "/logout"
#: The cookie of whoever has not logged in yet: the form of the login holds the same secret.
FORM_COOKIE: Final = "recon_form"

_log = structlog.get_logger(__name__)

#: Why a session ended, as an address says it, and as the login says it to the person.
LOST: Final = "lost"
OVER: Final = "over"
WHY: Final[Mapping[str, str]] = {
    LOST: "Your session has ended, because its connection to the database was lost: that was restarted, or away."
    " Log in again; no password is kept.",
    OVER: "Your session is over: it was not used for a while, or recon was restarted. Log in again.",
}

#: Writes the screen of the login: the request, a message, what to go on with, and the status.
Show = Callable[[Request, str | None, str, int], Response]


class Login:
    """Opens and ends sessions."""

    def __init__(
        self, service: Database, service_url: str, sessions: Sessions, viewers: Viewers, failed: FailedLogins
    ) -> None:
        """Prepare; `service_url` is the address of the database that people log in to."""
        self._service = service
        self._service_url = service_url
        self._sessions = sessions
        self._viewers = viewers
        self._failed = failed

    async def enter(self, request: Request, form: Form, show: Show) -> Response:
        """Log a person in by the form, or show it again with what is wrong."""
        target = own_path(form.get("next", ""))
        try:
            check_secret(form, request.cookies.get(FORM_COOKIE, ""))
        except DocumentRefused:
            return show(request, "The form was too old. Log in again.", target, 400)
        name = form.get("login", "")[:MAX_LOGIN]
        keys = [f"address {address_of(request)}", f"login {name}"]
        wait = self._failed.wait(keys, trio.current_time())
        if wait > 0:
            answer = show(request, "Too many logins failed. Wait a minute.", target, 429)
            answer.headers["Retry-After"] = str(int(wait) + 1)
            return answer
        if self._sessions.full(trio.current_time()):
            return show(request, "Too many people are logged in. Try again later.", target, 503)
        self._failed.begin(keys, trio.current_time())
        try:
            secret = await self._open(name, form.get("password", ""))
        except LoginRefused as error:
            _log.warning("a login on the page is refused", address=address_of(request))
            keys = []  # it stays counted
            return show(request, f"Not logged in: {error}. Names are case-sensitive.", target, 401)
        except DatabaseError:
            return show(request, "Not logged in: the database is away. Try again.", target, 503)
        finally:
            self._failed.succeed(keys)
        answer = RedirectResponse(target, 303, headers=PAGE)
        self._set(answer, request, self._viewers.cookie, secret)
        answer.delete_cookie(FORM_COOKIE, path=LOGIN)
        return answer

    def leave(self, request: Request) -> Response:
        """Log a person out."""
        self._sessions.close(request.cookies.get(self._viewers.cookie, ""))
        answer = RedirectResponse(LOGIN, 303, headers=PAGE)
        answer.delete_cookie(self._viewers.cookie, path="/", secure=self._viewers.is_secure(request))
        return answer

    def form_secret(self, request: Request) -> str:
        """Return the secret for a form of the login: that of the cookie, or a new one."""
        known = request.cookies.get(FORM_COOKIE, "")
        return known if len(known) >= SECRET_BYTES else secrets.token_urlsafe(SECRET_BYTES)

    def keep_secret(self, answer: Response, request: Request, secret: str) -> None:
        """Have the browser send the form's secret back."""
        self._set(answer, request, FORM_COOKIE, secret, path=LOGIN)

    async def _open(self, name: str, password: str) -> str:
        identity = login_identity(name, password, self._service_url)
        connection = await open_connection(identity, self._service)
        secret, session = self._sessions.open(connection, trio.current_time())
        _log.info("logged in on the page", login=session.login)
        return secret

    def _set(self, answer: Response, request: Request, name: str, value: str, path: str = "/") -> None:
        answer.set_cookie(
            name, value, path=path, httponly=True, samesite="strict", secure=self._viewers.is_secure(request)
        )


def own_path(path: str) -> str:
    """Return a path of this page; the overview where it leads anywhere else."""
    proper = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and len(path) <= 2000
    return path if proper and not path.startswith((LOGIN, LOGOUT)) else "/"
