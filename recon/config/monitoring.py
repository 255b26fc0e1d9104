"""`[monitoring]` and `[tracing]`: where recon is asked how it is, and where it tells what it does (production 1)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from recon.config.base import Table
from recon.config.values import HttpUrl, parse_decimal
from recon.config.web import host_and_port


class Monitoring(Table):
    """The listener of probes and of Prometheus; without `listen` there is none."""

    section: ClassVar[str] = "monitoring"

    #: Host and port, such as 127.0.0.1:9464. Beyond this machine it may speak plain http: it tells no secret.
    listen: str | None = None
    certificate_file: Path | None = None
    private_key_file: Path | None = None

    @field_validator("listen")
    @classmethod
    def _is_an_address(cls, listen: str | None) -> str | None:
        if listen is not None:
            host_and_port(listen)
        return listen

    @model_validator(mode="after")
    def _has_both_files(self) -> Self:
        if (self.certificate_file is None) != (self.private_key_file is None):
            raise ValueError("certificate_file and private_key_file belong together")
        return self


class Tracing(Table):
    """Where spans are sent, by OpenTelemetry's protocol over HTTP; without `endpoint` none are made."""

    #: Such as http://127.0.0.1:4318/v1/traces.
    endpoint: HttpUrl | None = None
    #: The share of spans that are sent.
    share: Annotated[Decimal, BeforeValidator(parse_decimal), Field(ge=0, le=1)] = Decimal(1)
