"""A time stamp is kept only if the authority's certificates bear it out; an authority of our own answers by openssl."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from recon.errors import ConfigError, TimeStampRefused
from recon.evidence.time_stamp import MAX_ANSWER_BYTES, time_stamp

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the fake authority answers by openssl")

URL = "https://tsa.example.com/"
CONTENT = b'{"format":"recon.evidence"}'
CONFIG = """
[tsa]
serial = {place}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
"""


class Authority:
    """A time-stamping authority with a root of its own."""

    def __init__(self, place: Path) -> None:
        self._place = place
        place.mkdir()
        root_key, root = _certificate("root", None)
        key, signer = _certificate("tsa", (root_key, root))
        self.roots = place / "roots.pem"
        self.roots.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        (place / "signer.pem").write_bytes(signer.public_bytes(serialization.Encoding.PEM))
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        (place / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
        (place / "serial").write_text("01\n")
        (place / "tsa.cnf").write_text(CONFIG.format(place=place))

    def answer(self, query: bytes) -> bytes:
        """Stamp a query."""
        query_file, answer_file = self._place / "query", self._place / "answer"
        query_file.write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", str(self._place / "tsa.cnf"), "-section", "tsa"]
        command += ["-queryfile", str(query_file), "-signer", str(self._place / "signer.pem")]
        command += ["-inkey", str(self._place / "key.pem"), "-out", str(answer_file)]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own arguments
        return answer_file.read_bytes()

    def client(self) -> httpx.Client:
        return client(lambda request: httpx.Response(200, content=self.answer(request.content)))


def client(handler: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(handler))


def _certificate(
    name: str, issuer: tuple[rsa.RSAPrivateKey, x509.Certificate] | None
) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer[1].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
    return key, builder.sign(key if issuer is None else issuer[0], hashes.SHA256())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "own")


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "another")


def test_a_content_is_stamped_and_openssl_bears_it_out(authority: Authority, tmp_path: Path) -> None:
    stamp = time_stamp(CONTENT, URL, authority.roots, authority.client())
    assert stamp.at.tzinfo is not None
    (tmp_path / "manifest.json").write_bytes(CONTENT)
    (tmp_path / "manifest.tsr").write_bytes(stamp.content)
    command = ["openssl", "ts", "-verify", "-data", str(tmp_path / "manifest.json")]
    command += ["-in", str(tmp_path / "manifest.tsr"), "-CAfile", str(authority.roots)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603


def test_only_a_digest_is_sent(authority: Authority) -> None:
    sent: list[httpx.Request] = []

    def keep(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, content=authority.answer(request.content))

    time_stamp(CONTENT, URL, authority.roots, client(keep))
    assert sent[0].headers["Content-Type"] == "application/timestamp-query"
    assert CONTENT not in sent[0].content


def test_a_stamp_of_another_authority_or_content_is_refused(authority: Authority, another: Authority) -> None:
    with pytest.raises(TimeStampRefused, match="not signed under the certificates"):
        time_stamp(CONTENT, URL, authority.roots, another.client())
    former = time_stamp(CONTENT, URL, authority.roots, authority.client()).content
    with pytest.raises(TimeStampRefused, match="not signed under the certificates"):
        time_stamp(b"something else", URL, authority.roots, client(lambda _: httpx.Response(200, content=former)))


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (httpx.Response(503), "answered with status 503"),
        (httpx.Response(302, headers={"Location": "https://example.com/"}), "answered with status 302"),
        (httpx.Response(200, content=b""), "is no time stamp"),
        (httpx.Response(200, content=b"<html>"), "is no time stamp"),
        (httpx.Response(200, content=bytes(MAX_ANSWER_BYTES + 1)), "longer than 1 MiB"),
    ],
)
def test_an_answer_that_is_none_is_refused(authority: Authority, response: httpx.Response, told: str) -> None:
    with pytest.raises(TimeStampRefused, match=told):
        time_stamp(CONTENT, URL, authority.roots, client(lambda _: response))


def test_an_authority_that_cannot_be_reached_is_told(authority: Authority) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("secret detail", request=request)

    with pytest.raises(TimeStampRefused, match="cannot be asked") as refused:
        time_stamp(CONTENT, URL, authority.roots, client(refuse))
    assert "secret detail" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"no certificate"])
def test_a_file_without_certificates_is_told(tmp_path: Path, content: bytes) -> None:
    roots = tmp_path / "roots.pem"
    with pytest.raises(ConfigError, match="tsa_certificates"):
        time_stamp(CONTENT, URL, roots)
    roots.write_bytes(content)
    with pytest.raises(ConfigError, match="holds no certificates"):
        time_stamp(CONTENT, URL, roots)
