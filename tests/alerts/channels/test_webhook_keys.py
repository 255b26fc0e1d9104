"""Several keys sign each message, of both kinds; also the library of another language verifies them."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from recon.alerts.channels.signing import PUBLIC_PREFIX, Signatures, public_keys
from recon.alerts.channels.webhook import WebhookSender, WebhookTarget
from recon.config.signing import MAX_KEYS, signing_keys
from tests.alerts.channels.test_webhook import message, real_now
from tests.support.webhook_receiver import Receiver

OLD = "whsec_" + base64.b64encode(b"the former key").decode()
NEW = "whsec_" + base64.b64encode(b"the coming key").decode()
PRIVATE = "whsk_" + base64.b64encode(bytes(range(32))).decode()
AT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


def verify_ed25519(public: str, signed: bytes, header: str) -> None:
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix(PUBLIC_PREFIX)))
    (signature,) = [part.removeprefix("v1a,") for part in header.split(" ") if part.startswith("v1a,")]
    key.verify(base64.b64decode(signature), signed)


@pytest.mark.trio
async def test_a_receiver_verifies_with_the_former_key_and_with_the_coming_one(
    there: Receiver, client: httpx.AsyncClient
) -> None:
    await WebhookSender(WebhookTarget("ops", there.url, f"{NEW}\n{OLD}\n"), client, real_now).send(message())
    (received,) = there.received
    for key in (OLD, NEW):
        assert Webhook(key).verify(received.body, received.headers)["type"] == "break.opened"
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + base64.b64encode(b"no key of ours").decode()).verify(received.body, received.headers)


@pytest.mark.trio
async def test_an_ed25519_key_signs_beside_a_shared_one(there: Receiver, client: httpx.AsyncClient) -> None:
    await WebhookSender(WebhookTarget("ops", there.url, f"{OLD} {PRIVATE}"), client, real_now).send(message())
    (received,) = there.received
    assert Webhook(OLD).verify(received.body, received.headers)
    (public,) = public_keys(f"{OLD} {PRIVATE}")
    header, at = received.headers["webhook-signature"], received.headers["webhook-timestamp"]
    verify_ed25519(public, f"{message().id}.{at}.{received.body}".encode(), header)
    with pytest.raises(InvalidSignature):
        verify_ed25519(public, f"{message().id}.{at}.{received.body} ".encode(), header)


def test_the_time_that_is_signed_is_utc_whatever_the_zone_of_the_clock() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    signatures = Signatures(f"{OLD} {PRIVATE}")
    assert signatures.sign("msg_1", elsewhere, "{}") == signatures.sign("msg_1", AT, "{}")


def test_a_key_of_64_bytes_is_its_seed_and_its_public_half() -> None:
    long = "whsk_" + base64.b64encode(bytes(range(32)) + b"\1" * 32).decode()
    assert Signatures(long).sign("msg_1", AT, "{}") == Signatures(PRIVATE).sign("msg_1", AT, "{}")


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("", "base64"),
        ("whsec_", "base64"),
        (f"{OLD} whsec_§§§", "base64"),
        ("whsk_" + base64.b64encode(b"short").decode(), "32 or 64 bytes"),
        (" ".join([OLD] * (MAX_KEYS + 1)), "at most 8 keys"),
    ],
)
def test_what_is_no_key_is_refused_without_being_quoted(secret: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        signing_keys(secret)
    keys = [word.partition("_")[2] for word in secret.split()]
    assert not [key for key in keys if key and key in str(caught.value)]
    assert "former" not in repr(signing_keys(OLD))


SCRIPT = """
const { Webhook } = require("standardwebhooks");
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
for (const key of given.keys) new Webhook(key).verify(given.body, given.headers);
try { new Webhook(given.wrong).verify(given.body, given.headers); } catch (e) { console.log("refused"); }
console.log("verified");
"""


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of node's own library; skip where it is not there and cannot be fetched."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node is not installed")
    given = os.environ.get("STANDARDWEBHOOKS_NODE_MODULES")
    if given:
        return Path(given)
    place = tmp_path_factory.mktemp("node")
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(place), "standardwebhooks@1"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        pytest.skip("npm cannot fetch standardwebhooks")
    if done.returncode:
        pytest.skip("npm cannot fetch standardwebhooks")
    return place / "node_modules"


@pytest.mark.slow
@pytest.mark.trio
async def test_the_library_of_node_verifies(there: Receiver, client: httpx.AsyncClient, node_modules: Path) -> None:
    secret = f"{NEW} {PRIVATE} {OLD}"
    await WebhookSender(WebhookTarget("ops", there.url, secret), client, real_now).send(message())
    (received,) = there.received
    wrong = base64.b64encode(b"no key of ours").decode()
    given = json.dumps({"keys": [OLD, NEW], "wrong": wrong, "body": received.body, "headers": received.headers})
    environment = {"NODE_PATH": str(node_modules), "PATH": os.environ["PATH"]}
    done = subprocess.run(  # noqa: S603, ASYNC221 - a short program, and nothing else runs meanwhile
        [shutil.which("node") or "node", "-e", SCRIPT],
        input=given, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["refused", "verified"], done.stderr
