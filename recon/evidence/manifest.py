"""What an evidence directory says of itself: its files with their digests, the logs, the closings, the people. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

import msgspec

#: Raised when a reader of the former version could misread a directory.
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
#: Answers of time-stamping authorities about the manifest; the manifest cannot name them.
TIME_STAMP: Final = "manifest.tsr"
CLOSINGS: Final = "closings.json"
PEOPLE: Final = "people.json"
REPORT: Final = "report.html"
ABOUT: Final = "README.txt"
VERIFIER: Final = "verify.py"

README: Final = """Evidence of business day {day}, written by recon {recon} at {made_at}.
{provisional}
  report.html      the closings of the day, to be read and printed
  closings.json    each account's closing with its digest, and who signed it
  people.json      who may do what, who proposed and who approved, on what digest
  reports/         balances, positions, breaks at the cut-off; movements, fills, fees of the day
  queries/         the SQL of each report; its parameters and row counts are in manifest.json
  log/             the log of the day without gaps, each event with its digest
  manifest.json    the digest of each file, and what the figures rest on

To check it, with Python 3.9 or newer and nothing else:

  python verify.py .

Write down the digest that it prints. Whoever has that digest can tell any later change of this directory.
"""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the directory: its path in it, SHA-256 in hex, and length in bytes."""

    name: str
    sha256: str
    size: int


class LogPart(msgspec.Struct, frozen=True, kw_only=True):
    """A gapless part of one gateway's log; `before` is the digest before its first event, `head` that of its last."""

    gateway: str
    file: str
    first_seq: int
    last_seq: int
    before: str
    head: str
    rules_digest: str | None
    fold_version: int | None


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A report in the directory: its SQL with the parameters, and how many rows it gave."""

    name: str
    file: str
    sql: str
    parameters: Mapping[str, object]
    rows: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of an evidence directory; times in UTC."""

    format: str = "recon.evidence"
    version: int = VERSION
    day: date
    made_at: datetime
    recon: str
    fully_signed: bool
    logs: Sequence[LogPart]
    reports: Sequence[Answered]
    files: Sequence[File]
    remarks: Sequence[str]
    #: Why the figures may still change: days that were not over.
    provisional: Sequence[str] = ()
