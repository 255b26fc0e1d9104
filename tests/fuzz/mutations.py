"""Mutations: a seed becomes a hostile frame, by its fields, its rows, its message and its bytes.

Everything follows from the random numbers that are handed in, so a seed and a number name a frame.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

import msgspec

from recon.ems.protocol.messages import INBOUND_TYPES
from tests.fuzz.grammar import ANY, DEEP, HUGE, LONG, STRANGE, drawn
from tests.fuzz.seeds import Members, members_of

#: How many fields of a row are spoilt, by how often.
_COUNTS: Final = ((0, 15), (1, 40), (2, 25), (3, 12), (6, 8))
#: How often a message as a whole is spoilt, and how often its bytes are.
MESSAGE_SHARE: Final = 0.15
BYTES_SHARE: Final = 0.08
#: Most copies of a row in one message.
MAX_COPIES: Final = 300
#: How often rows are copied that often.
COPIES_SHARE: Final = 0.004

_TYPES: Final = (
    *(msgspec.json.encode(name) for name in sorted(INBOUND_TYPES)),
    b'"tick"',
    b'"rules"',
    b'"decision"',
    b"null",
)
_ROWS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_JUNK: Final = (
    b"\xff",
    b"\xed\xa0\x80",
    b"\x00",
    b"\xef\xbb\xbf",
    b"\xc3",
    b"\xf4\x90\x80\x80",
    b"\\",
    b'"',
    b"{",
    b"]",
    b",",
    b"\x1f",
)


@dataclass(frozen=True)
class Seed:
    """A message: its members but `data`, and the rows of `data`; a flat message has no rows."""

    head: Members
    rows: list[Members] | None
    name: str

    @property
    def flat(self) -> Members:
        """The members of its row."""
        return self.rows[0] if self.rows else self.head


def seed_of(members: Members) -> Seed:
    """Return a message in the parts that are spoilt one by one."""
    plain = dict(members)
    data = plain.get(b'"data"')
    name = plain.get(b'"type"', b"").decode("utf-8", "replace")
    if data is None or data[:1] != b"[":
        return Seed(members, None, name)
    head = [member for member in members if member[0] != b'"data"']
    rows = [members_of(bytes(row)) for row in _ROWS.decode(data) if bytes(row)[:1] == b"{"]
    return Seed(head, rows, name)


def rendered(members: Members) -> bytes:
    """Return the JSON object of members, as it would be sent."""
    return b"{" + b",".join([name + b":" + value for name, value in members]) + b"}"


class Mutator:
    """Makes hostile frames of seeds."""

    def __init__(self, seeds: list[Members]) -> None:
        self._seeds = [seed_of(each) for each in seeds]
        # Each type as often as any other, however many seeds it has.
        self._by_name: dict[str, list[Seed]] = {}
        for seed in self._seeds:
            self._by_name.setdefault(seed.name, []).append(seed)
        self._names = sorted(self._by_name)

    def frame(self, draw: random.Random) -> bytes:
        """Return a hostile frame."""
        frame = self.message(draw)
        if draw.random() < BYTES_SHARE:
            frame = spoilt_bytes(draw, frame)
        return frame

    def row(self, draw: random.Random, members: Members) -> Members:
        """Return a row with some of its fields spoilt."""
        counts, weights = zip(*_COUNTS, strict=True)
        row = list(members)
        for _ in range(draw.choices(counts, weights)[0]):
            self._spoil(draw, row)
        return row

    def _seed(self, draw: random.Random) -> Seed:
        return draw.choice(self._by_name[draw.choice(self._names)])

    def message(self, draw: random.Random) -> bytes:
        """Return a hostile message; its bytes are as a JSON writer writes them."""
        seed = self._seed(draw)
        if seed.rows is None:
            members = self.row(draw, seed.head)
        else:
            head = self.row(draw, seed.head) if draw.random() < 0.1 else list(seed.head)
            members = [*head, (b'"data"', self._rows(draw, seed.rows))]
        if draw.random() < MESSAGE_SHARE:
            self._spoil_message(draw, members)
        return rendered(members)

    def _rows(self, draw: random.Random, rows: list[Members]) -> bytes:
        """Return a list of rows: spoilt, left out, repeated, in another order, or far too many."""
        chosen = [self.row(draw, row) for row in rows]
        if len(chosen) > 1 and draw.random() < 0.3:
            draw.shuffle(chosen)
        if chosen and draw.random() < 0.3:
            chosen.append(self.row(draw, draw.choice(chosen)))
        if chosen and draw.random() < 0.2:
            chosen.pop(draw.randrange(len(chosen)))
        parts = [rendered(row) for row in chosen]
        if draw.random() < 0.05:
            parts.insert(draw.randrange(len(parts) + 1), draw.choice(ANY))
        if parts and draw.random() < COPIES_SHARE:
            parts *= draw.randrange(2, MAX_COPIES)
        return b"[" + b",".join(parts) + b"]"

    def _spoil(self, draw: random.Random, row: Members) -> None:
        """Spoil one field of a row, in place."""
        if not row:
            return
        place = draw.randrange(len(row))
        name, value = row[place]
        match draw.randrange(10):
            case 0:
                row.pop(place)
            case 1:
                row.insert(draw.randrange(len(row) + 1), (name, drawn(draw, _field(name))))
            case 2:
                row[place] = (name, draw.choice(self._seed(draw).flat or row)[1])
            case 3:
                row[place] = (
                    name,
                    draw.choice((b"[" + value + b"]", b'"' + value.strip(b'"') + b'"', b'{"a":' + value + b"}")),
                )
            case 4:
                row.append(draw.choice(self._seed(draw).flat or row))
            case _:
                row[place] = (name, drawn(draw, _field(name)))

    def _spoil_message(self, draw: random.Random, members: Members) -> None:
        """Spoil the envelope of a message, in place."""
        match draw.randrange(6):
            case 0:
                _replace(members, b'"type"', draw.choice((*_TYPES, *STRANGE, LONG[0], HUGE[0])))
            case 1:
                _replace(members, b'"data"', draw.choice((*ANY, *DEEP)))
            case 2:
                whole = rendered(members)
                members.append((b'"data"', draw.choice((whole, b"[" + whole + b"]", b"[[" + whole + b"]]"))))
            case 3:
                _replace(members, b'"exchange_id"', drawn(draw, "exchange_id"))
            case 4:
                members.insert(0, draw.choice(self._seed(draw).head))
            case _:
                draw.shuffle(members)


def _field(name: bytes) -> str:
    return name.strip(b'"').decode("utf-8", "replace")


def _replace(members: Members, name: bytes, value: bytes) -> None:
    members[:] = [member for member in members if member[0] != name]
    members.append((name, value))


def spoilt_bytes(draw: random.Random, frame: bytes) -> bytes:
    """Return a frame with its bytes spoilt: cut off, flipped, joined, or written in another way."""
    place = draw.randrange(len(frame) + 1)
    match draw.randrange(9):
        case 0:
            return frame[:place]
        case 1:
            return frame[place:]
        case 2:
            spoilt = bytearray(frame)
            for _ in range(draw.randrange(1, 5)):
                spoilt[draw.randrange(len(spoilt))] = draw.randrange(256)
            return bytes(spoilt)
        case 3:
            return frame[:place] + draw.choice(_JUNK) + frame[place:]
        case 4:
            return b"\xef\xbb\xbf" + frame
        case 5:
            return b" \n\t" * draw.randrange(1, 50) + frame + b"\r\n"
        case 6:
            return frame + draw.choice((b"", b",", b"\n")) + frame
        case 7:
            return frame.decode("utf-8", "replace").encode("utf-16")
        case _:
            return draw.randbytes(draw.randrange(200))
