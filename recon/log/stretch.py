"""A stretch of a log that is archived: which events, in which file, with which digests. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from recon.log.chain_check import Start
from recon.times import microseconds


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A gapless part of one log as one file.

    `before` and `head` are the digests before its first event and of its last, in hex; `first_at` and `last_at` their
    log times. `revision` is the version of the schema that the events were read from. `size`, in bytes, and `sha256`
    are the file's.
    """

    gateway: str
    first_seq: int
    last_seq: int
    first_at: datetime
    last_at: datetime
    before: str
    head: str
    revision: str
    file: str
    size: int
    sha256: str

    @property
    def events(self) -> int:
        """Return how many events it holds."""
        return self.last_seq - self.first_seq + 1

    @property
    def start(self) -> Start:
        """Return where the chain goes on after it."""
        return Start(self.last_seq, bytes.fromhex(self.head), microseconds(self.last_at))


def encode_stretch(stretch: Stretch) -> str:
    """Return what the database records of a stretch."""
    return msgspec.json.encode(stretch).decode()


def decode_stretch(text: str) -> Stretch | None:
    """Return what the database recorded of a stretch; None where it is none."""
    try:
        return msgspec.json.decode(text, type=Stretch)
    except msgspec.DecodeError:
        return None
