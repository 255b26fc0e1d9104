from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from recon.ems.credentials import Credentials
from recon.ems.urls import safe_url
from recon.errors import ConfigError

KEY = "6c1f3c55-1111-4b62-9f0e-1e3e35c7f0aa"


@pytest.fixture(scope="module")
def identity() -> trustme.LeafCert:
    return trustme.CA().issue_cert("client@example.net")


@pytest.fixture
def files(identity: trustme.LeafCert, tmp_path: Path) -> tuple[Path, Path, Path]:
    """Certificate, private key, and a bundle of three blocks as `/v1/certificate/pem` orders them."""
    certificate, key, bundle = (tmp_path / name for name in ("c.pem", "k.pem", "bundle.pem"))
    certificate.write_bytes(identity.cert_chain_pems[0].bytes())
    private = serialization.load_pem_private_key(identity.private_key_pem.bytes(), None)
    pkcs8 = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key.write_bytes(pkcs8)
    bundle.write_bytes(public + pkcs8 + certificate.read_bytes())
    return certificate, key, bundle


def test_each_method_shows_itself_where_it_belongs() -> None:
    url = "wss://ems.example.net/feed?a=1"
    assert Credentials().headers() == []
    assert Credentials().resource(url) == ("ems.example.net", 443, "/feed?a=1", True)
    assert Credentials("header", KEY).headers() == [(b"X-CoinAPI-Key", KEY.encode())]
    assert Credentials("header", KEY).resource(url)[2] == "/feed?a=1"
    assert Credentials("query", KEY).headers() == []
    assert Credentials("query", KEY).resource(url)[2] == f"/feed?a=1&apikey={KEY}"
    assert Credentials("query", "a/b&c=d").resource("ws://h")[2] == "/?apikey=a%2Fb%26c%3Dd"


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("ws://127.0.0.1:8080", ("127.0.0.1", 8080, "/", False)),
        ("wss://[::1]:8443/x", ("::1", 8443, "/x", True)),
        ("https://ems.example.net", ("ems.example.net", 443, "/", True)),
        ("ws://h/#part", ("h", 80, "/", False)),
    ],
)
def test_urls(url: str, where: tuple[str, int, str, bool]) -> None:
    assert Credentials().resource(url) == where


@pytest.mark.parametrize(
    "url",
    [
        "ems.example.net",
        "ftp://h/",
        "wss://",
        "wss://h:port/",
        "wss://[::1/",
        f"wss://user:{KEY}@h/",
        f"wss://h/?ApiKey={KEY}",
    ],
)
def test_an_unusable_url_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Credentials().resource(url)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "bad",
    [
        {"method": "basic"},
        {"method": "header"},
        {"method": "query", "api_key": ""},
        {"method": "header", "api_key": "abc"},
        {"method": "header", "api_key": KEY + "\r\nX: y"},
        {"method": "header", "api_key": KEY + "\n"},
        {"method": "query", "api_key": KEY + "é"},
        {"method": "none", "api_key": KEY},
        {"method": "certificate", "api_key": KEY, "pem": Path("x")},
        {"method": "certificate"},
        {"method": "certificate", "private_key_file": Path("k")},
        {"method": "certificate", "pem": Path("x"), "certificate_file": Path("y")},
        {"method": "header", "api_key": KEY, "pem": Path("x")},
    ],
)
def test_contradictory_settings_are_refused_without_the_key(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        Credentials(**bad)  # type: ignore[arg-type]  # each case is wrong on purpose
    assert KEY not in str(caught.value)


def test_a_certificate_needs_tls() -> None:
    with pytest.raises(ConfigError, match="TLS"):
        Credentials("certificate", pem=Path("x")).resource("ws://h/")


def test_nothing_printable_shows_the_key() -> None:
    credentials = Credentials("header", KEY)
    assert KEY not in repr(credentials) + str(credentials) + f"{credentials}"
    assert repr(credentials) == "Credentials(method='header')"


def test_certificates_load_from_files_and_from_a_bundle(files: tuple[Path, Path, Path]) -> None:
    certificate, key, bundle = files
    both = Credentials("certificate", certificate_file=certificate, private_key_file=key)
    assert isinstance(both.ssl_context(), ssl.SSLContext)
    assert isinstance(Credentials("certificate", pem=bundle).ssl_context(), ssl.SSLContext)
    assert isinstance(Credentials("certificate", certificate_file=bundle).ssl_context(), ssl.SSLContext)


def test_unusable_certificates_are_refused_by_name(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    certificate, key, _ = files
    other = tmp_path / "other.pem"
    other.write_bytes(trustme.CA().issue_cert("x@example.net").private_key_pem.bytes())
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n" + key.read_text())
    big = tmp_path / "big.pem"
    big.write_bytes(b"x" * (1024 * 1024 + 1))
    unusable = [
        Credentials("certificate", certificate_file=certificate),
        Credentials("certificate", certificate_file=certificate, private_key_file=other),
        Credentials("certificate", certificate_file=certificate, private_key_file=tmp_path / "absent.pem"),
        Credentials("certificate", pem=broken),
        Credentials("certificate", pem=big),
        Credentials(ca_file=tmp_path / "absent.pem"),
        Credentials(ca_file=broken),
    ]
    for credentials in unusable:
        with pytest.raises(ConfigError, match=r"\.pem"):
            credentials.ssl_context()


def test_an_encrypted_key_is_refused_instead_of_asked_for(
    identity: trustme.LeafCert, files: tuple[Path, Path, Path]
) -> None:
    certificate, key, _ = files
    private = serialization.load_pem_private_key(identity.private_key_pem.bytes(), None)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )
    with pytest.raises(ConfigError, match="encrypted"):
        Credentials("certificate", certificate_file=certificate, private_key_file=key).ssl_context()


@pytest.mark.parametrize(
    ("payload", "clean"),
    [
        (b'{"apikey": "9a55567a-b5ff"}', b'{"apikey": "[redacted]"}'),
        (b'{"ApiKey":"x\\"y","b":1}', b'{"ApiKey":"[redacted]","b":1}'),
        (b'{"api_key" : 12.5}', b'{"api_key" : "[redacted]"}'),
        (b'{"m":"{\\"apikey\\":\\"abc\\",\\"b\\":1}"}', b'{"m":"{\\"apikey\\":\\"[redacted]\\",\\"b\\":1}"}'),
        (b'{"key":"x"}', b'{"key":"x"}'),
        (b'{"apikey":null}', b'{"apikey":null}'),
        (b'{"symbol_id_coinapi":"apikey"}', b'{"symbol_id_coinapi":"apikey"}'),
    ],
)
def test_members_that_carry_a_key_are_redacted(payload: bytes, clean: bytes) -> None:
    assert Credentials().redact(payload) == (clean, payload != clean)
    json.loads(clean)


def test_the_key_itself_is_redacted_wherever_it_stands() -> None:
    key = 'abc/def"ghi'
    credentials = Credentials("query", key)
    for form in (key, json.dumps(key)[1:-1], "abc%2Fdef%22ghi"):
        assert credentials.redact(f"<{form}>".encode()) == (b"<[redacted]>", True)
    assert credentials.redact_text(f"é {key}") == "é [redacted]"
    assert credentials.redact(b"nothing") == (b"nothing", False)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"wss://user:pw@h.example:8443/p?apikey={KEY}#x", "wss://h.example:8443/p"),
        ("ws://[::1]:80/", "ws://[::1]:80/"),
        ("wss://[broken/", "(unreadable URL)"),
        ("wss://h:notaport/", "(unreadable URL)"),
    ],
)
def test_a_url_is_safe_to_print(url: str, shown: str) -> None:
    assert safe_url(url) == shown
