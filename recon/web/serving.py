"""Serving people over HTTP: the page, and the endpoint by which programs act for them, on one listener."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection
from datetime import datetime

import msgspec
import trio

from recon.config.web import Web
from recon.db.transactions import Database
from recon.web.app import Acting, app
from recon.web.failed_logins import FailedLogins
from recon.web.page import Page, PageSetup
from recon.web.server import serve_web


class WebSetup(msgspec.Struct, frozen=True):
    """The service's own database, the address that people log in at, the settings, and the gateways of the service.

    `bound` is a socket that listens at the address of the settings already.
    """

    service: Database
    service_url: str
    web: Web
    gateways: Collection[str]
    now: Callable[[], datetime]
    bound: socket.socket | None = None


async def serve_people(setup: WebSetup, *, task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED) -> None:
    """Serve until cancelled; the addresses are told once it listens. Raise ConfigError if it cannot listen."""
    failed = FailedLogins()
    acting = Acting(setup.service, setup.service_url, setup.web.tokens, setup.now, failed)
    page = Page(PageSetup(setup.service, setup.service_url, setup.web, setup.gateways, setup.now, failed))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(page.run)
        addresses: list[str] = await nursery.start(_serve, acting, page, setup)
        task_status.started(addresses)


async def _serve(acting: Acting, page: Page, setup: WebSetup, *, task_status: trio.TaskStatus[list[str]]) -> None:
    await serve_web(app(acting, page), setup.web, bound=setup.bound, on_stop=page.stop, task_status=task_status)
