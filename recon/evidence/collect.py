"""Evidence of a day, from one state of the database: closings, people, reports with their SQL, and the log."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from importlib import resources
from itertools import groupby
from typing import Final

import msgspec

from recon.closing.document import JSON, written
from recon.db.reader import Reader
from recon.errors import ConfigError
from recon.evidence.closings import DayEvidence, closings_of
from recon.evidence.directory import Directory
from recon.evidence.log_part import ReadArchive, first_since, write_log_part
from recon.evidence.manifest import (
    ABOUT,
    CLOSINGS,
    MANIFEST,
    PEOPLE,
    README,
    REPORT,
    VERIFIER,
    Answered,
    LogPart,
    Manifest,
)
from recon.evidence.people import MAX_ROWS, approvals, decisions, logins
from recon.reads.as_of import AsOf
from recon.reads.basis import Basis, read_basis
from recon.reads.filter import Filter
from recon.reports.catalogue import REPORTS
from recon.reports.formats import sink_of
from recon.reports.header import Header
from recon.reports.reading import Asked, query_of, read_rows

#: Reports of a day: how things stood at the cut-off, and what happened from the former cut-off on.
_AT_CUT_OFF: Final = ("balances", "positions", "breaks")
_DURING: Final = ("movements", "fills", "fees")
#: The smallest step of a time in Postgres. What happens at the cut-off itself belongs to the next day.
_STEP: Final = timedelta(microseconds=1)

#: Most characters of a gateway's name in the name of a file.
MAX_FILE_NAME: Final = 80
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9-]")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Of which day and which accounts, and when it is made by which version of recon."""

    day: date
    gateway: str | None
    accounts: Sequence[str] | None
    now: datetime
    version: str


class Collected(msgspec.Struct, frozen=True):
    """The manifest that was written, and its bytes."""

    manifest: Manifest
    content: bytes


def collect(reader: Reader, wanted: Wanted, to: Directory, archive: ReadArchive | None = None) -> Collected:
    """Write the evidence of a day; `archive` has what is archived of its log.

    Errors: ConfigError, IntegrityError, DatabaseError.
    """
    days, remarks = closings_of(reader, wanted.now, wanted.day, gateway=wanted.gateway, accounts=wanted.accounts)
    to.write(CLOSINGS, _json([each.document for each in days]))
    books = {each.gateway: each for each in read_basis(reader, wanted.gateway)}
    by_gateway = {name: list(of) for name, of in groupby(days, lambda each: each.gateway)}
    for name in by_gateway:
        _check_whole(reader, name)
    logs = [
        _log(reader, _file_name(number, name), of, books[name], to, archive)
        for number, (name, of) in enumerate(by_gateway.items(), start=1)
    ]
    to.write(PEOPLE, _json(_people(reader, by_gateway, remarks)))
    answered = [*_reports(reader, wanted, days, list(books.values()), to)]
    provisional = _not_over(days, wanted.now)
    _printed(reader, wanted, list(books.values()), to, remarks, provisional)
    to.write(ABOUT, _about(wanted, provisional))
    to.write(VERIFIER, resources.files("recon.evidence").joinpath("verifier.py").read_bytes())
    manifest = Manifest(
        day=wanted.day,
        made_at=wanted.now,
        recon=wanted.version,
        fully_signed=all(each.signed for each in days),
        logs=logs,
        reports=answered,
        files=to.files(),
        remarks=remarks,
        provisional=provisional,
    )
    content = _json(msgspec.to_builtins(manifest))
    to.write(MANIFEST, content)
    return Collected(manifest, content)


def _not_over(days: Sequence[DayEvidence], now: datetime) -> list[str]:
    """Return a line for each cut-off that was still to come."""
    return [
        f"the day is not over: the cut-off of {', '.join(each.account for each in days if each.cut_off == cut_off)}"
        f" is at {cut_off:%Y-%m-%d %H:%M} UTC"
        for cut_off in sorted({each.cut_off for each in days if each.cut_off > now})
    ]


def _about(wanted: Wanted, provisional: Sequence[str]) -> bytes:
    made_at, lines = f"{wanted.now:%Y-%m-%d %H:%M:%S} UTC", "".join(f"PROVISIONAL: {each}.\n" for each in provisional)
    return README.format(day=wanted.day, recon=wanted.version, made_at=made_at, provisional=lines).encode()


def _check_whole(reader: Reader, gateway: str) -> None:
    if not reader.rows("SELECT recon.sees(:gateway) AS whole", {"gateway": gateway})[0]["whole"]:
        raise ConfigError(
            f"this login is limited to some accounts of gateway {gateway}, and evidence has the whole log of a gateway;"
            " somebody who sees all of it writes it"
        )


def _log(
    reader: Reader, file: str, days: Sequence[DayEvidence], basis: Basis, to: Directory, archive: ReadArchive | None
) -> LogPart:
    """Write a gateway's log from the earliest opening of its accounts to the last position that a closing rests on."""
    gateway = basis.gateway
    last = max(each.last_seq for each in days)
    first = first_since(reader, gateway, min(each.opens_at for each in days), min(each.last_seq for each in days))
    with to.file(file) as stream:
        part = write_log_part(reader, gateway, first, last, stream, archive)
    return LogPart(
        gateway=gateway,
        file=file,
        first_seq=part.first_seq,
        last_seq=part.last_seq,
        before=part.before,
        head=part.head,
        rules_digest=basis.rules_digest,
        fold_version=basis.fold_version,
    )


def _people(reader: Reader, by_gateway: Mapping[str, Sequence[DayEvidence]], remarks: list[str]) -> JSON:
    gateways: dict[str, JSON] = {}
    for name, of in by_gateway.items():
        since, last = min(each.opens_at for each in of), max(each.last_seq for each in of)
        approved = approvals(reader, name, [each.account for each in of], since, last)
        decided = decisions(reader, name, since, last)
        if MAX_ROWS in {len(approved), len(decided)}:
            remarks.append(f"{name}: {PEOPLE} holds the first {MAX_ROWS} approvals and decisions; the log holds all")
        gateways[name] = {"approvals": written(approved), "decisions": written(decided)}
    return {"logins": written(logins(reader)), "gateways": gateways}


def _reports(
    reader: Reader, wanted: Wanted, days: Sequence[DayEvidence], books: Sequence[Basis], to: Directory
) -> Iterator[Answered]:
    by_day: dict[tuple[datetime, datetime], list[DayEvidence]] = {}
    for each in days:
        by_day.setdefault((each.opens_at, each.cut_off), []).append(each)
    for (opens_at, cut_off), of in sorted(by_day.items()):
        ending = "" if len(by_day) == 1 else f"-{cut_off:%Y%m%dT%H%M%SZ}"
        scope = {"gateway": _names(of, "gateway"), "account": _names(of, "account")}
        for name in _AT_CUT_OFF:
            asked = Asked(
                report=REPORTS[name],
                filter=Filter(**scope),
                now=wanted.now,
                past=AsOf(valid_at=cut_off - _STEP, known_at=wanted.now),
            )
            yield _report(reader, wanted, asked, books, f"{name}{ending}", to)
        during = {"since": (opens_at.isoformat(),), "until": (cut_off.isoformat(),)}
        for name in _DURING:
            asked = Asked(report=REPORTS[name], filter=Filter(**scope, **during), now=wanted.now)
            yield _report(reader, wanted, asked, books, f"{name}{ending}", to)


def _report(reader: Reader, wanted: Wanted, asked: Asked, books: Sequence[Basis], name: str, to: Directory) -> Answered:
    query = query_of(asked)
    file, sql = f"reports/{name}.csv", f"queries/{name}.sql"
    to.write(sql, query.text.strip().encode() + b"\n")
    count = 0
    with to.file(file) as stream:
        sink = sink_of("csv")(stream, _header(wanted, asked, books), [])
        for rows in read_rows(reader, asked):
            sink.write(rows)
            count += len(rows)
        sink.end()
    parameters = written(query.parameters)
    if not isinstance(parameters, Mapping):
        raise TypeError("parameters have names")
    return Answered(name=name, file=file, sql=sql, parameters=parameters, rows=count)


def _printed(
    reader: Reader,
    wanted: Wanted,
    books: Sequence[Basis],
    to: Directory,
    remarks: list[str],
    provisional: Sequence[str],
) -> None:
    """Write the closings as a page that can be printed; without the libraries for it, say so."""
    day = wanted.day.isoformat()
    narrowed = Filter(since=(day,), until=((wanted.day + timedelta(days=1)).isoformat(),))
    narrowed = narrowed.also(gateway=wanted.gateway)
    narrowed = msgspec.structs.replace(narrowed, account=tuple(wanted.accounts or ()))
    asked = Asked(report=REPORTS["close"], filter=narrowed, now=wanted.now)
    try:
        make = sink_of("html")
    except ConfigError as error:
        remarks.append(f"{REPORT} is not here: {error}")
        return
    with to.file(REPORT) as stream:
        header = msgspec.structs.replace(_header(wanted, asked, books), provisional=provisional)
        sink = make(stream, header, [])
        for rows in read_rows(reader, asked):
            sink.write(rows)
        remarks += sink.end()
        sink.close()


def _header(wanted: Wanted, asked: Asked, books: Sequence[Basis]) -> Header:
    return Header(
        report=asked.report,
        version=wanted.version,
        made_at=wanted.now,
        as_of=asked.past.valid_at,
        known_at=asked.past.known_at,
        filters=asked.filter.words(),
        books=books,
    )


def _names(days: Sequence[DayEvidence], of: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(getattr(each, of)) for each in days))


def _file_name(number: int, gateway: str) -> str:
    """Return the name of a gateway's log part; of its name only what any file system takes."""
    return f"log/{number}-{_UNSAFE.sub('_', gateway)[:MAX_FILE_NAME]}.jsonl.gz"


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
