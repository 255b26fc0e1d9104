"""Client certificates: blocks told apart, keys that fit, ends, and files that nobody else reads."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from recon.ems.cloud.certificates import (
    ClientCertificate,
    certificate_path,
    load_certificate,
    pem_blocks,
    read_certificate,
    save_certificate,
)
from recon.ems.credentials import Credentials
from recon.errors import ConfigError, GatewayError
from tests.support.managed_cloud import pem_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)

#: The version of a certificate in DER: [0] INTEGER 2.
VERSION_3 = b"\xa0\x03\x02\x01\x02"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def pem(authority: trustme.CA) -> str:
    return pem_of(authority, begins=NOW - 10 * DAY, ends=NOW + 80 * DAY)


def of(begins: datetime, ends: datetime) -> ClientCertificate:
    return ClientCertificate(pem="secret", subject="CN=x", issuer="CN=y", serial=1, valid_from=begins, valid_until=ends)


def test_three_blocks_in_the_documented_order(pem: str) -> None:
    assert [label for label, _ in pem_blocks(pem)] == ["PUBLIC KEY", "PRIVATE KEY", "CERTIFICATE"]
    found = read_certificate(pem, "there")
    assert (found.valid_from, found.valid_until) == (NOW - 10 * DAY, NOW + 80 * DAY)
    assert "Testing cert" in found.subject
    assert "Testing CA" in found.issuer
    assert "PRIVATE" not in repr(found)
    Credentials("certificate", pem_text=found.pem).ssl_context()


def test_any_order_words_between_and_a_chain(pem: str, authority: trustme.CA) -> None:
    public, private, certificate = (block for _, block in pem_blocks(pem))
    chain = authority.cert_pem.bytes().decode()
    found = read_certificate(f"# {chain} words {certificate}\r\n{private}{public}", "there")
    assert found.valid_until == NOW + 80 * DAY
    assert [label for label, _ in pem_blocks(found.pem)] == ["PRIVATE KEY", "CERTIFICATE", "CERTIFICATE"]
    assert pem_blocks(found.pem)[1][1] == certificate, "the own certificate comes before its chain"


def test_what_cannot_be_used_is_refused_without_repeating_it(pem: str, authority: trustme.CA) -> None:
    public, private, certificate = (block for _, block in pem_blocks(pem))
    other = pem_blocks(pem_of(authority, begins=NOW - DAY, ends=NOW))[1][1]
    broken = private.replace(private.splitlines()[1], "AAAA" + private.splitlines()[1][4:])
    for text, expected in (
        ("", "0 private keys and 0 certificates"),
        (certificate, "0 private keys and 1 certificate"),
        (private + public, "1 private key and 0 certificates"),
        (private + other + certificate, "2 private keys"),
        (other + certificate, "fits none of its certificates"),
        (broken + certificate, "cannot be read"),
        (private + "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n", "cannot be read"),
        (
            certificate + "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "cannot be read",
        ),
    ):
        with pytest.raises(GatewayError, match=expected) as caught:
            read_certificate(text, "there")
        shown = str(caught.value) + repr(caught.value.__cause__)
        assert all(line not in shown for line in private.splitlines()[1:-1])


def test_a_certificate_of_an_unknown_version_is_refused(pem: str) -> None:
    _, private, certificate = (block for _, block in pem_blocks(pem))
    der = ssl.PEM_cert_to_DER_cert(certificate)
    assert der.count(VERSION_3) == 1
    odd = ssl.DER_cert_to_PEM_cert(der.replace(VERSION_3, VERSION_3[:-1] + b"\x05"))
    with pytest.raises(GatewayError, match="cannot be read"):
        read_certificate(private + odd, "there")


@pytest.mark.parametrize(
    ("life", "before", "due"),
    [(90 * DAY, 7 * DAY, 83 * DAY), (9 * DAY, 7 * DAY, 6 * DAY), (timedelta(hours=3), 365 * DAY, timedelta(hours=2))],
)
def test_renewal_is_due_before_the_end_but_not_early_in_a_short_life(
    life: timedelta, before: timedelta, due: timedelta
) -> None:
    assert of(NOW, NOW + life).renew_at(before) == NOW + due


def test_validity() -> None:
    certificate = of(NOW, NOW + DAY)
    assert certificate.validity(NOW - timedelta(seconds=1)) == "not yet valid"
    assert certificate.validity(NOW) == "valid"
    assert certificate.validity(NOW + DAY) == "expired"


def test_a_file_of_its_own_that_nobody_else_reads(pem: str, tmp_path: Path) -> None:
    path = certificate_path(tmp_path / "deep" / "certs", "prod/eu..")
    assert path.name == "prod%2Feu%2E%2E.pem"
    assert load_certificate(path) is None
    certificate = read_certificate(pem, "there")
    before = os.umask(0)
    try:
        save_certificate(path, certificate)
        save_certificate(path, certificate)
    finally:
        os.umask(before)
    assert load_certificate(path) == certificate
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_what_others_can_read_is_refused(pem: str, tmp_path: Path) -> None:
    path = tmp_path / "certs" / "g.pem"
    save_certificate(path, read_certificate(pem, "there"))
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="can be read by others"):
        load_certificate(path)
    path.parent.chmod(0o750)
    with pytest.raises(ConfigError, match="chmod 700"):
        save_certificate(path, read_certificate(pem, "there"))


def test_files_that_hold_no_certificate(tmp_path: Path) -> None:
    path = tmp_path / "g.pem"
    path.write_bytes(b"\xff nothing")
    path.chmod(0o600)
    with pytest.raises(GatewayError, match=r"g\.pem must give one private key"):
        load_certificate(path)
    path.write_bytes(b"x" * (1 << 21))
    with pytest.raises(ConfigError, match="is larger than"):
        load_certificate(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_certificate(tmp_path)
    with pytest.raises(ConfigError, match="cannot be written"):
        save_certificate(path / "below" / "g.pem", of(NOW, NOW))
