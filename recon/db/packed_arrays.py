"""Arrays as parameters of statements, in Postgres' binary form.

They are packed here: the driver asks for the type of every element first, which costs more than a short array is worth.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from struct import Struct
from typing import ClassVar, Final, cast

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

#: One dimension, perhaps with nulls, the type of the elements, how many there are, and the first one's number.
_HEAD: Final = Struct(">iiIii").pack
_LENGTH: Final = Struct(">i").pack
_NUMBER: Final = Struct(">iq").pack
_NULL: Final = _LENGTH(-1)
_TRUE: Final = _LENGTH(1) + b"\x01"
_FALSE: Final = _LENGTH(1) + b"\x00"


class PackedArray(ABC):
    """An array of one dimension; None is null."""

    #: The type of the elements, as Postgres numbers it.
    element: ClassVar[int]

    def __init__(self, cells: Sequence[object]) -> None:
        """Pack the cells. Loops over them make no calls of our own: they are the cost of long arrays."""
        self.data: Final = _HEAD(1, 1, self.element, len(cells), 1) + b"".join(self._packed(cells))

    @abstractmethod
    def _packed(self, cells: Sequence[object]) -> list[bytes]:
        """Return the cells, each after its length."""


class Texts(PackedArray):
    """An array of texts; other cells are written as text. Errors: UnicodeEncodeError for what cannot be stored."""

    element = 25

    def _packed(self, cells: Sequence[object]) -> list[bytes]:
        return _with_lengths([None if cell is None else str(cell).encode() for cell in cells])


class Blobs(PackedArray):
    """An array of bytes."""

    element = 17

    def _packed(self, cells: Sequence[object]) -> list[bytes]:
        return _with_lengths(cast("Sequence[bytes | None]", cells))


class Numbers(PackedArray):
    """An array of bigint. Errors: struct.error for a number beyond 64 bits."""

    element = 20

    def _packed(self, cells: Sequence[object]) -> list[bytes]:
        return [_NULL if cell is None else _NUMBER(8, cell) for cell in cells]


class Flags(PackedArray):
    """An array of booleans."""

    element = 16

    def _packed(self, cells: Sequence[object]) -> list[bytes]:
        return [_NULL if cell is None else _TRUE if cell else _FALSE for cell in cells]


def _with_lengths(cells: Sequence[bytes | None]) -> list[bytes]:
    return [_NULL if cell is None else _LENGTH(len(cell)) + cell for cell in cells]


class _PackedDumper(Dumper):
    """Hands a packed array to the driver."""

    format = Format.BINARY

    def dump(self, obj: PackedArray) -> bytes:
        return obj.data


#: The type of each array, as Postgres numbers it.
_TYPES: Final[dict[type[PackedArray], int]] = {Texts: 1009, Blobs: 1001, Numbers: 1016, Flags: 1000}


@cache
def register() -> None:
    """Have the connections of this process that are opened from now on take packed arrays."""
    for kind, oid in _TYPES.items():
        psycopg.adapters.register_dumper(kind, type(f"{kind.__name__}Dumper", (_PackedDumper,), {"oid": oid}))
