"""Every format against the one table of examples, and what holds for all numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.display import ages, figures, ids, shapes, words, worth
from recon.exact import plain
from recon.reconciliation.model.break_ import BreakState
from recon.reconciliation.model.verdict import Verdict
from tests.display import examples

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40)


@pytest.mark.parametrize(("value", "scale", "signed", "text", "raw"), examples.FIGURES)
def test_a_figure(value: Decimal | None, scale: int, signed: bool, text: str, raw: str) -> None:
    assert figures.figure(value, scale, signed=signed).text == text
    assert figures.figure(value, scale, signed=signed, raw=True).text == raw


@given(DECIMALS, st.integers(0, 30))
def test_a_figure_is_the_number_but_for_separators(value: Decimal, scale: int) -> None:
    text = figures.figure(value, scale, signed=True).text
    assert Decimal(text.replace(",", "")) == value
    assert plain(Decimal(figures.figure(value, raw=True).text)) == plain(value)


@pytest.mark.parametrize(("values", "scale"), examples.SCALES)
def test_the_scale_of_a_unit(values: Sequence[Decimal | None], scale: int) -> None:
    assert figures.scale_of(values) == scale


@given(st.lists(DECIMALS | st.none(), min_size=1, max_size=6))
def test_points_are_in_one_place(values: list[Decimal | None]) -> None:
    shown = [figures.figure(value, figures.scale_of([value]), signed=True) for value in values]
    lines = figures.aligned(shown)
    assert len({len(line) for line in lines}) == 1
    ends = {line.index(each.whole) + len(each.whole) for line, each in zip(lines, shown, strict=True)}
    assert len(ends) == 1


def test_a_sum_that_is_written_out_has_its_decimals_where_it_is_zero() -> None:
    assert figures.padded(Decimal(0), 3).text == "0.000"
    assert figures.padded(Decimal("0.2"), 3, signed=True).text == "+0.200"
    assert figures.padded(None, 3).text == "-"
    assert figures.amount(Decimal("0.2"), "ETH", 3) == "+0.200 ETH"


@pytest.mark.parametrize(("usd", "signed", "text", "sentence"), examples.WORTHS)
def test_a_worth(usd: Decimal | None, signed: bool, text: str, sentence: str) -> None:
    assert worth.worth_figure(usd, signed=signed).text == text
    assert worth.worth(usd, signed=signed) == sentence


@pytest.mark.parametrize(("percent", "text"), examples.SHARES)
def test_a_share(percent: Decimal | None, text: str) -> None:
    assert worth.share(percent) == text


@pytest.mark.parametrize(("length", "one", "two"), examples.AGES)
def test_an_age(length: timedelta | None, one: str, two: str) -> None:
    assert ages.age(length) == one
    assert ages.age(length, units=2) == two


@pytest.mark.parametrize(("length", "text"), examples.DURATIONS)
def test_a_duration(length: timedelta | None, text: str) -> None:
    assert ages.duration(length) == text


@pytest.mark.parametrize(("length", "text"), examples.SKEWS)
def test_a_skew(length: timedelta | None, text: str) -> None:
    assert ages.skew(length) == text


@pytest.mark.parametrize(("at", "today", "exact", "text"), examples.TIMES)
def test_a_time(at: datetime | None, today: datetime | None, exact: bool, text: str) -> None:
    assert ages.time_of_day(at, today, exact=exact) == text


def test_a_moment_has_date_and_zone() -> None:
    assert ages.moment(examples.NOW) == "2026-11-28 19:33:19 UTC"
    assert ages.moment(examples.NOW, exact=True) == "2026-11-28 19:33:19.123 UTC"
    assert ages.moment(None) == "-"


@pytest.mark.parametrize(("shown", "known", "beginnings"), examples.IDS)
def test_short_ids(shown: list[str], known: list[str], beginnings: list[str]) -> None:
    assert [ids.short_ids(shown, known)[each] for each in shown] == beginnings


@given(st.sets(st.text("ab", min_size=12, max_size=16), max_size=30))
def test_a_short_id_is_the_beginning_of_one_id_only(full: set[str]) -> None:
    for each, short in ids.short_ids(full).items():
        assert short == each or [other for other in full if other.startswith(short)] == [each]


@pytest.mark.parametrize(("word", "glyph", "ascii_", "css", "tone"), examples.STATES)
def test_the_shape_of_a_state(word: str, glyph: str, ascii_: str, css: str, tone: str) -> None:
    shape = shapes.shape_of(word)
    assert (shape.glyph, shape.ascii, shape.css, shape.tone) == (glyph, ascii_, css, tone)
    assert shape.ascii.isascii()


def test_every_state_of_the_books_has_a_shape() -> None:
    coverage = ("covered", "gap", "catching_up", "unresolved")
    known = [*get_args(BreakState), *get_args(Verdict), "unmodelled", "stale", *coverage]
    assert [word for word in known if shapes.shape_of(word) is shapes.NONE] == []


def test_a_count_has_separators_and_its_noun() -> None:
    assert figures.count(1205) == "1,205"
    assert figures.count(None) == "-"
    assert [words.counted(number, "case") for number in (0, 1, 1205)] == ["0 cases", "1 case", "1,205 cases"]
    assert words.counted(2, "entry", "entries") == "2 entries"


def test_what_does_not_print_is_written_out() -> None:
    assert words.safe("a\x1b[31mb\n\u202e") == "a\\x1b[31mb\\n\\u202e"
