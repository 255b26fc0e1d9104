"""`[evidence]`: an authority is named together with the certificates that its answers are checked by."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from recon.config.evidence import Evidence


def test_an_authority_comes_with_its_certificates() -> None:
    assert Evidence().tsa_url is None
    given = Evidence(tsa_url="https://tsa.example.com", tsa_certificates=Path("roots.pem"))
    assert given.tsa_certificates == Path("roots.pem")


@pytest.mark.parametrize(
    "given",
    [
        {"tsa_url": "https://tsa.example.com"},
        {"tsa_certificates": "roots.pem"},
        {"tsa_url": "ftp://tsa.example.com", "tsa_certificates": "roots.pem"},
        {"tsa_url": "https://user:secret@tsa.example.com", "tsa_certificates": "roots.pem"},
    ],
)
def test_half_of_it_and_other_addresses_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Evidence.model_validate(given)
