"""The consumer against servers that are not written with its own library."""

from __future__ import annotations

import json
import logging
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pytest
import trio
import trustme
from websockets.sync.server import ServerConnection

from recon.ems.credentials import Credentials, silence_libraries
from recon.ems.websocket.consumer import consume
from recon.ems.websocket.endpoint import Endpoint
from recon.ems.websocket.status import GatewayStatus
from recon.errors import ConfigError
from tests.support.listener import PATIENCE, EventCollector, listening
from tests.support.wire_messages import balance, encoded, report, server_info
from tests.support.ws_servers import BINARY, CLOSE, PING, TEXT, Gateway, RawPeer, frame, gateway, raw_gateway

pytestmark = pytest.mark.trio

KEY = "6c1f3c55-1111-4b62-9f0e-1e3e35c7f0aa"
BALANCE = encoded(balance()).decode()


def endpoint(
    *urls: str,
    credentials: Credentials | None = None,
    heartbeat_bound: float = 60.0,
    max_message_bytes: int = 1 << 20,
    connect_timeout: float = 60.0,
    unauthorised_base: float = 0.05,
) -> Endpoint:
    return Endpoint(
        name="test",
        urls=urls,
        credentials=credentials or Credentials(),
        heartbeat_bound=heartbeat_bound,
        max_message_bytes=max_message_bytes,
        connect_timeout=connect_timeout,
        close_timeout=0.5,
        backoff_base=0.01,
        backoff_cap=0.05,
        unauthorised_base=unauthorised_base,
        unauthorised_cap=4 * unauthorised_base,
    )


def send_and_hold(*messages: str | bytes) -> Callable[[Gateway, ServerConnection], None]:
    def script(server: Gateway, session: ServerConnection) -> None:
        for message in messages:
            session.send(message)
        server.hold(session)

    return script


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


async def test_frames_become_records_between_an_opening_and_a_closing() -> None:
    messages: list[str | bytes] = [
        encoded(server_info()).decode(),
        BALANCE,
        encoded(report()),
        "no json",
        b"\xff\x00",
    ]
    with gateway(send_and_hold(*messages)) as server:
        async with listening(endpoint(server.url)) as collector:
            await collector.until(lambda: len(collector.records) == 6)
    assert collector.kinds() == [
        "session.opened",
        "SERVER_INFO",
        "BALANCE_UPDATE",
        "ORDER_EXEC_REPORT_UPDATE",
        "frame",
        "frame",
        "session.closed",
    ]
    assert [record.payload for record in collector.records[1:6]] == [
        message.encode() if isinstance(message, str) else message for message in messages
    ]
    assert {record.session for record in collector.records} == {"s-1"}
    assert json.loads(collector.records[0].payload) == {"url": server.url, "site": 0}
    assert collector.reasons() == ["shutdown"]
    assert [status.state for status in collector.statuses] == ["connecting", "open", "stopped"]


async def test_a_flood_is_recorded_whole_and_in_order() -> None:
    messages = [encoded(balance(balance=number)).decode() for number in range(3000)]
    with gateway(send_and_hold(*messages)) as server:
        async with listening(endpoint(server.url)) as collector:
            await collector.until(lambda: len(collector.records) == 3001)
    assert [record.payload.decode() for record in collector.of("BALANCE_UPDATE")] == messages


async def test_frames_that_arrive_with_the_upgrade_come_after_the_opening() -> None:
    def script(peer: RawPeer) -> None:
        peer.upgrade(extra=frame(TEXT, BALANCE.encode()) + frame(TEXT, b"x"))
        peer.wait_for_close()

    with raw_gateway(script) as url:
        async with listening(endpoint(url)) as collector:
            await collector.until(lambda: len(collector.records) == 3)
    assert collector.kinds()[:3] == ["session.opened", "BALANCE_UPDATE", "frame"]


async def test_a_message_in_fragments_and_one_in_binary_are_whole() -> None:
    def script(peer: RawPeer) -> None:
        data = BALANCE.encode()
        peer.upgrade()
        peer.stream.sendall(frame(TEXT, data[:10], final=False) + frame(PING, b"between") + frame(0, data[10:]))
        peer.stream.sendall(frame(BINARY, data))
        peer.wait_for_close()

    with raw_gateway(script) as url:
        async with listening(endpoint(url)) as collector:
            await collector.until(lambda: len(collector.of("BALANCE_UPDATE")) == 2)
    assert {record.payload for record in collector.of("BALANCE_UPDATE")} == {BALANCE.encode()}


async def test_pings_are_answered() -> None:
    answered: list[bool] = []

    def script(server: Gateway, session: ServerConnection) -> None:
        answered.append(session.ping().wait(5))
        session.send(BALANCE)
        server.hold(session)

    with gateway(script) as server:
        async with listening(endpoint(server.url)) as collector:
            await collector.until(lambda: collector.of("BALANCE_UPDATE"))
    assert answered == [True]


# --- authentication ------------------------------------------------------------


async def test_the_key_goes_into_the_header() -> None:
    with gateway(send_and_hold()) as server:
        async with listening(endpoint(server.url, credentials=Credentials("header", KEY))) as collector:
            await collector.until(lambda: collector.records)
    assert server.requests[0].headers["X-CoinAPI-Key"] == KEY
    assert KEY not in server.requests[0].path


async def test_the_key_goes_into_the_query() -> None:
    with gateway(send_and_hold()) as server:
        async with listening(endpoint(server.url, credentials=Credentials("query", KEY))) as collector:
            await collector.until(lambda: collector.records)
    assert server.requests[0].path == f"/?apikey={KEY}"
    assert json.loads(collector.records[0].payload)["url"] == server.url


@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN])
async def test_refused_credentials_are_told_and_tried_again_slowly(status: HTTPStatus) -> None:
    bound = 0.15
    with gateway(send_and_hold(), refuse=lambda _request: status) as server:
        ends = endpoint(server.url, credentials=Credentials("header", KEY), unauthorised_base=bound)
        async with listening(ends) as collector:
            await collector.until(lambda: len(collector.waiting_states()) == 3)
    waits = collector.waiting_states()
    assert [wait.reason for wait in waits] == ["unauthorised"] * 3
    assert all(wait.retry_in is not None and wait.retry_in >= bound for wait in waits)
    assert "credentials" in waits[0].detail
    assert waits[0].code == status.value
    assert collector.kinds() == ["session.failed"]
    assert collector.reasons("session.failed") == ["unauthorised"]


async def test_by_default_refused_credentials_wait_a_minute() -> None:
    with gateway(send_and_hold(), refuse=lambda _request: HTTPStatus.FORBIDDEN) as server:
        async with listening(Endpoint(name="test", urls=(server.url,))) as collector:
            await collector.until(lambda: any(status.state == "waiting" for status in collector.statuses))
    assert (collector.statuses[1].retry_in or 0) >= 60


async def test_another_refusal_is_no_matter_of_credentials() -> None:
    with gateway(send_and_hold(), refuse=lambda _request: HTTPStatus.SERVICE_UNAVAILABLE) as server:
        async with listening(endpoint(server.url)) as collector:
            await collector.until(lambda: collector.records)
    assert collector.reasons("session.failed") == ["refused"]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


async def test_tls_with_a_private_authority(server_tls: ssl.SSLContext, ca_file: Path) -> None:
    with gateway(send_and_hold(BALANCE), context=server_tls) as server:
        credentials = Credentials("header", KEY, ca_file=ca_file)
        async with listening(endpoint(server.url, credentials=credentials)) as collector:
            await collector.until(lambda: collector.of("BALANCE_UPDATE"))


@pytest.mark.parametrize("bundled", [False, True])
async def test_a_client_certificate(
    authority: trustme.CA, server_tls: ssl.SSLContext, ca_file: Path, tmp_path: Path, bundled: bool
) -> None:
    authority.configure_trust(server_tls)
    server_tls.verify_mode = ssl.CERT_REQUIRED
    identity = authority.issue_cert("client@example.net")
    key, certificate, bundle = (tmp_path / name for name in ("key.pem", "certificate.pem", "bundle.pem"))
    key.write_bytes(identity.private_key_pem.bytes())
    certificate.write_bytes(identity.cert_chain_pems[0].bytes())
    bundle.write_bytes(key.read_bytes() + certificate.read_bytes())
    credentials = (
        Credentials("certificate", pem=bundle, ca_file=ca_file)
        if bundled
        else Credentials("certificate", certificate_file=certificate, private_key_file=key, ca_file=ca_file)
    )
    with gateway(send_and_hold(BALANCE), context=server_tls) as server:
        async with listening(endpoint(server.url, credentials=credentials)) as collector:
            await collector.until(lambda: collector.of("BALANCE_UPDATE"))
    assert "client@example.net" in str(server.certificates[0])


async def test_a_missing_client_certificate_is_a_matter_of_tls(
    authority: trustme.CA, server_tls: ssl.SSLContext, ca_file: Path
) -> None:
    authority.configure_trust(server_tls)
    server_tls.verify_mode = ssl.CERT_REQUIRED
    with gateway(send_and_hold(), context=server_tls) as server:
        async with listening(endpoint(server.url, credentials=Credentials(ca_file=ca_file))) as collector:
            await collector.until(lambda: collector.records)
    assert collector.reasons("session.failed") == ["tls"]


async def test_a_server_that_cannot_be_trusted_is_a_matter_of_tls(server_tls: ssl.SSLContext) -> None:
    with gateway(send_and_hold(), context=server_tls) as server:
        async with listening(endpoint(server.url)) as collector:
            await collector.until(lambda: collector.records)
    assert collector.reasons("session.failed") == ["tls"]
    assert "certificate" in json.loads(collector.records[0].payload)["detail"]


async def test_an_unreadable_certificate_file_is_tried_again(tmp_path: Path) -> None:
    credentials = Credentials("certificate", pem=tmp_path / "absent.pem")
    async with listening(endpoint("wss://localhost:1/", credentials=credentials)) as collector:
        await collector.until(lambda: len(collector.waiting_states()) == 2)
    assert collector.reasons("session.failed") == ["tls"]
    assert "absent.pem" in json.loads(collector.records[0].payload)["detail"]


# --- failures ------------------------------------------------------------


async def test_a_refused_connection_is_recorded_once_and_tried_again() -> None:
    async with listening(endpoint(f"ws://127.0.0.1:{unused_port()}/")) as collector:
        await collector.until(lambda: len(collector.waiting_states()) == 4)
    assert collector.reasons("session.failed") == ["refused"]
    assert collector.statuses[-1].state == "stopped"
    assert max(status.failures for status in collector.statuses) >= 4


async def test_an_unknown_host_is_a_matter_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*args: object, **kwargs: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(trio.socket, "getaddrinfo", unknown)
    async with listening(endpoint("ws://gateway.invalid/")) as collector:
        await collector.until(lambda: collector.records)
    assert collector.reasons("session.failed") == ["dns"]


async def test_a_server_that_never_answers_the_upgrade_times_out() -> None:
    def script(peer: RawPeer) -> None:
        peer.stream.recv(65536)
        peer.stream.recv(65536)

    with raw_gateway(script) as url:
        async with listening(endpoint(url, connect_timeout=0.1)) as collector:
            await collector.until(lambda: collector.records)
    assert collector.reasons("session.failed") == ["timeout"]


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"])
async def test_a_server_that_does_not_speak_websocket(answer: bytes) -> None:
    def script(peer: RawPeer) -> None:
        peer.stream.recv(65536)
        peer.stream.sendall(answer)

    with raw_gateway(script) as url:
        async with listening(endpoint(url)) as collector:
            await collector.until(lambda: collector.records)
    assert collector.reasons("session.failed") == ["protocol"]


async def test_urls_are_tried_in_order_then_round_again() -> None:
    with gateway(send_and_hold(BALANCE)) as server:
        urls = (f"ws://127.0.0.1:{unused_port()}/", f"ws://127.0.0.1:{unused_port()}/", server.url)
        async with listening(endpoint(*urls)) as collector:
            await collector.until(lambda: collector.of("BALANCE_UPDATE"))
    assert [status.site for status in collector.statuses if status.state == "connecting"] == [0, 1, 2]
    assert json.loads(collector.of("session.opened")[0].payload) == {"url": server.url, "site": 2}
    assert collector.reasons("session.failed") == ["refused", "refused"]


async def test_a_session_that_is_cut_is_closed_and_followed_by_another() -> None:
    def script(peer: RawPeer) -> None:
        peer.upgrade(extra=frame(TEXT, BALANCE.encode()))

    with raw_gateway(script) as url:
        async with listening(endpoint(url)) as collector:
            await collector.until(lambda: len(collector.of("session.closed")) == 2)
    assert collector.reasons()[:2] == ["disconnected", "disconnected"]
    assert collector.kinds()[:6] == ["session.opened", "BALANCE_UPDATE", "session.closed"] * 2
    assert [record.session for record in collector.records[:6]] == ["s-1"] * 3 + ["s-2"] * 3


async def test_a_close_from_the_gateway_keeps_its_code_and_words_without_the_key() -> None:
    def script(server: Gateway, session: ServerConnection) -> None:
        session.close(1001, f"restart, {KEY}")

    with gateway(script) as server:
        async with listening(endpoint(server.url, credentials=Credentials("header", KEY))) as collector:
            await collector.until(lambda: collector.of("session.closed"))
    closed = json.loads(collector.of("session.closed")[0].payload)
    assert (closed["reason"], closed["code"], closed["detail"]) == (
        "disconnected",
        1001,
        "restart, [redacted]",
    )


async def test_messages_up_to_the_bound_pass_and_a_larger_one_ends_the_session() -> None:
    bound = 300_000
    with gateway(send_and_hold("x" * bound, "y" * (bound + 1))) as server:
        async with listening(endpoint(server.url, max_message_bytes=bound)) as collector:
            await collector.until(lambda: collector.of("session.closed"))
    assert [len(record.payload) for record in collector.of("frame")[:1]] == [bound]
    closed = json.loads(collector.of("session.closed")[0].payload)
    assert (closed["reason"], closed["code"]) == ("too_big", 1009)
    assert collector.kinds()[:3] == ["session.opened", "frame", "session.closed"]


async def test_invalid_utf8_ends_the_session() -> None:
    def script(peer: RawPeer) -> None:
        peer.upgrade(extra=frame(TEXT, b"\xff\xfe") + frame(TEXT, BALANCE.encode()))
        peer.wait_for_close()

    with raw_gateway(script) as url:
        async with listening(endpoint(url)) as collector:
            await collector.until(lambda: collector.of("session.closed"))
    assert collector.kinds()[:2] == ["session.opened", "session.closed"]
    assert collector.reasons()[0] == "protocol"


async def test_frames_against_the_rules_end_the_session() -> None:
    def script(peer: RawPeer) -> None:
        peer.upgrade(extra=b"\xff\xff\xff\xff")
        peer.wait_for_close()

    with raw_gateway(script) as url:
        async with listening(endpoint(url)) as collector:
            await collector.until(lambda: collector.of("session.closed"))
    assert collector.reasons()[0] == "protocol"


# --- a full buffer ------------------------------------------------------------


async def test_an_overrun_ends_the_session_and_the_end_is_recorded_when_there_is_room() -> None:
    collector = EventCollector()
    collector.room = 3
    with gateway(send_and_hold(*["x"] * 100)) as server:
        async with listening(endpoint(server.url), collector):
            await collector.until(lambda: collector.state() == "blocked")
            assert collector.kinds() == ["session.opened", "frame", "frame"]
            collector.room = 10**9
            await collector.until(lambda: len(collector.of("session.opened")) == 2)
    assert collector.kinds()[3:5] == ["session.closed", "session.opened"]
    assert collector.reasons()[0] == "overrun"


async def test_a_service_that_stops_while_blocked_stops_within_its_bound() -> None:
    collector = EventCollector()
    collector.room = 1
    with gateway(send_and_hold("x")) as server:
        with trio.fail_after(PATIENCE):
            async with listening(endpoint(server.url), collector):
                await collector.until(lambda: collector.state() == "blocked")
    assert collector.statuses[-1].state == "stopped"
    assert collector.kinds() == ["session.opened"]


async def test_a_session_that_could_not_even_be_recorded_as_open_is_no_session() -> None:
    collector = EventCollector()
    collector.room = 0
    with gateway(send_and_hold("x")) as server:
        async with listening(endpoint(server.url), collector):
            await collector.until(lambda: len(collector.waiting_states()) == 2)
            assert collector.statuses[-1].reason == "overrun"
            collector.room = 10**9
            await collector.until(lambda: collector.of("frame"))
    assert collector.kinds()[:2] == ["session.opened", "frame"]


async def test_a_ping_during_our_close_is_a_closed_session_not_a_crash() -> None:
    def script(peer: RawPeer) -> None:
        peer.upgrade(extra=frame(TEXT, b"x"))
        peer.wait_for_close()
        peer.stream.sendall(frame(PING, b"late") + frame(CLOSE, b"\x03\xe8"))
        peer.stream.recv(1)

    collector = EventCollector()
    collector.room = 1
    with raw_gateway(script) as url:
        async with listening(endpoint(url), collector):
            await collector.until(lambda: collector.state() == "blocked")
            collector.room = 1
            await collector.until(lambda: len(collector.of("session.closed")) == 1)
            collector.room = 10**9
            await collector.until(lambda: len(collector.of("session.opened")) == 2)
    assert collector.reasons() == ["overrun", "shutdown"]


async def test_a_ping_behind_the_gateway_s_close_is_a_closed_session_not_a_crash() -> None:
    def script(peer: RawPeer) -> None:
        peer.upgrade(extra=frame(CLOSE, b"\x03\xe9") + frame(PING, b"late"))
        peer.wait_for_close()

    with raw_gateway(script) as url:
        async with listening(endpoint(url)) as collector:
            await collector.until(lambda: len(collector.of("session.closed")) == 2)
    assert collector.reasons()[:2] == ["disconnected", "disconnected"]


async def test_a_gateway_that_never_answers_our_close_holds_nothing_up() -> None:
    def script(peer: RawPeer) -> None:
        peer.upgrade(extra=frame(TEXT, b"x"))
        peer.wait_for_close()
        peer.stream.recv(1)

    with raw_gateway(script) as url:
        with trio.fail_after(PATIENCE):
            async with listening(endpoint(url)) as collector:
                await collector.until(lambda: collector.of("frame"))
    assert collector.reasons() == ["shutdown"]


async def test_a_fault_of_the_recorder_reaches_the_owner_of_the_consumer() -> None:
    collector = EventCollector()
    broken = pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="broken recorder"))
    with gateway(send_and_hold("x")) as server, broken:
        async with listening(endpoint(server.url), collector):
            collector.failure = RuntimeError("broken recorder")
            await trio.sleep_forever()


# --- bounds and secrets ------------------------------------------------------------


def nothing(_status: GatewayStatus) -> None:
    return None


async def test_an_endpoint_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="urls"):
        Endpoint(name="test", urls=())
    with pytest.raises(ConfigError, match="wss"):
        Endpoint(name="test", urls=("gopher://h/",))
    assert KEY not in repr(Endpoint(name="x", urls=("wss://h/",), credentials=Credentials("query", KEY)))


async def test_no_secret_in_any_log_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    silence_libraries()
    silence_libraries()
    caplog.set_level(logging.DEBUG)
    for name in ("trio-websocket", "httpx", "httpcore", "httpcore.http11", "wsproto"):
        caplog.set_level(logging.DEBUG, logger=name)
    with gateway(send_and_hold(encoded(balance(note=KEY)))) as server:
        for method in ("query", "header"):
            async with listening(endpoint(server.url, credentials=Credentials(method, KEY))) as collector:
                await collector.until(partial(collector.of, "BALANCE_UPDATE"))
            assert KEY.encode() not in b"".join(record.payload for record in collector.records)
            assert KEY not in repr(collector.statuses)
    for name in ("trio-websocket", "httpx", "httpcore", "httpcore.http11"):
        logging.getLogger(name).debug("GET /?apikey=%s", KEY)
        logging.getLogger(name).info("GET /?apikey=%s", KEY)
    assert KEY not in caplog.text


async def test_consume_can_be_left_with_its_defaults() -> None:
    records: list[object] = []

    def record(item: object) -> None:
        records.append(item)
        if len(records) == 1:
            scope.cancel()

    with gateway(send_and_hold()) as server, trio.CancelScope() as scope:
        await consume(
            endpoint(server.url),
            record,
            now=partial(datetime.now, UTC),
            new_session_id=lambda: "s",
            status=nothing,
        )
    assert scope.cancelled_caught
    assert len(records) == 2


async def test_another_process_in_mid_session_is_asked_anew_but_not_over_and_over() -> None:
    def script(server: Gateway, session: ServerConnection) -> None:
        for guid in ("one", "two", "one"):
            session.send(encoded(server_info(exchange_id="A", instance_guid=guid)))
        server.hold(session)

    with gateway(script) as server:
        async with listening(endpoint(server.url)) as collector:
            await collector.until(lambda: len(collector.of("SERVER_INFO")) == 5)
            assert len(collector.of("session.opened")) == 2, (
                "the second session lives on although two processes take turns"
            )
    assert collector.reasons()[0] == "restarted"
