"""What writes a report in one format. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from recon.reports.model import ReportRow


class Sink(Protocol):
    """Takes rows in batches; a file is only good once `end` has returned."""

    def write(self, rows: Sequence[ReportRow]) -> None:
        """Write the next rows."""

    def end(self) -> list[str]:
        """Write what comes last; return what a person should know of the file, a line each."""

    def close(self) -> None:
        """Give back what is held, also where the report failed; it may be called again."""
