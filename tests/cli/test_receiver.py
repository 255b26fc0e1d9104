"""The demonstration's receiver: only what is rightly signed counts, and once."""

from __future__ import annotations

import base64
import socket
import struct
from datetime import UTC, datetime
from http.client import HTTPConnection
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from standardwebhooks import Webhook

from recon.cli.demo.receiver import MAX_BODY_BYTES, receiving

ALERT = {
    "type": "break.opened",
    "gateway": "eu",
    "account": "A",
    "unit": "BTC",
    "amount": "0.1",
    "cause": "unexplained",
}
BODY = msgspec.json.encode({"type": "break.opened", "data": {"count": 2, "alerts": [ALERT, ALERT | {"unit": "USD"}]}})


def _headers(secret: str, body: bytes, message_id: str = "msg_1") -> dict[str, str]:
    now = datetime.now(UTC)
    signature = Webhook(secret).sign(message_id, now, body.decode())
    stamp = str(int(now.timestamp()))
    return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signature}


def test_a_signed_alert_counts_once_however_often_it_comes() -> None:
    with receiving() as receiver:
        for _ in range(2):
            answer = httpx.post(receiver.url, content=BODY, headers=_headers(receiver.secret, BODY))
            assert answer.status_code == 204
        assert (receiver.alerts, receiver.refused) == (2, 0)
        (delivery,) = receiver.latest()
        assert [alert.unit for alert in delivery.alerts] == ["BTC", "USD"]


def test_what_is_not_rightly_signed_is_refused() -> None:
    other = "whsec_" + base64.b64encode(b"another secret of some length").decode()
    with receiving() as receiver:
        nonsense = b"{}"
        for body, headers in (
            (BODY, _headers(other, BODY)),
            (BODY + b" ", _headers(receiver.secret, BODY)),
            (BODY, {}),
            (nonsense, _headers(receiver.secret, nonsense)),
        ):
            assert httpx.post(receiver.url, content=body, headers=headers).status_code == 401
        assert (receiver.alerts, receiver.refused) == (0, 4)


@pytest.mark.parametrize(("length", "status"), [(str(MAX_BODY_BYTES + 1), 413), ("-1", 411), ("many", 411)])
def test_what_is_too_large_or_says_no_length_is_not_read(length: str, status: int) -> None:
    with receiving() as receiver:
        connection = HTTPConnection(urlsplit(receiver.url).netloc, timeout=10)
        connection.putrequest("POST", "/alerts")
        connection.putheader("content-length", length)
        connection.endheaders()
        assert connection.getresponse().status == status
        connection.close()


def test_a_sender_that_goes_away_is_nobodys_trouble(capfd: pytest.CaptureFixture[str]) -> None:
    with receiving() as receiver:
        host, port = urlsplit(receiver.url).netloc.split(":")
        with socket.create_connection((host, int(port))) as sender:
            sender.sendall(b"POST /alerts HTTP/1.1\r\ncontent-length: 100\r\n\r\nhalf")
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert httpx.post(receiver.url, content=BODY, headers=_headers(receiver.secret, BODY)).status_code == 204
    assert capfd.readouterr().err == ""


def test_it_is_gone_after_the_block() -> None:
    with receiving() as receiver:
        url = receiver.url
    with pytest.raises(httpx.ConnectError):
        httpx.post(url, content=b"x")
