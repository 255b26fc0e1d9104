"""Arrays that are packed here reach Postgres as the driver's own do."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from recon.db.packed_arrays import Blobs, Flags, Numbers, PackedArray, Texts, register
from tests.conftest import TestDatabase
from tests.support.recorder_probe import connected


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("kind", "type_", "cells"),
    [
        (Texts, "text", ["", "a", None, "ß\n\\,{}\"'", "NULL"]),
        (Blobs, "bytea", [b"", b"\x00\xff", None]),
        (Numbers, "bigint", [0, -1, None, 2**63 - 1, -(2**63)]),
        (Flags, "boolean", [True, False, None]),
        (Texts, "text", [None]),
    ],
)
def test_what_is_packed_is_read_back(
    database: TestDatabase, kind: type[PackedArray], type_: str, cells: Sequence[object]
) -> None:
    register()
    with connected(database.service_url) as raw:
        statement = {name: f"SELECT %b::{name}[]" for name in ("text", "bytea", "bigint", "boolean")}[type_]
        assert raw.execute(statement, (kind(cells),)).fetchone() == (cells,)


def test_what_no_column_holds_is_refused() -> None:
    with pytest.raises(struct.error):
        Numbers([2**63])
    with pytest.raises(UnicodeEncodeError):
        Texts(["\ud800"])
