"""`recon ems` against a cloud of our own, and against everything that can be wrong with a gateway."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme

from recon.ems.diagnostics import check_gateway
from tests.cli.conftest import Recon, Result
from tests.support.managed_cloud import KEY, Cloud, Site, managed_cloud, pem_of, server_context
from tests.support.wire_messages import report, row_of
from tests.support.ws_servers import RawPeer, raw_gateway

#: Parts of a key or a private key that must never be printed.
SECRETS = (KEY, "PRIVATE KEY")

Configured = Callable[..., Result]


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with managed_cloud(tmp_path) as running:
        for site in running.sites:
            answers_all(site)
        yield running


def answers_all(site: Site) -> None:
    """Let a site answer whatever is asked over REST."""
    site.rest["/v1/orders"] = (200, [{"exchange_id": name, "data": []} for name in site.accounts])
    site.rest["/v1/orders/history"] = (200, [])


@pytest.fixture
def ems(recon: Recon, monkeypatch: pytest.MonkeyPatch) -> Configured:
    """Run `recon ems` with gateways that the environment names; no secret may come out."""

    def run(gateways: dict[str, object], *arguments: str) -> Result:
        monkeypatch.setenv("RECON_GATEWAYS", json.dumps(gateways))
        result = recon("ems", *arguments)
        for secret in SECRETS:
            assert secret not in result.out
            assert secret not in result.err
        return result

    return run


def failed(result: Result) -> list[dict[str, str]]:
    assert result.status == 1
    document = result.json()
    assert document["ok"] is False
    return [step for step in document["steps"] if step["state"] == "failed"]


def test_help_says_what_there_is(recon: Recon) -> None:
    shown = recon("ems", "--help")
    assert shown.status == 0
    for command in ("locations", "endpoints", "certificate", "check"):
        assert f"\n  {command} " in shown.out
        assert recon("ems", command, "--help").status == 0
    assert "..." not in shown.out.split("\n", 1)[1]


# --- the managed cloud


def test_locations_as_a_table_and_as_json(cloud: Cloud, ems: Configured) -> None:
    given = {"g": cloud.settings(locations=["site-1"])}
    result = ems(given, "locations")
    assert result.status == 0
    lines = [line.split() for line in result.out.splitlines()]
    assert lines == [
        ["gateway", "location_id", "region_name", "provider_name", "preferred"],
        ["g", "site-0", "region-0", "test", "-"],
        ["g", "site-1", "region-1", "test", "1"],
    ]
    assert [row["preferred"] for row in ems(given, "locations", "--json").json()] == [None, 1]
    narrowed = ems(given, "locations", "--columns", "location_id", "--sort", "-location_id", "--filter", "gateway=g")
    assert narrowed.out.split() == ["location_id", "site-1", "site-0"]


def test_endpoints_of_the_cloud_and_of_the_settings(cloud: Cloud, ems: Configured) -> None:
    cloud.endpoints.append({"exchange_id": "OLD", "location_id": "x", "endpoint_url": "http://plain.example.com/"})
    given = {"g": cloud.settings(locations=["site-1"], path="/ws"), "own": {"urls": ["ws://a/", "ws://b/"]}}
    rows = ems(given, "endpoints", "--json").json()
    first, second = cloud.sites
    assert rows == [
        {
            "gateway": "g",
            "site": 0,
            "url": f"{second.url}ws",
            "location_id": ["site-1"],
            "accounts": ["KRAKEN/JOHN", "BITSTAMP"],
        },
        {
            "gateway": "g",
            "site": 1,
            "url": f"{first.url}ws",
            "location_id": ["site-0"],
            "accounts": ["KRAKEN/JOHN", "BITSTAMP"],
        },
        {
            "gateway": "g",
            "site": None,
            "url": "not used: http://plain.example.com/",
            "location_id": ["x"],
            "accounts": ["OLD"],
        },
        {"gateway": "own", "site": 0, "url": "ws://a/"},
        {"gateway": "own", "site": 1, "url": "ws://b/"},
    ]
    assert f"{second.url}ws" in ems(given, "endpoints", "--gateway", "g").out


def test_no_endpoint_is_said_in_words(cloud: Cloud, ems: Configured) -> None:
    cloud.endpoints = []
    result = ems({"g": cloud.settings()}, "endpoints")
    assert (result.status, result.out) == (0, "")
    assert "until an account exists" in result.err


@pytest.mark.parametrize(
    ("status", "expected", "exit_status"),
    [
        (HTTPStatus.UNAUTHORIZED, "check auth.api_key", 5),
        (HTTPStatus.FORBIDDEN, "not allowed to use the EMS managed cloud", 5),
        (HTTPStatus.NOT_FOUND, "check managed.url", 5),
        (HTTPStatus.MOVED_PERMANENTLY, "redirects are not followed", 5),
    ],
)
def test_refusals_of_the_management_api_in_words(
    cloud: Cloud, ems: Configured, status: HTTPStatus, expected: str, exit_status: int
) -> None:
    cloud.failing = status
    cloud.failing_headers = {"Location": "/elsewhere"}
    for command in ("locations", "endpoints", "certificate"):
        result = ems({"g": cloud.settings()}, command)
        assert result.status == exit_status
        assert expected in result.err


def test_gateways_that_are_not_managed_or_not_there(cloud: Cloud, ems: Configured) -> None:
    given = {"own": {"urls": ["ws://a/"]}}
    assert 'none has urls = "managed"' in ems(given, "locations").err
    assert "own is not in the managed cloud" in ems(given, "locations", "--gateway", "own").err
    result = ems(given, "check", "--gateway", "other")
    assert result.status == 2
    assert "the settings have no gateway other; there are own" in result.err


# --- certificates


def test_a_certificate_is_shown_without_its_key(cloud: Cloud, ems: Configured, tmp_path: Path) -> None:
    row = ems({"g": cloud.settings()}, "certificate", "--json").json()[0]
    assert "Testing cert" in row["subject"]
    assert row["validity"] == "valid"
    assert row["kept"] == "in memory; this one was fetched just now"
    ends, renewed = (datetime.fromisoformat(row[key]) for key in ("ends", "renewed_from"))
    assert ends - renewed == timedelta(days=7)

    directory = tmp_path / "certs"
    given = {"g": cloud.settings(certificate="file", certificate_dir=str(directory))}
    assert "not yet in" in ems(given, "certificate").out
    assert not directory.exists(), "looking keeps nothing"
    directory.mkdir(mode=0o700)
    (directory / "g.pem").write_text(pem_of(cloud.authority, ends=datetime.now(UTC) - timedelta(minutes=1)))
    (directory / "g.pem").chmod(0o600)
    row = ems(given, "certificate", "--json").json()[0]
    assert (row["validity"], row["kept"]) == ("expired", str(directory / "g.pem"))


def test_a_certificate_of_the_settings_and_none(cloud: Cloud, ems: Configured, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(cloud.pem)
    given = {
        "own": {"urls": ["wss://a/"], "auth": {"method": "certificate", "certificate_file": str(bundle)}},
        "open": {"urls": ["ws://a/"]},
    }
    result = ems(given, "certificate")
    assert result.status == 0
    assert str(bundle) in result.out
    assert "gateway open uses no client certificate" in result.err


# --- check


def test_all_is_well_with_a_managed_cloud(cloud: Cloud, ems: Configured) -> None:
    result = ems({"g": cloud.settings()}, "check", "--json")
    assert result.status == 0
    document = result.json()
    assert document["ok"] is True
    sites = [site.url for site in cloud.sites]
    per_site = ["name", "connect", "tls", "session", "messages", "clock", "rest", "rest", "rest"]
    assert [(step["site"], step["step"], step["state"]) for step in document["steps"]] == [
        (cloud.url, "managed cloud", "ok"),
        *((site, step, "ok") for site in sites for step in per_site),
    ]
    assert [(row["site"], row["account"]) for row in document["accounts"]] == [
        (site, name) for site in sites for name in ("BITSTAMP", "KRAKEN/JOHN")
    ]
    first = document["accounts"][0]
    assert (first["orders"], first["balances"], first["positions"], first["symbols"]) == (0, 1, 0, 0)
    assert first["heartbeats"] >= 2
    assert abs(first["lag_ms"]) < 1000


def test_a_line_a_step_for_people(cloud: Cloud, ems: Configured) -> None:
    cloud.list_sites(cloud.sites[0])
    result = ems({"g": cloud.settings()}, "check")
    assert result.status == 0
    lines = result.out.splitlines()
    assert [line.split()[2:4] for line in lines[2:6]] == [
        ["name", "ok"],
        ["connect", "ok"],
        ["tls", "ok"],
        ["session", "ok"],
    ]
    assert "all checks passed" in result.err


def test_a_gateway_of_one_s_own_and_its_health(ems: Configured) -> None:
    site = Site(None, ("KRAKEN/JOHN",), None)
    answers_all(site)
    site.rest["/health/live"] = (200, {})
    site.rest["/health/ready"] = (503, {})
    site.clock_ahead = timedelta(seconds=5)
    site.start()
    try:
        result = ems({"own": {"urls": [site.url]}}, "check", "--json")
    finally:
        site.stop()
    assert result.status == 0, "a hint is no failure"
    steps = {(step["step"], step["state"]): step["detail"] for step in result.json()["steps"]}
    assert steps["health", "ok"] == "/health/live: HTTP 200"
    assert steps["health", "hint"] == "/health/ready: HTTP 503"
    assert "ahead of ours; check the time service (NTP)" in steps["clock", "hint"]
    assert ("tls", "ok") not in steps


def test_the_last_site_that_fails_makes_the_whole_fail(cloud: Cloud, ems: Configured) -> None:
    cloud.sites[1].stop()
    steps = failed(ems({"g": cloud.settings()}, "check", "--json", "--seconds", "3"))
    assert [(step["site"], step["step"]) for step in steps] == [(cloud.sites[1].url, "connect")]
    assert "check host and port, and that the gateway is running" in steps[0]["detail"]


def test_silence_is_told_after_its_bound(cloud: Cloud, ems: Configured) -> None:
    cloud.sites[0].silent = True
    cloud.list_sites(cloud.sites[0])
    steps = failed(ems({"g": cloud.settings()}, "check", "--json", "--seconds", "1"))
    assert [step["step"] for step in steps] == ["messages"]
    assert "nothing came in 1 s" in steps[0]["detail"]


def test_another_path_and_refused_credentials(tmp_path: Path, ems: Configured) -> None:
    with managed_cloud(tmp_path, certificates=False, sites=1) as cloud:
        answers_all(cloud.sites[0])
        auth = {"method": "header", "api_key": KEY, "ca_file": str(cloud.ca_file)}
        steps = failed(ems({"g": cloud.settings(path="/ws") | {"auth": auth}}, "check", "--json"))
        assert [step["step"] for step in steps] == ["session"]
        assert "check managed.path" in steps[0]["detail"]

        cloud.sites[0].key = "another"
        steps = failed(ems({"g": cloud.settings() | {"auth": auth}}, "check", "--json"))
        assert [step["step"] for step in steps] == ["session", "rest"]
        assert "HTTP 401" in steps[0]["detail"]
        assert "check auth.method and auth.api_key" in steps[0]["detail"]


def test_rest_that_is_elsewhere(cloud: Cloud, ems: Configured) -> None:
    cloud.sites[0].rest = {}
    cloud.list_sites(cloud.sites[0])
    steps = failed(ems({"g": cloud.settings()}, "check", "--json"))
    assert [step["step"] for step in steps] == ["rest"]
    assert "set rest_url" in steps[0]["detail"]


@pytest.fixture
def own() -> Iterator[Site]:
    """A gateway of one's own, in plain, that answers everything."""
    site = Site(None, ("KRAKEN/JOHN",), None)
    answers_all(site)
    site.start()
    yield site
    site.stop()


def rest_of(result: Result) -> list[tuple[str, str]]:
    return [(step["state"], step["detail"]) for step in result.json()["steps"] if step["step"] == "rest"]


def test_rest_is_asked_what_catching_up_asks(own: Site, ems: Configured) -> None:
    own.rest["/v1/orders"] = (200, [{"exchange_id": "KRAKEN/JOHN", "data": [row_of(report())]}])
    result = ems({"own": {"urls": [own.url]}}, "check", "--json", "--seconds", "1")
    assert result.status == 0
    base = own.url.replace("ws:", "http:").rstrip("/")
    assert rest_of(result) == [
        ("ok", f"GET {base}/v1/balances: 1 account"),
        ("ok", f"GET {base}/v1/orders: 1 open order"),
        ("ok", f"GET {base}/v1/orders/history: 0 changes of orders in the last minute"),
    ]
    (asked,) = [request.path for request in own.requests if "history" in request.path]
    query = parse_qs(urlsplit(asked).query)
    begin, end = (datetime.fromisoformat(query[key][0]) for key in ("time_start", "time_end"))
    assert timedelta(minutes=1) <= end - begin <= timedelta(minutes=1, seconds=1), "whole seconds, rounded outwards"


@pytest.mark.parametrize(
    ("status", "state", "expected"),
    [
        (401, "failed", "auth.method is none"),
        (403, "failed", "403 forbidden"),
        (429, "hint", "REST is there"),
        (503, "failed", "(3 attempts)"),
    ],
)
def test_an_answer_proves_that_rest_is_there(
    own: Site, ems: Configured, status: int, state: str, expected: str
) -> None:
    own.rest["/v1/balances"] = (status, {"message": "no"})
    result = ems({"own": {"urls": [own.url]}}, "check", "--json", "--seconds", "1")
    told, detail = rest_of(result)[0]
    assert (told, expected in detail) == (state, True), detail
    assert "rest_url" not in detail
    assert result.status == (1 if state == "failed" else 0)
    asked = [request.path for request in own.requests].count("/v1/balances")
    assert asked == (1 if status in {401, 403} else 3)


def test_an_exchange_that_is_not_reached_is_a_hint(own: Site, ems: Configured) -> None:
    def script(peer: RawPeer) -> None:
        peer.stream.recv(65536)
        peer.stream.sendall(b"HTTP/1.1 490 Exchange\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

    with raw_gateway(script) as url:
        given = {"own": {"urls": [own.url], "rest_url": url.replace("ws:", "http:")}}
        result = ems(given, "check", "--json", "--seconds", "1")
    assert result.status == 0
    told = rest_of(result)
    assert [state for state, _ in told] == ["hint"] * 3
    assert all("exchange unreachable; REST is there" in detail for _, detail in told)


def test_what_answers_no_http_may_be_something_else(own: Site, ems: Configured) -> None:
    def script(peer: RawPeer) -> None:
        peer.stream.recv(65536)
        peer.stream.sendall(b"SSH-2.0-x\r\n\r\n")

    with raw_gateway(script) as url:
        given = {"own": {"urls": [own.url], "rest_url": url.replace("ws:", "http:")}}
        result = ems(given, "check", "--json", "--seconds", "1")
    ((state, detail),) = rest_of(result)
    assert (state, "set rest_url if REST is elsewhere" in detail) == ("failed", True)
    assert "Error" not in result.out


def test_a_bad_answer_is_asked_for_again(own: Site, ems: Configured) -> None:
    own.rest = Failing(own.rest, [503, 490])
    result = ems({"own": {"urls": [own.url]}}, "check", "--json", "--seconds", "1")
    assert result.status == 0, result.out
    assert rest_of(result)[0][0] == "ok"
    assert [request.path for request in own.requests].count("/v1/balances") == 3


class Failing(dict[str, tuple[int, object]]):
    """Answers of which the first ones fail."""

    def __init__(self, answers: dict[str, tuple[int, object]], statuses: list[int]) -> None:
        super().__init__(answers)
        self.statuses = statuses

    def get(self, path: str, default: object = None) -> Any:
        return (self.statuses.pop(0), {}) if self.statuses else super().get(path, default)


def test_a_gateway_without_order_history_is_a_hint(own: Site, ems: Configured) -> None:
    own.rest["/v1/orders/history"] = (400, {"message": "Order history is not configured"})
    result = ems({"own": {"urls": [own.url]}}, "check", "--json", "--seconds", "1")
    assert result.status == 0
    state, detail = rest_of(result)[-1]
    assert state == "hint"
    assert "orders born and finished inside a gap cannot be recovered" in detail


def test_rest_that_is_not_used_never_fails(own: Site, ems: Configured) -> None:
    own.rest = {}
    result = ems({"own": {"urls": [own.url], "recovery": {"enabled": False}}}, "check", "--json", "--seconds", "1")
    assert (result.status, [state for state, _ in rest_of(result)]) == (0, ["ok"])
    assert rest_of(result)[0][1].startswith("not used")
    answers_all(own)
    own.rest["/v1/balances"] = (200, [])
    result = ems({"own": {"urls": [own.url], "recovery": {"history": False}}}, "check", "--json", "--seconds", "1")
    assert len(rest_of(result)) == 2
    assert not any("history" in detail for _, detail in rest_of(result))


def test_rest_where_nobody_listens(own: Site, ems: Configured) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    given = {"own": {"urls": [own.url], "rest_url": f"http://127.0.0.1:{port}/"}}
    result = ems(given, "check", "--json", "--seconds", "1")
    ((state, detail),) = rest_of(result)
    assert state == "failed"
    assert "set rest_url if REST is elsewhere" in detail
    assert "ConnectError" not in result.out
    assert "Connection refused" in result.out


def test_credentials_that_are_wanted_and_not_set(tmp_path: Path, ems: Configured) -> None:
    site = Site(None, ("A",), "wanted-key")
    site.start()
    try:
        steps = failed(ems({"own": {"urls": [site.url]}}, "check", "--json", "--seconds", "1"))
    finally:
        site.stop()
    assert [step["step"] for step in steps] == ["session", "rest"]
    assert all("auth.method is none" in step["detail"] for step in steps)


def test_a_port_that_does_not_speak_tls(own: Site, ems: Configured, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever waited for the bound of a step would hang.
    monkeypatch.setattr(check_gateway, "STEP_SECONDS", 3600.0)
    steps = failed(ems({"own": {"urls": [own.url.replace("ws:", "wss:")]}}, "check", "--json"))
    assert [step["step"] for step in steps] == ["tls"]
    assert "the port does not speak TLS; is it a ws:// port?" in steps[0]["detail"]


def test_a_port_that_breaks_the_handshake_off(ems: Configured) -> None:
    def script(peer: RawPeer) -> None:
        if peer.stream.recv(65536).startswith(b"GET "):
            peer.stream.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with raw_gateway(script) as url:
        steps = failed(ems({"g": {"urls": [url.replace("ws:", "wss:")]}}, "check", "--json"))
    assert "is it a ws:// port?" in steps[0]["detail"]

    def only_tls(peer: RawPeer) -> None:
        if peer.stream.recv(65536).startswith(b"GET "):
            peer.stream.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.")

    with raw_gateway(only_tls) as url:
        steps = failed(ems({"g": {"urls": [url.replace("ws:", "wss:")]}}, "check", "--json"))
    assert "is it a ws:// port?" not in steps[0]["detail"]
    assert "the other side broke the handshake off" in steps[0]["detail"], "no name of an error"


def test_a_management_api_that_fails_is_one_step(cloud: Cloud, ems: Configured) -> None:
    cloud.endpoints = []
    steps = failed(ems({"g": cloud.settings()}, "check", "--json"))
    assert [step["step"] for step in steps] == ["managed cloud"]
    assert "add an exchange account" in steps[0]["detail"]


def test_a_management_api_that_is_down_leaves_json_alone_on_stdout(cloud: Cloud, ems: Configured) -> None:
    cloud.failing = HTTPStatus.BAD_GATEWAY
    steps = failed(ems({"g": cloud.settings()}, "check", "--json"))
    assert "HTTP 502" in steps[0]["detail"]


def test_a_name_that_does_not_resolve(ems: Configured) -> None:
    steps = failed(ems({"g": {"urls": ["wss://gateway.invalid/"]}}, "check", "--json"))
    assert [step["step"] for step in steps] == ["name"]
    assert "check the host name and the DNS" in steps[0]["detail"]


def _of(issued: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    return context


@pytest.mark.parametrize(
    ("context", "trusted", "step", "expected"),
    [
        (lambda ca: server_context(ca, clients=False), False, "tls", "set auth.ca_file"),
        (lambda ca: _of(ca.issue_cert("elsewhere.example.com")), True, "tls", "use the host name it is for"),
        (
            lambda ca: _of(
                ca.issue_cert(
                    "localhost", not_after=datetime(2020, 1, 2, tzinfo=UTC), not_before=datetime(2020, 1, 1, tzinfo=UTC)
                )
            ),
            True,
            "tls",
            "has expired",
        ),
        (lambda ca: server_context(ca, clients=True), True, "session", 'set auth.method = "certificate"'),
    ],
)
def test_what_can_be_wrong_with_tls(
    tmp_path: Path,
    ems: Configured,
    context: Callable[[trustme.CA], ssl.SSLContext],
    trusted: bool,
    step: str,
    expected: str,
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    site = Site(context(authority), ("A",), None)
    site.start()
    auth = {"ca_file": str(tmp_path / "ca.pem")} if trusted else {}
    try:
        steps = failed(ems({"g": {"urls": [site.url], "auth": auth}}, "check", "--json", "--seconds", "2"))
    finally:
        site.stop()
    assert steps[0]["step"] == step
    assert expected in steps[0]["detail"]


def test_a_server_that_is_no_gateway(ems: Configured) -> None:
    def script(peer: RawPeer) -> None:
        peer.stream.recv(65536)
        peer.stream.sendall(b"SSH-2.0-x\r\n\r\n")

    with raw_gateway(script) as url:
        steps = failed(ems({"g": {"urls": [url]}}, "check", "--json", "--seconds", "1"))
    assert steps[0]["step"] == "session"
    assert "not an EMS gateway" in steps[0]["detail"]


def test_a_port_where_nobody_listens(ems: Configured) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    steps = failed(ems({"g": {"urls": [f"ws://127.0.0.1:{port}/"]}}, "check", "--json"))
    assert [step["step"] for step in steps] == ["connect"]
    assert "Connection refused" in steps[0]["detail"]
