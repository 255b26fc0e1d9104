"""Codes in two spellings (recon/spelling.py)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.lookups import CodesBySpelling
from recon.spelling import are_alike, plain_code, spellings

CODES = st.text("xzXZbtcusdT-._19", min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("ZUSD", "USD", True),
        ("XXBT", "XBT", True),
        ("XXBT", "BTC", True),
        ("XBT", "BTC", True),
        ("XXDG", "DOGE", True),
        ("USDt", "USDT", True),
        ("usd-t", "USDT", True),
        ("ZUSD", "XUSD", False),
        ("ZUSD", "USDT", False),
        ("XTZ", "TZ", False),
        ("ADA.S", "ADA", False),
        ("USD", "EUR", False),
    ],
)
def test_what_is_spelled_alike(one: str, other: str, *, alike: bool) -> None:
    assert are_alike((one,), (other,)) is alike
    assert are_alike((other, None), (one,)) is alike


@given(CODES)
def test_a_code_is_spelled_like_itself_in_any_capitals(code: str) -> None:
    assert plain_code(code) in spellings((code,))
    if plain_code(code):
        assert are_alike((code,), (code.swapcase(),))


@given(st.dictionaries(CODES, st.none() | CODES, max_size=8), CODES, st.none() | CODES)
def test_the_index_finds_just_the_codes_that_are_alike(
    codes: dict[str, str | None], code: str, coinapi: str | None
) -> None:
    """Whatever was noted before, and forgotten."""
    index = CodesBySpelling(dict.fromkeys(codes) | {"OLD": "USD"})
    index.forget("OLD")
    for each, known in codes.items():
        index.note(each, known)
    expected = [
        each
        for each, known in sorted(codes.items())
        if each != code
        and (
            (coinapi != known and plain_code(coinapi) == plain_code(known))
            if coinapi and known
            else are_alike((each, known), (code, coinapi))
        )
    ]
    assert index.like(code, coinapi) == expected
