#!/usr/bin/env python3
"""Check an evidence directory of recon: `python verify.py DIRECTORY`.

It needs Python 3.9 or newer, and neither recon, nor its database, nor any package. It computes again:

1. the digest of each file that the manifest names; files that it does not name are told too;
2. of each part of a log each event's digest from its content, without a gap, up to the head that closings name;
3. the digest of each closing from its document, and that the log holds the same document under both signatures;
4. that two logins signed, where two did; and that each report has as many rows as the manifest says.

Exit status: 0 all of it holds; 1 something does not, each named; 2 there is no evidence directory; 74 the answer
cannot be written; 141 nobody reads it.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import struct
import sys
from base64 import b64decode
from collections.abc import Iterator
from io import TextIOWrapper
from typing import Any

FORMAT, VERSION = "recon.evidence", 1
MANIFEST, TIME_STAMP, CLOSINGS = "manifest.json", "manifest.tsr", "closings.json"
#: Differences after which the rest is not told.
MAX_TOLD = 50
#: Bytes read at once.
PIECE = 1 << 20
#: Longest line of a log part and longest cell of a report, in characters; longer ones are refused.
MAX_LINE = 1 << 28
#: No length is -2, so nothing in the form of older logs begins like this.
MARKED = struct.pack(">i", -2)


class Differs(Exception):
    """Something is not as the manifest, the log or a signature says."""


def run(arguments: list[str]) -> int:
    """Check, and return the exit status; an answer that cannot be written is none."""
    if isinstance(sys.stdout, TextIOWrapper):
        # The name of a foreign file may be no text.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = main(arguments)
        sys.stdout.flush()
    except OSError as error:
        if error.filename is not None:
            raise
        # What is in the buffer would fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 141
        print(f"the answer cannot be written: {error.strerror}", file=sys.stderr)
        return 74
    return status


def main(arguments: list[str]) -> int:
    """Check the directory that the arguments name, and say what holds."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    directory = arguments[0]
    read = read_manifest(directory)
    if read is None:
        print(f"{directory}: there is no {MANIFEST} of recon's evidence, version {VERSION}")
        return 2
    content, manifest = read
    found = [*checks(directory, manifest)]
    for difference in found[:MAX_TOLD]:
        print(f"DIFFERS  {difference}")
    if found:
        print(f"{len(found)} {'difference' if len(found) == 1 else 'differences'}: this is not what recon wrote")
        return 1
    told(directory, manifest, content)
    return 0


def read_manifest(directory: str) -> tuple[bytes, dict[str, Any]] | None:
    """Return the manifest, as bytes and read; None where there is none that this program reads."""
    try:
        with open(os.path.join(directory, MANIFEST), "rb") as stream:
            content = stream.read()
        manifest = json.loads(content)
        known = (manifest["format"], manifest["version"]) == (FORMAT, VERSION)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (content, manifest) if known else None


def checks(directory: str, manifest: dict[str, Any]) -> Iterator[str]:
    """Yield each difference of a directory."""
    found = [*files(directory, manifest)]
    yield from found
    if found:
        return  # what the rest would say of changed files is of no use
    signed = json.load(open_text(directory, CLOSINGS))
    wanted = {(each["gateway"], seq): each for each in signed for seq in (each["seq"], each["second_seq"]) if seq}
    heads = {(each["gateway"], each["document"]["known_seq"]): each for each in signed}
    seen: set[tuple[str, int]] = set()
    for part in manifest["logs"]:
        try:
            for seq, kind, payload, digest in chain(directory, part):
                place = (part["gateway"], seq)
                if place in heads and digest != heads[place]["document"]["head"]:
                    yield f"{part['file']}: event {seq} is not the head that the closing names"
                if place in wanted:
                    seen.add(place)
                    yield from signature(wanted[place], seq, kind, payload)
        except Differs as difference:
            yield f"{part['file']}: {difference}"
    for gateway, seq in sorted(wanted.keys() - seen):
        yield f"{gateway}: the signature at event {seq} is not in the part of the log"
    for each in signed:
        yield from closing(each)
    yield from rows(directory, manifest)


def files(directory: str, manifest: dict[str, Any]) -> Iterator[str]:
    """Yield each file that is missing, changed, or not named by the manifest."""
    named = {each["name"]: each for each in manifest["files"]}
    there = set()
    for folder, _, names in os.walk(directory):
        for name in names:
            there.add(os.path.relpath(os.path.join(folder, name), directory).replace(os.sep, "/"))
    for name in sorted(named.keys() - there):
        yield f"{name} is missing"
    for name in sorted(there - named.keys() - {MANIFEST, TIME_STAMP}):
        if "__pycache__" not in name:
            yield f"{name} is not of this evidence"
    for name in sorted(named.keys() & there):
        digest = hashlib.sha256()
        with open(os.path.join(directory, name), "rb") as stream:
            while piece := stream.read(PIECE):
                digest.update(piece)
        if digest.hexdigest() != named[name]["sha256"]:
            yield f"{name} was changed"


def chain(directory: str, part: dict[str, Any]) -> Iterator[tuple[int, str, bytes, str]]:
    """Compute the chain of a log part again; yield position, kind, content and digest of each event."""
    previous, expected, before = bytes.fromhex(part["before"]), part["first_seq"], 0
    if expected == 1 and previous != hashlib.sha256(b"recon:" + part["gateway"].encode()).digest():
        raise Differs("the first event does not begin the gateway's log")
    with gzip.open(os.path.join(directory, part["file"]), "rb") as stream:
        for line in stream:
            seq, recorded, received, appended, kind, account, session, raw, redacted, readable, digest = json.loads(
                line
            )
            if seq != expected:
                raise Differs(f"event {expected} is missing")
            if recorded < before:
                raise Differs(f"the log time of event {seq} is before that of the event before it")
            payload = b64decode(raw)
            content = text(kind) + text(account) + text(session) + struct.pack(">q", received) + payload
            if appended is not None:
                content = MARKED + bytes([redacted, readable]) + struct.pack(">q", appended) + content
            leaf = hashlib.sha256(content).digest()
            previous = hashlib.sha256(previous + struct.pack(">qq", seq, recorded) + leaf).digest()
            if previous.hex() != digest:
                raise Differs(f"event {seq} does not fit its digest")
            yield seq, kind, payload, digest
            expected, before = seq + 1, recorded
    if expected != part["last_seq"] + 1 or previous.hex() != part["head"]:
        raise Differs(f"it does not end with event {part['last_seq']} and the head that the manifest names")


def text(value: str | None) -> bytes:
    """Return a text as a digest covers it."""
    if value is None:
        return struct.pack(">i", -1)
    encoded = value.encode()
    return struct.pack(">i", len(encoded)) + encoded


def signature(of: dict[str, Any], seq: int, kind: str, payload: bytes) -> Iterator[str]:
    """Yield where a signature in the log is none of this closing, or of another login."""
    what = f"{of['gateway']} {of['account']}: the signature at event {seq}"
    said = json.loads(payload) if kind == "decision" else {}
    first = seq == of["seq"]
    if said.get("action") != ("sign_close" if first else "countersign_close"):
        yield f"{what} is none"
        return
    if said.get("digest") != of["digest"] or (first and said.get("document") != of["document"]):
        yield f"{what} is of another document"
    if said.get("by", {}).get("login") != (of["signed_by"] if first else of["second_by"]):
        yield f"{what} is by another login"


def closing(of: dict[str, Any]) -> Iterator[str]:
    """Yield where a closing does not fit its digest, or one login signed twice."""
    what = f"{of['gateway']} {of['account']}"
    canonical = json.dumps(ordered(of["document"]), separators=(", ", ": "), ensure_ascii=False)
    if hashlib.sha256(canonical.encode()).hexdigest() != of["digest"]:
        yield f"{what}: the closing does not fit its digest"
    if of["second_by"] is not None and of["second_by"] == of["signed_by"]:
        yield f"{what}: one login signed twice"


def ordered(value: Any) -> Any:
    """Return a document with its keys in the order that its digest is computed in: by length, then by bytes."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return {key: ordered(value[key]) for key in keys}
    return [ordered(each) for each in value] if isinstance(value, list) else value


def rows(directory: str, manifest: dict[str, Any]) -> Iterator[str]:
    """Yield each report that has more or fewer rows than the manifest says."""
    csv.field_size_limit(MAX_LINE)
    for report in manifest["reports"]:
        with open_text(directory, report["file"]) as stream:
            count = sum(1 for _ in csv.reader(stream)) - 1
        if count != report["rows"]:
            yield f"{report['file']} has {count} row{'' if count == 1 else 's'}, and the manifest says {report['rows']}"


def open_text(directory: str, name: str) -> Any:
    """Open a file of the directory as text."""
    return open(os.path.join(directory, name), encoding="utf-8-sig", newline="")


def told(directory: str, manifest: dict[str, Any], content: bytes) -> None:
    """Say what holds."""
    for line in manifest.get("provisional", ()):
        print(f"PROVISIONAL: {line}")
    for part in manifest["logs"]:
        print(f"log {part['gateway']}: events {part['first_seq']} to {part['last_seq']}, none missing, none changed")
    with open_text(directory, CLOSINGS) as stream:
        for each in json.load(stream):
            who = " and ".join(name for name in (each["signed_by"], each["second_by"]) if name) or "nobody"
            state = "clean" if each["document"]["clean"] else "not clean"
            print(f"{each['gateway']} {each['account']} {manifest['day']}: {state}, signed by {who}")
    print(f"{len(manifest['files'])} files as written; digest of the manifest:")
    print(hashlib.sha256(content).hexdigest())
    if os.path.exists(os.path.join(directory, TIME_STAMP)):
        print("A time stamp is there. Check it with the certificates of its authority:")
        print(f"  openssl ts -verify -data {MANIFEST} -in {TIME_STAMP} -CAfile AUTHORITY.pem")


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
