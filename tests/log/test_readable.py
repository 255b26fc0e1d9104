"""The rule of `readable`, written twice: verify's own agrees with the database's on whatever comes in."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.db.engine import libpq_url
from recon.log.readable import SURE_DEPTH, is_readable
from tests.conftest import TestDatabase
from tests.support.properties import steady

pytestmark = pytest.mark.postgres

HOSTILE = [
    b"",
    b" ",
    b"null",
    b" \t\r\n1 \n",
    b"\x0b1",
    b"\x0c1",
    b"\xc2\xa01",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xc0\x80",
    b"\xf4\x90\x80\x80",
    b'"\x00"',
    b"1\x00",
    b'"\x1f"',
    b'"\x7f"',
    b'"\n"',
    b'"\\x41"',
    b"'a'",
    b"NaN",
    b"[NaN]",
    b"Infinity",
    b"-Infinity",
    b"-",
    b"-0",
    b"+1",
    b"01",
    b"1.",
    b".5",
    b"1e",
    b"1e+",
    b"1E+05",
    b"0x10",
    b"1_000",
    "\u0661".encode(),
    b"[1,]",
    b"{,}",
    b'{"a":1,}',
    b"{1:2}",
    b'{"a" 1}',
    b"[1 2]",
    b"[1]]",
    b"[] []",
    b"tru",
    b"True",
    b"truex",
    b"nulll",
    b'{"a":1,"a":2}',
    b'{"a":"\\u0000","a":1}',
    b'{"\\u0000":1}',
    b'"\\u0000"',
    b'"\\\\u0000"',
    b'"\\\\\\u0000"',
    b'"\\u00"',
    b'"\\uZZZZ"',
    b'"\\U0041"',
    b'"\\u00e9"',
    b'"\\ud83d\\ude00"',
    b'"\\ud83d"',
    b'"\\ude00"',
    b'"\\ude00\\ud83d"',
    b'"\\ud83d \\ude00"',
    b'"\\ud83d\\ud83d\\ude00"',
    b'"\\ud83d\\n"',
    b'"\\ud83d\\u0041"',
    b'["\\ud83d","\\ude00"]',
    b'"\\ud83d\\\\ude00"',
    b"9" * 5000,
    b"1e999999999999999999999",
    b"[" * SURE_DEPTH + b"]" * SURE_DEPTH,
    b'{"a":' * SURE_DEPTH + b"1" + b"}" * SURE_DEPTH,
    b'"' + b"[" * 5 * SURE_DEPTH + b'"',
]
#: With an escape beside them, numbers must be ones that jsonb holds.
NUMBERS = [
    "1e131071", "1e131072", "9.9e131071", "10e131071", "0.1e131072", "0.01e131074", "0e131072", "0e1073741822",
    "0e1073741824", "0e-16383", "0e-16384", "1e-16383", "1e-16384", "1.5e-16382", "1.5e-16383",
    "0." + "0" * 16382 + "1", "0." + "0" * 16383 + "1", "1." + "0" * 16384, "1." + "0" * 16384 + "e1",
    "1e0000000000000000001", "1e-00000000000000001", "1e99999999999999999999", "0e99999999999999999999",
    "1e-99999999999999999999", "-1e131072", "-0", "-0.0e5", "9" * 131072, "9" * 131073, "1" + "0" * 131071 + "e-1",
    "1" + "0" * 131072 + "e-1",
]  # fmt: skip


#: Pieces of JSON and of what is nearly JSON.
PIECES = [
    "{", "}", "[", "]", ",", ":", '"', "\\", "\\u", "\\u0000", "\\ud83d", "\\ude00", "\\n", "/", " ", "\n", "\t", "\r",
    "\x00", "\x0b", "\x1f", "\x85", "\xa0", "\u2028", "\ufeff", "null", "true", "false", "NaN", "Infinity", "-", "+",
    ".", "e", "E", "0", "1", "007", "12.5e-3", "1e400000", "ü", "😀", '"a"', '"a":', "[]", "{}", "u", "d83d", "'",
    "\u0661",
]  # fmt: skip


REPORT = '{"type":"É","amount":-0.0450e+3,"n":[10,{"é\\n":"\\\\ 😀"},null,true],"time":"x"}'.encode()


@pytest.fixture
def judge(database: TestDatabase) -> Iterator[psycopg.Connection]:
    with psycopg.connect(libpq_url(database.owner_url), autocommit=True) as connection:
        yield connection


def by_database(judge: psycopg.Connection, payloads: list[bytes]) -> list[bool]:
    """Return what the database says of each payload; alone and in a batch it says the same."""
    row = judge.execute(
        "SELECT ARRAY(SELECT recon_store.is_readable(p) FROM unnest(%b::bytea[]) WITH ORDINALITY AS u(p, n)"
        " ORDER BY n), recon_store.are_readable(%b::bytea[])",
        (payloads, payloads),
    ).fetchone()
    assert row is not None
    assert row[0] == row[1]
    return list(row[0])


def test_hostile_payloads_are_judged_as_the_database_judges_them(judge: psycopg.Connection) -> None:
    numbers = [
        text.format(number).encode() for number in NUMBERS for text in ('["\\u0041",{}]', "[{}]", '{{"\\\\u":{}}}')
    ]
    payloads = HOSTILE + numbers
    for payload, said in zip(payloads, by_database(judge, payloads), strict=True):
        assert is_readable(payload) is said, payload[:100]


def test_what_depends_on_the_server_s_version_is_left_open(judge: psycopg.Connection) -> None:
    assert is_readable(b'["\\u0041",0e1073741823]') is None
    assert is_readable(b"[0e1073741823]") is by_database(judge, [b"[0e1073741823]"])[0] is True


def test_what_depends_on_the_server_s_stack_is_left_open(judge: psycopg.Connection) -> None:
    deep = [b"[" * depth + b"]" * depth for depth in (SURE_DEPTH + 1, 2000, 200_000)]
    assert [is_readable(payload) for payload in deep] == [None, None, None]
    assert by_database(judge, deep) == [True, True, False]


def test_any_mixture_is_judged_as_the_database_judges_it(judge: psycopg.Connection) -> None:
    text = st.one_of(
        st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
        st.lists(st.sampled_from(PIECES), max_size=8).map(lambda pieces: '["' + "".join(pieces) + '"]'),
        st.lists(st.sampled_from(PIECES), max_size=4).map(lambda pieces: '{"k":[' + "".join(pieces) + "]}"),
    ).map(lambda pieces: pieces.encode("utf-8"))
    # One byte of a readable payload changed: whatever a quick parser might overlook inside a string or a number.
    spoiled = st.tuples(st.integers(0, len(REPORT) - 1), st.binary(max_size=2)).map(
        lambda change: REPORT[: change[0]] + change[1] + REPORT[change[0] + 1 :]
    )

    @steady(300)
    @given(st.lists(st.one_of(text, spoiled, st.binary(max_size=6)), min_size=1, max_size=20))
    def judged_alike(payloads: list[bytes]) -> None:
        assert [is_readable(payload) for payload in payloads] == by_database(judge, payloads)

    judged_alike()
