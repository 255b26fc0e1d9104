"""From settings to what the parts are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from recon.config import Settings
from recon.service.endpoints import endpoint_of
from recon.service.pipeline import rules_payload

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"


def settings(**gateway: object) -> Settings:
    return Settings.model_validate({"gateways": {"g": {"urls": ["wss://one/", "wss://two/"], **gateway}}})


def test_the_same_settings_give_the_same_rules_whatever_their_order() -> None:
    first = settings(accounts={"B": {}, "A": {"assets": {"X": "Y", "A": "B"}}})
    second = settings(accounts={"A": {"assets": {"A": "B", "X": "Y"}}, "B": {}}, urls=["wss://other/"])
    assert rules_payload(first, "g") == rules_payload(second, "g")
    assert rules_payload(first, "g") != rules_payload(settings(accounts={"B": {}}), "g")


@pytest.mark.parametrize("method", ["header", "query"])
def test_a_key_reaches_the_credentials_and_no_repr(method: str) -> None:
    endpoint = endpoint_of(*_only(settings(auth={"method": method, "api_key": "very-secret-key"})))
    assert endpoint.credentials.api_key == "very-secret-key"
    assert "very-secret-key" not in repr(endpoint)
    assert endpoint.urls == ("wss://one/", "wss://two/")


def test_a_bundle_and_a_pair_of_files_are_told_apart(tmp_path: Path) -> None:
    certificate, key, bundle = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "bundle.pem"
    certificate.write_text(PEM)
    key.write_text(KEY)
    bundle.write_text(PEM + KEY)
    pair = {"method": "certificate", "certificate_file": str(certificate), "private_key_file": str(key)}
    credentials = endpoint_of(*_only(settings(auth=pair))).credentials
    assert (credentials.certificate_file, credentials.private_key_file, credentials.pem) == (certificate, key, None)
    credentials = endpoint_of(
        *_only(settings(auth={"method": "certificate", "certificate_file": str(bundle)}))
    ).credentials
    assert (credentials.certificate_file, credentials.private_key_file, credentials.pem) == (None, None, bundle)


def _only(given: Settings):  # type: ignore[no-untyped-def]  # the arguments of the function above
    return given, "g", given.gateways["g"]
