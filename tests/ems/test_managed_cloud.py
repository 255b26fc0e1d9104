"""A gateway of the managed cloud from end to end: discovery, certificate, session, failover and return, renewal."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pytest
import trio

from recon.config import Settings
from recon.ems.cloud import sites as sites_module
from recon.ems.cloud.management import ManagementAccess, open_management
from recon.ems.cloud.sites import ManagedSites
from recon.ems.websocket.endpoint import Endpoint
from recon.service.endpoints import endpoint_of
from tests.support.listener import PATIENCE, EventCollector, listening
from tests.support.managed_cloud import KEY, Cloud, managed_cloud, pem_of

pytestmark = pytest.mark.trio


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with managed_cloud(tmp_path) as running:
        yield running


def endpoint(given: dict[str, object], **bounds: float) -> Endpoint:
    """The endpoint of a settings document, with the patience of a test."""
    settings = Settings.model_validate({"gateways": {"g": given}})
    made = endpoint_of(settings, "g", settings.gateways["g"])
    quick: dict[str, float] = {
        "backoff_base": 0.01,
        "backoff_cap": 0.05,
        "unauthorised_base": 0.05,
        "unauthorised_cap": 0.2,
        "heartbeat_bound": 60.0,
        "connect_timeout": 60.0,
        "close_timeout": 0.5,
        "settled_after": 0.0,
        "failback_seconds": 300.0,
        "listing_check_seconds": 0.05,
        **bounds,
    }
    return Endpoint(name=made.name, urls=made.urls, credentials=made.credentials, sites=made.sites, **quick)  # type: ignore[arg-type]


def told(collector: EventCollector, kind: str) -> list[dict[str, object]]:
    return [json.loads(record.payload) for record in collector.of(kind)]


async def test_discovery_certificate_and_frames(cloud: Cloud) -> None:
    async with listening(endpoint(cloud.settings())) as collector:
        await collector.until(lambda: len(collector.of("BALANCE_SNAPSHOT")) == 2)
    assert told(collector, "session.opened") == [{"url": cloud.sites[0].url, "site": 0}]
    assert collector.reasons() == ["shutdown"]
    assert [status.state for status in collector.statuses] == ["connecting", "connecting", "open", "stopped"]
    assert [status.url for status in collector.statuses] == ["", *[cloud.sites[0].url] * 3]
    assert cloud.sites[0].serials[0], "the site saw a client certificate"
    assert cloud.paths()[:2] == ["/v1/endpoints", "/v1/certificate/pem"]
    assert {way for _, _, way in cloud.asked} == {"header"}
    assert all("X-CoinAPI-Key" not in request.headers for request in cloud.sites[0].requests)


async def test_the_key_alone_by_header_and_by_query(tmp_path: Path) -> None:
    with managed_cloud(tmp_path, certificates=False) as cloud:
        for method in ("header", "query"):
            given = cloud.settings() | {"auth": {"method": method, "api_key": KEY, "ca_file": str(cloud.ca_file)}}
            async with listening(endpoint(given)) as collector:
                await collector.until(partial(collector.of, "BALANCE_SNAPSHOT"))
            assert KEY not in repr(collector.statuses)
        assert [way for _, _, way in cloud.asked] == ["header", "query"]
        assert "/v1/certificate/pem" not in cloud.paths()


async def test_the_preference_of_locations_and_the_filter_of_accounts(cloud: Cloud) -> None:
    given = cloud.settings(locations=["nowhere", "site-1"], exchanges=["BITSTAMP"])
    async with listening(endpoint(given)) as collector:
        await collector.until(lambda: collector.of("session.opened"))
    assert told(collector, "session.opened")[0]["url"] == cloud.sites[1].url
    assert cloud.asked[0][1] == {"filter_exchange_id": ["BITSTAMP"]}


async def test_failover_to_the_second_site_and_back_to_the_first(cloud: Cloud) -> None:
    first, second = cloud.sites
    async with listening(endpoint(cloud.settings(), failback_seconds=0.2)) as collector:
        await collector.until(lambda: collector.of("BALANCE_SNAPSHOT"))
        first.stop()
        await collector.until(lambda: second.url in [told_["url"] for told_ in told(collector, "session.opened")])
        session = collector.records[-1].session
        before = len(collector.records)
        await trio.sleep(0.5)  # several probes of the site that is down
        assert collector.reasons()[1:] == [], "a probe that fails leaves the session alone"
        assert {record.session for record in collector.records[before:]} <= {session}
        assert collector.state() == "open"
        first.start()
        await collector.until(lambda: len(collector.of("session.opened")) == 3)
        await collector.until(lambda: collector.records[-1].kind != "session.opened")
    opened = told(collector, "session.opened")
    assert [one["url"] for one in opened] == [first.url, second.url, first.url]
    assert [one["site"] for one in opened] == [0, 1, 0]
    assert collector.reasons() == ["disconnected", "returning", "shutdown"]
    returning = next(index for index, status in enumerate(collector.statuses) if status.reason == "returning")
    assert collector.statuses[returning].state == "connecting", "nothing is waited for between the two"


async def test_a_site_that_is_no_longer_listed_is_left(cloud: Cloud) -> None:
    async with listening(endpoint(cloud.settings())) as collector:
        await collector.until(lambda: collector.of("BALANCE_SNAPSHOT"))
        cloud.list_sites(cloud.sites[1])
        await collector.until(lambda: len(collector.of("session.opened")) == 2)
    assert [one["url"] for one in told(collector, "session.opened")] == [site.url for site in cloud.sites]
    assert [one["site"] for one in told(collector, "session.opened")] == [0, 0]
    assert collector.reasons() == ["moved", "shutdown"]


async def test_the_last_known_sites_are_used_while_the_management_api_fails(cloud: Cloud) -> None:
    async with listening(endpoint(cloud.settings())) as collector:
        await collector.until(lambda: collector.of("BALANCE_SNAPSHOT"))
        cloud.failing = HTTPStatus.BAD_GATEWAY
        await collector.until(lambda: (last := collector.last()) and "endpoints could not be read" in last.note)
        assert collector.state() == "open"
        for session in list(cloud.sites[0].sessions):
            session.socket.shutdown(2)
        await collector.until(lambda: len(collector.of("session.opened")) == 2)
    assert [one["url"] for one in told(collector, "session.opened")] == [cloud.sites[0].url] * 2
    assert KEY not in repr(collector.statuses)


async def test_nothing_is_known_until_there_is_an_account(cloud: Cloud) -> None:
    cloud.endpoints = []
    async with listening(endpoint(cloud.settings())) as collector:
        await collector.until(lambda: len(collector.waiting_states()) == 2)
        assert collector.kinds() == ["session.failed"], "the same failure is recorded once"
        cloud.list_sites(*cloud.sites)
        await collector.until(lambda: collector.of("session.opened"))
    failed = told(collector, "session.failed")[0]
    assert (failed["reason"], failed["url"]) == ("discovery", "")
    assert "until at least one account exists" in str(failed["detail"])


async def test_a_key_that_the_management_api_refuses_is_a_matter_of_credentials(cloud: Cloud) -> None:
    cloud.key = "another-key"
    given = cloud.settings() | {"auth": {"method": "certificate", "api_key": KEY, "ca_file": str(cloud.ca_file)}}
    async with listening(endpoint(given)) as collector:
        await collector.until(collector.waiting_states)
    wait = collector.waiting_states()[0]
    assert wait.reason == "unauthorised"
    assert "check auth.api_key" in wait.detail
    assert KEY not in wait.detail


# --- the certificate


async def test_renewal_in_the_course_of_time(cloud: Cloud) -> None:
    now = datetime.now(UTC)
    clock = [now]
    cloud.pem = pem_of(cloud.authority, begins=now - timedelta(days=1), ends=now + timedelta(days=30))
    sites = managed(cloud, clock)
    first = await sites.current()
    kept = sites.certificate
    assert kept is not None
    clock[0] = now + timedelta(days=22)
    assert (await sites.current()).credentials is first.credentials, "nothing is due yet"

    clock[0] = now + timedelta(days=24)
    sites._renew_next = 0.0
    at = await sites.current()
    assert at.credentials is first.credentials
    assert "could not be renewed" in at.note
    assert "still gives the one that ends" in at.note
    asked = cloud.paths().count("/v1/certificate/pem")
    await sites.current()
    assert cloud.paths().count("/v1/certificate/pem") == asked, "not again within a minute"

    cloud.pem = pem_of(cloud.authority, ends=now + timedelta(days=60))
    sites._renew_next = 0.0
    at = await sites.current()
    assert at.note == ""
    assert at.credentials is not first.credentials
    assert sites.certificate is not None
    assert sites.certificate.serial != kept.serial


async def test_a_certificate_that_the_site_refuses_is_replaced_before_its_end(cloud: Cloud) -> None:
    sites = managed(cloud, [datetime.now(UTC)])
    await sites.current()
    first = sites.certificate
    cloud.renew()
    sites.report_failure(refused=False)
    await sites.current()
    assert sites.certificate is first
    sites.report_failure(refused=True)
    sites._renew_next = 0.0
    await sites.current()
    assert sites.certificate is not None
    assert first is not None
    assert sites.certificate.serial != first.serial


async def test_a_certificate_in_a_file_serves_the_next_start(cloud: Cloud, tmp_path: Path) -> None:
    directory = tmp_path / "certs"
    given = cloud.settings(certificate="file", certificate_dir=str(directory))
    for _ in range(2):
        async with listening(endpoint(given)) as collector:
            await collector.until(partial(collector.of, "BALANCE_SNAPSHOT"))
    assert cloud.paths().count("/v1/certificate/pem") == 1
    file = directory / "g.pem"
    assert (directory.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    assert [each.name for each in directory.iterdir()] == ["g.pem"]

    file.chmod(0o644)
    async with listening(endpoint(given)) as collector:
        await collector.until(lambda: collector.of("BALANCE_SNAPSHOT"))
    assert cloud.paths().count("/v1/certificate/pem") == 2, "a key that others could read is not used"
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_directory_that_is_open_to_others_keeps_nothing(cloud: Cloud, tmp_path: Path) -> None:
    directory = tmp_path / "certs"
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    sites = managed(cloud, [datetime.now(UTC)], certificate="file", certificate_dir=str(directory))
    reach = await sites.current()
    assert "chmod 700" in reach.note
    assert list(directory.iterdir()) == []


async def test_known_sites_are_not_held_up_by_a_slow_management_api(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sites_module, "REFRESH_SECONDS", 0.2)
    sites = managed(cloud, [datetime.now(UTC)])
    first = await sites.current()
    cloud.delay = 2.0
    sites._read_next = 0.0
    again = await sites.current()
    assert again.urls == first.urls
    assert "no answer from the management API within 0.2 s" in again.note


async def test_doubt_reads_the_endpoints_again_but_not_over_and_over(cloud: Cloud) -> None:
    sites = managed(cloud, [datetime.now(UTC)], refresh="1d")
    await sites.current()
    sites.report_failure(refused=False)
    await sites.current()
    assert cloud.paths().count("/v1/endpoints") == 1
    sites._read_at_last -= sites_module.RETRY_SECONDS
    sites.report_failure(refused=False)
    await sites.current()
    assert cloud.paths().count("/v1/endpoints") == 2


def managed(cloud: Cloud, clock: list[datetime], **given: object) -> ManagedSites:
    """The sites of a cloud, by a clock that a test moves."""
    made = endpoint(cloud.settings(**given)).sites
    assert isinstance(made, ManagedSites)
    made._now = lambda: clock[0]
    return made


async def test_a_tls_handshake_that_is_cancelled_leaves_no_socket_open(cloud: Cloud) -> None:
    """A server that takes the connection and says nothing; an open socket would be a warning, and so an error."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        access = ManagementAccess(f"https://127.0.0.1:{listener.getsockname()[1]}/", KEY, ca_file=cloud.ca_file)

        async def ask() -> None:
            async with open_management(access) as management:
                await management.locations()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            peer, _ = await trio.to_thread.run_sync(listener.accept)
            await trio.to_thread.run_sync(peer.recv, 1)  # the handshake is under way
            nursery.cancel_scope.cancel()
        with peer:
            peer.settimeout(PATIENCE)
            while peer.recv(65536):
                pass  # until the client's end is closed
