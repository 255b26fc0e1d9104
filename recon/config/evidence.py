"""`[evidence]`: who stamps the time of evidence, by RFC 3161 (operator 2.7)."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import model_validator

from recon.config.base import Table
from recon.config.values import HttpUrl


class Evidence(Table):
    """The time-stamping authority; without one, evidence has no time stamp."""

    tsa_url: HttpUrl | None = None
    #: The authority's root certificates, PEM: its answer is checked before it is kept.
    tsa_certificates: Path | None = None

    @model_validator(mode="after")
    def _can_be_checked(self) -> Self:
        if (self.tsa_url is None) is not (self.tsa_certificates is None):
            raise ValueError("tsa_url and tsa_certificates: give both, so that a time stamp can be checked, or none")
        return self
