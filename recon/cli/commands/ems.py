"""`recon ems`: check gateways, and list what the managed cloud has of them. No database is needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, Final, TypeVar

import msgspec
import trio
import typer

from recon.cli.connection import log_warnings_only
from recon.cli.options import Config, GatewayFilter, Json, settings_of, with_options
from recon.cli.output import Column, Row, note, print_json
from recon.cli.table import print_rows, print_tables
from recon.cli.tables.options import TableOptions, one_look_options
from recon.cli.tables.table import Table
from recon.clock import utc_now
from recon.config import Gateway, Settings
from recon.display.words import counted
from recon.ems.cloud.address import FixedSites, SiteSource
from recon.ems.cloud.certificates import ClientCertificate, certificate_path, load_certificate, read_certificate
from recon.ems.cloud.endpoint_list import Location, site_urls
from recon.ems.cloud.management import open_management
from recon.ems.diagnostics.check_gateway import GatewayCheck, check_site
from recon.ems.diagnostics.check_rest import DEFAULT_REQUESTS
from recon.ems.diagnostics.report import Step
from recon.ems.diagnostics.session_report import AccountActivity
from recon.ems.protocol.rest_requests import RequestKind
from recon.ems.urls import rest_url_of, safe_url, websocket_url
from recon.errors import ConfigError, GatewayError
from recon.nearest import hint
from recon.service.endpoints import access_of, credentials_of, sites_of

app = typer.Typer(no_args_is_help=True, help="Check gateways; list the managed cloud's sites.")

#: How long a check listens to a site by default, in seconds.
LISTEN_SECONDS: Final = 10.0

_LOCATIONS: Final = [Column(key) for key in ("gateway", "location_id", "region_name", "provider_name", "preferred")]
_ENDPOINTS: Final = [Column(key) for key in ("gateway", "site", "url", "location_id", "accounts")]
_CERTIFICATES: Final = [
    Column(key) for key in ("gateway", "subject", "issuer", "begins", "ends", "validity", "renewed_from", "kept")
]
_STEPS: Final = [Column("gateway"), Column("site"), Column("step"), Column("state"), Column("detail")]
_ACCOUNTS: Final = [
    Column(key)
    for key in ("gateway", "site", "account", "orders", "balances", "positions", "symbols", "heartbeats", "lag_ms")
]

_Result = TypeVar("_Result")


def _gateways(settings: Settings, name: str | None) -> dict[str, Gateway]:
    """Return the named gateway, or all. Errors: ConfigError where there is none."""
    gateways = settings.require_gateways()
    if name is None:
        return gateways
    if name not in gateways:
        raise ConfigError(f"the settings have no gateway {name}; {hint(name, gateways)}")
    return {name: gateways[name]}


def _managed(settings: Settings, name: str | None) -> dict[str, Gateway]:
    """Return the named gateway, or all, of the managed cloud. Errors: ConfigError where there is none."""
    gateways = _gateways(settings, name)
    if name is not None:
        access_of(name, gateways[name])
    cloud = {each: gateway for each, gateway in gateways.items() if gateway.managed is not None}
    if not cloud:
        raise ConfigError('no gateway is in the managed cloud: none has urls = "managed"')
    return cloud


def _run(work: Callable[[], Awaitable[_Result]]) -> _Result:
    """Run one task that waits for the network."""
    log_warnings_only()

    async def main() -> _Result:
        return await work()

    return trio.run(main)


@app.command()
@with_options(one_look_options)
def locations(
    options: TableOptions, *, config: Config = None, gateway: GatewayFilter = None, json: Json = False
) -> None:
    """List the sites of the managed cloud.

    `managed.locations` in the settings prefers some of them, by their location_id.
    """
    options.check_list("a list of locations", _LOCATIONS)
    rows: list[Row] = []
    for name, settings in _managed(settings_of(config), gateway).items():
        preferred = [] if settings.managed is None else settings.managed.locations
        for each in _run(partial(_locations, name, settings)):
            rank = preferred.index(each.location_id) + 1 if each.location_id in preferred else None
            rows.append({"gateway": name, **msgspec.structs.asdict(each), "preferred": rank})
    empty = "the managed cloud lists no location"
    print_rows(rows, _LOCATIONS, as_json=json, empty=empty, options=options)


async def _locations(name: str, gateway: Gateway) -> list[Location]:
    async with open_management(access_of(name, gateway)) as management:
        return await management.locations()


@app.command()
@with_options(one_look_options)
def endpoints(
    options: TableOptions, *, config: Config = None, gateway: GatewayFilter = None, json: Json = False
) -> None:
    """List the sites of gateways.

    In the order in which they are tried; from the settings, or from the managed cloud.
    """
    options.check_list("a list of sites", _ENDPOINTS)
    rows: list[Row] = []
    for name, settings in _gateways(settings_of(config), gateway).items():
        if settings.managed is None:
            rows += [{"gateway": name, "site": site, "url": url} for site, url in enumerate(settings.urls)]
        else:
            rows += _run(partial(_endpoints, name, settings))
    empty = "no endpoint: the managed cloud has none until an account exists"
    print_rows(rows, _ENDPOINTS, as_json=json, empty=empty, options=options)


async def _endpoints(name: str, gateway: Gateway) -> list[Row]:
    managed = gateway.managed
    if managed is None:
        return []
    async with open_management(access_of(name, gateway)) as management:
        listed = await management.endpoints(tuple(managed.exchanges))
    order = site_urls(listed, locations=managed.locations, path=managed.path)
    rows: list[Row] = []
    for site, url in enumerate(order):
        here = [each for each in listed if websocket_url(each.address(), managed.path) == url]
        rows.append(
            {
                "gateway": name,
                "site": site,
                "url": safe_url(url),
                "location_id": list(dict.fromkeys(each.location_id for each in here)),
                "accounts": [each.exchange_id for each in here],
            }
        )
    unusable = [each for each in listed if websocket_url(each.address(), managed.path) is None]
    rows += [
        {
            "gateway": name,
            "site": None,
            "url": f"not used: {safe_url(each.address() or '') or 'no address'}",
            "location_id": [each.location_id],
            "accounts": [each.exchange_id],
        }
        for each in unusable
    ]
    return rows


@app.command()
@with_options(one_look_options)
def certificate(
    options: TableOptions, *, config: Config = None, gateway: GatewayFilter = None, json: Json = False
) -> None:
    """Show the client certificates.

    Subject, validity, and the place of each. The private key is never shown.
    """
    options.check_list("a list of certificates", _CERTIFICATES)
    rows: list[Row] = []
    for name, settings in _gateways(settings_of(config), gateway).items():
        if settings.auth.method != "certificate":
            note(f"gateway {name} uses no client certificate: its auth method is {settings.auth.method}")
            continue
        shown, place = _certificate_of(name, settings)
        renewed = None if settings.managed is None else shown.renew_at(settings.managed.renew_before)
        rows.append(
            {
                "gateway": name,
                "subject": shown.subject,
                "issuer": shown.issuer,
                "serial": f"{shown.serial:x}",
                "begins": shown.valid_from,
                "ends": shown.valid_until,
                "validity": shown.validity(utc_now()),
                "renewed_from": renewed,
                "kept": place,
            }
        )
    empty = "no gateway uses a client certificate"
    print_rows(rows, _CERTIFICATES, as_json=json, empty=empty, options=options)


def _certificate_of(name: str, gateway: Gateway) -> tuple[ClientCertificate, str]:
    """Return a gateway's certificate and its place; one of the cloud that is not stored yet is fetched, not stored."""
    managed, auth = gateway.managed, gateway.auth
    if managed is None:
        files = [path for path in (auth.certificate_file, auth.private_key_file) if path is not None]
        where = ", ".join(map(str, files))
        try:
            text = "\n".join(path.read_text("utf-8", "replace") for path in files)
        except OSError as error:
            raise ConfigError(f"{where} cannot be read: {error.strerror or 'unknown reason'}") from None
        return read_certificate(text, where), where
    if managed.certificate_dir is not None:
        path = certificate_path(managed.certificate_dir, name)
        kept = load_certificate(path)
        if kept is not None:
            return kept, str(path)
    where = "in memory" if managed.certificate_dir is None else f"not yet in {managed.certificate_dir}"
    return _run(partial(_certificate, name, gateway)), f"{where}; this one was fetched just now"


async def _certificate(name: str, gateway: Gateway) -> ClientCertificate:
    async with open_management(access_of(name, gateway)) as management:
        return await management.certificate()


@app.command()
@with_options(one_look_options)
def check(
    options: TableOptions,
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    seconds: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=1, max=600, help="How long to wait for the first messages of a site."),
    ] = LISTEN_SECONDS,
    json: Json = False,
) -> None:
    """Check every site of the gateways.

    Step by step: name, connection, TLS, credentials, session, messages, clock, REST. Each failure comes with what to
    do. Exit status 0 only if nothing failed. No order is sent and nothing is recorded.
    """
    options.check_list("a check", [*_STEPS, *_ACCOUNTS])
    steps: list[Row] = []
    accounts: list[Row] = []
    for name, settings in _gateways(settings_of(config), gateway).items():
        checked = _run(partial(check_gateway, name, settings, seconds))
        steps += [{"gateway": name, **msgspec.structs.asdict(step)} for step in checked.steps]
        accounts += [{"gateway": name, **msgspec.structs.asdict(account)} for account in checked.accounts]
    failed = sum(step["state"] == "failed" for step in steps)
    if json:
        print_json(
            {"ok": not failed, "steps": options.kept(steps, _STEPS), "accounts": options.kept(accounts, _ACCOUNTS)}
        )
    else:
        received = "accounts received, with the rows of their snapshots"
        tables = [Table(columns=_STEPS, rows=steps), Table(columns=_ACCOUNTS, rows=accounts, title=received)]
        print_tables(tables, options=options)
        note(f"{counted(failed, 'check')} failed" if failed else "all checks passed")
    if failed:
        raise typer.Exit(1)


async def check_gateway(name: str, gateway: Gateway, seconds: float) -> GatewayCheck:
    """Find the sites of a gateway, and check each."""
    sites: SiteSource | None = sites_of(name, gateway, utc_now, keeps=False)
    steps: list[Step] = []
    accounts: list[AccountActivity] = []
    managed = gateway.managed is not None
    where = "" if gateway.managed is None else safe_url(gateway.managed.url)
    try:
        reach = await (sites or FixedSites(tuple(gateway.urls), credentials_of(gateway))).current()
    except (GatewayError, ConfigError) as error:
        return GatewayCheck([Step(where, "managed cloud", "failed", str(error))], [])
    if managed:
        found = (
            f"{counted(len(reach.urls), 'site')}, in the order of preference: {', '.join(map(safe_url, reach.urls))}"
        )
        steps.append(Step(where, "managed cloud", "ok", found))
        if reach.note:
            steps.append(Step(where, "managed cloud", "hint", reach.note))
    for url in reach.urls:
        rest = rest_url_of(url) if gateway.rest_url is None else gateway.rest_url
        done = await check_site(
            url,
            reach.credentials,
            rest=rest,
            seconds=seconds,
            managed=managed,
            now=utc_now,
            requests=_requests(gateway),
        )
        steps += done.steps
        accounts += done.accounts
    return GatewayCheck(steps, accounts)


def _requests(gateway: Gateway) -> Sequence[RequestKind]:
    """Return the REST requests that the service makes to a gateway, by its settings."""
    recovery = gateway.recovery
    return [what for what in DEFAULT_REQUESTS if recovery.enabled and (recovery.history or what != "history")]
