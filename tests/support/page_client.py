"""The page on a real listener, and a browser of no scripts: cookies, forms with their secrets, and what is shown."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from typing import Any

import httpx
import trio

from recon.clock import utc_now
from recon.config.web import Web
from recon.db.transactions import Database
from recon.web.serving import WebSetup, serve_people
from tests.conftest import TestDatabase

_CSRF = re.compile(r'name="csrf" value="([^"]*)"')
_TAG = re.compile(r"<[^>]+>")


class Visitor:
    """Somebody with a browser: cookies are kept, and forms are sent with the secret of the page."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.http.get(path, **more)

    async def log_in(self, login: str, password: str, target: str = "/") -> httpx.Response:
        form = await self.http.get("/login", params={"next": target})
        fields = {"login": login, "password": password, "next": target, "csrf": secret_of(form)}
        return await self.http.post("/login", data=fields)

    async def send(self, path: str, *, of: str = "/", csrf: str | None = None, **fields: str) -> httpx.Response:
        """Send a form of a page."""
        secret = secret_of(await self.http.get(of)) if csrf is None else csrf
        return await self.http.post(path, data={**fields, "csrf": secret})


def secret_of(answer: httpx.Response) -> str:
    found = _CSRF.search(answer.text)
    return unescape(found[1]) if found else ""


def words_of(answer: httpx.Response) -> str:
    """Return what a page says, without its markup, each run of spaces as one."""
    return " ".join(unescape(_TAG.sub(" ", answer.text)).split())


@asynccontextmanager
async def page_of(
    database: TestDatabase, service: Database, gateways: tuple[str, ...] = (), **settings: Any
) -> AsyncIterator[str]:
    """Serve the page; give its address."""
    web = Web.model_validate({"listen": "127.0.0.1:0", **settings})
    setup = WebSetup(service, database.service_url, web, gateways, utc_now)
    async with trio.open_nursery() as nursery:
        addresses: list[str] = await nursery.start(serve_people, setup)
        yield addresses[0]
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def visiting(address: str, **http: Any) -> AsyncIterator[Visitor]:
    """Open a browser at the page."""
    async with httpx.AsyncClient(base_url=address, timeout=60.0, **http) as client:
        yield Visitor(client)
