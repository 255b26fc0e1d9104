"""Which sites there are, in which order, and when one is returned to."""

from __future__ import annotations

import json

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from recon.ems.cloud.address import FixedSites, GatewayAddress
from recon.ems.cloud.endpoint_list import MAX_SITES, ListedEndpoint, coverage_warning, site_urls
from recon.ems.credentials import Credentials
from recon.ems.urls import websocket_url
from recon.ems.websocket.connection import ConnectionBounds
from recon.ems.websocket.endpoint import Endpoint
from recon.ems.websocket.failback import probe
from recon.errors import ConfigError, GatewayError
from tests.support.listener import PATIENCE, listening
from tests.support.managed_cloud import Site
from tests.support.wire_messages import steady
from tests.support.ws_servers import CLOSE, TEXT, RawPeer, frame, raw_gateway

BOUNDS = ConnectionBounds(connect=PATIENCE, close=PATIENCE, heartbeat=PATIENCE, message_bytes=1 << 20)


def listed(url: str | None, location: str | None = None, exchange: str = "A") -> ListedEndpoint:
    return ListedEndpoint(exchange_id=exchange, location_id=location, endpoint_url=url)


# --- the order, which is pure


@pytest.mark.parametrize(
    ("address", "path", "expected"),
    [
        ("https://h/", "/", "wss://h/"),
        ("https://h", "/", "wss://h/"),
        ("https://h:443/", "/", "wss://h/"),
        (" https://h:3301/ems/ ", "/ws", "wss://h:3301/ems/ws"),
        ("https://[::1]:1/", "/", "wss://[::1]:1/"),
        ("wss://h/", "/", "wss://h/"),
        ("http://h/", "/", None),
        ("https://user:word@h/", "/", None),
        ("https://h:port/", "/", None),
        ("https:///", "/", None),
        ("h", "/", None),
        ("", "/", None),
        (None, "/", None),
    ],
)
def test_addresses(address: str | None, path: str, expected: str | None) -> None:
    assert websocket_url(address, path) == expected


def test_one_address_of_many_accounts_is_one_site() -> None:
    rows = [listed("https://one/", "x", "A"), listed("https://one", "x", "B"), listed("https://two/", "y", "A")]
    assert site_urls(rows, locations=[], path="/") == ("wss://one/", "wss://two/")


def test_preferred_locations_come_first_and_the_others_as_listed() -> None:
    rows = [listed("https://a/", "x"), listed("https://b/", None), listed("https://c/", "y"), listed("https://d/", "z")]
    assert site_urls(rows, locations=["z", "nowhere", "y"], path="/") == (
        "wss://d/",
        "wss://c/",
        "wss://a/",
        "wss://b/",
    )
    both = [listed("https://a/", "x"), listed("https://b/", "y"), listed("https://a/", "z")]
    assert site_urls(both, locations=["z", "y"], path="/") == ("wss://a/", "wss://b/")


def test_who_is_known_keeps_its_place_however_the_answer_is_sorted() -> None:
    rows = [listed("https://a/"), listed("https://b/"), listed("https://c/")]
    known = site_urls(rows, locations=[], path="/")
    assert site_urls(rows[::-1], locations=[], path="/", previous=known) == known
    assert site_urls([rows[2], rows[1]], locations=[], path="/", previous=known) == ("wss://b/", "wss://c/")
    assert site_urls([rows[2], listed("https://new/")], locations=[], path="/", previous=known) == (
        "wss://c/",
        "wss://new/",
    )


@steady
@given(
    st.lists(
        st.builds(
            listed,
            st.one_of(st.none(), st.text(max_size=20), st.sampled_from(["https://a/", "https://b:1/", "https://c/x"])),
            st.sampled_from([None, "x", "y", "z"]),
            st.sampled_from(["A", "B"]),
        ),
        max_size=20,
    ),
    st.lists(st.sampled_from(["x", "y", "z"]), unique=True),
    st.randoms(use_true_random=False),
)
def test_the_order_does_not_hang_on_that_of_the_answer(rows, locations, random) -> None:  # type: ignore[no-untyped-def]
    known = site_urls(rows, locations=locations, path="/")
    assert len(set(known)) == len(known)
    assert all(url.startswith("wss://") for url in known)
    shuffled = random.sample(rows, len(rows))
    assert site_urls(shuffled, locations=locations, path="/", previous=known) == known


def test_no_more_sites_than_the_bound() -> None:
    rows = [listed(f"https://h{number}/") for number in range(MAX_SITES + 5)]
    assert len(site_urls(rows, locations=[], path="/")) == MAX_SITES


def test_sites_of_different_accounts_are_pointed_out() -> None:
    even = [listed("https://a/", "x", name) for name in "AB"] + [listed("https://b/", "y", name) for name in "AB"]
    assert coverage_warning(even) == ""
    assert coverage_warning([]) == ""
    assert "may not cover all accounts" in coverage_warning(even[:-1])


# --- who tells


def test_an_endpoint_has_urls_or_sites_that_tell_them() -> None:
    fixed = FixedSites(("wss://h/",), Credentials())
    with pytest.raises(ConfigError, match="no urls"):
        Endpoint(name="test")
    with pytest.raises(ConfigError, match="no urls"):
        Endpoint(name="test", urls=("wss://h/",), sites=fixed)
    assert Endpoint(name="test", sites=fixed).site_source() is fixed


@pytest.mark.trio
async def test_an_endpoint_of_the_settings_can_be_asked_too() -> None:
    credentials = Credentials("header", "a-key-of-length")
    endpoint = Endpoint(name="test", urls=("wss://h/",), credentials=credentials)
    assert await endpoint.address() == GatewayAddress(("wss://h/",), credentials)


class MovableSites:
    """A source whose sites a test moves."""

    def __init__(self, *urls: str) -> None:
        self.reach = GatewayAddress(urls, Credentials())
        self.failure: GatewayError | None = None
        self.doubts: list[bool] = []

    async def current(self) -> GatewayAddress:
        await trio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        return self.reach

    def report_failure(self, *, refused: bool) -> None:
        self.doubts.append(refused)


def endpoint_of(sites: MovableSites | None, *urls: str, failback_seconds: float = 0.1) -> Endpoint:
    return Endpoint(
        name="test",
        urls=urls,
        sites=sites,
        heartbeat_bound=60.0,
        connect_timeout=60.0,
        close_timeout=0.5,
        backoff_base=0.01,
        backoff_cap=0.05,
        failback_seconds=failback_seconds,
        listing_check_seconds=0.05,
    )


@pytest.mark.trio
async def test_fixed_sites_too_are_returned_to() -> None:
    first, second = Site(None, ("A",), None), Site(None, ("A",), None)
    first.start()
    second.start()
    first.stop()
    try:
        async with listening(endpoint_of(None, first.url, second.url)) as ears:
            await ears.until(lambda: ears.of("session.opened"))
            first.start()
            await ears.until(lambda: len(ears.of("session.opened")) == 2)
    finally:
        first.stop()
        second.stop()
    assert [json.loads(record.payload)["site"] for record in ears.of("session.opened")] == [1, 0]
    assert ears.reasons() == ["returning", "shutdown"]
    assert max(status.failures for status in ears.statuses) == 1


@pytest.mark.trio
async def test_a_note_and_a_failure_to_tell_leave_the_session_alone() -> None:
    site = Site(None, ("A",), None)
    site.start()
    sites = MovableSites(site.url)
    try:
        async with listening(endpoint_of(sites)) as ears:
            await ears.until(lambda: ears.of("session.opened"))
            sites.reach = GatewayAddress((site.url,), Credentials(), "something is amiss")
            await ears.until(lambda: ears.statuses[-1].note == "something is amiss")
            sites.failure = GatewayError("nobody tells")
            await trio.sleep(0.2)  # several looks
            assert ears.state() == "open"
            sites.failure = None
            sites.reach = GatewayAddress((site.url,), Credentials())
            await ears.until(lambda: ears.statuses[-1].note == "")
    finally:
        site.stop()
    assert ears.reasons() == ["shutdown"]


@pytest.mark.trio
async def test_a_new_order_moves_the_session_to_what_is_preferred_now() -> None:
    sites = [Site(None, ("A",), None) for _ in range(2)]
    for site in sites:
        site.start()
    first, second = sites
    told = MovableSites(first.url, second.url)
    try:
        async with listening(endpoint_of(told)) as ears:
            await ears.until(lambda: ears.of("session.opened"))
            told.reach = GatewayAddress((second.url, first.url), Credentials())
            await ears.until(lambda: len(ears.of("session.opened")) == 2)
            await trio.sleep(0.3)  # several probes: it is where it should be
    finally:
        first.stop()
        second.stop()
    opened = [json.loads(record.payload) for record in ears.of("session.opened")]
    assert opened == [{"url": first.url, "site": 0}, {"url": second.url, "site": 0}]


@pytest.mark.trio
async def test_who_cannot_be_reached_or_refuses_is_doubted() -> None:
    site = Site(None, ("A",), "another-key")
    site.start()
    down = Site(None, ("A",), None)
    down.start()
    down.stop()
    refusing = MovableSites(site.url, down.url)
    try:
        async with listening(endpoint_of(refusing)) as ears:
            await ears.until(lambda: refusing.doubts)
    finally:
        site.stop()
    assert refusing.doubts[0] is True
    told = MovableSites(down.url, down.url.replace("localhost", "127.0.0.1"))
    async with listening(endpoint_of(told)) as ears:
        await ears.until(lambda: len(ears.waiting_states()) == 3)
    assert told.doubts == [False], "once in a round"


# --- the probe


@pytest.mark.trio
async def test_a_probe_takes_the_first_message_and_closes() -> None:
    said: list[str] = []

    def script(peer: RawPeer) -> None:
        peer.upgrade(extra=frame(TEXT, b"first") + frame(TEXT, b"second"))
        peer.wait_for_close()
        said.append("closed")
        peer.stream.sendall(frame(CLOSE, b"\x03\xe8"))

    with raw_gateway(script) as url:
        assert await probe(url, GatewayAddress((url,), Credentials()), BOUNDS) is None
    assert said == ["closed"]


@pytest.mark.trio
@pytest.mark.parametrize("reason", ["stalled", "disconnected", "timeout"])
async def test_a_probe_says_why_it_did_not_work(reason: str) -> None:
    def script(peer: RawPeer) -> None:
        if reason == "timeout":
            peer.stream.recv(65536)
            peer.stream.recv(65536)
            return
        peer.upgrade(extra=frame(CLOSE, b"\x03\xe9") if reason == "disconnected" else b"")
        peer.wait_for_close()

    short = {"stalled": {"heartbeat": 0.3}, "timeout": {"connect": 0.3}, "disconnected": {}}[reason]
    bounds = msgspec.structs.replace(BOUNDS, **short)
    with raw_gateway(script) as url:
        found = await probe(url, GatewayAddress((url,), Credentials()), bounds)
    assert found is not None
    assert found.reason == reason
