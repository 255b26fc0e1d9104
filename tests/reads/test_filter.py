"""Filters: the same words for commands and addresses; what matches nothing is refused with what is nearest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.errors import ConfigError
from recon.reads.filter import NAMES, Filter, of_pairs, of_words
from recon.reconciliation.causes.registry import CAUSES

NOW = datetime(2026, 11, 28, 19, 33, 19, tzinfo=UTC)
COLUMNS = {"gateway": "gateway", "account": "accounts && {values}", "state": "state", "since": "opened_at"}


def test_several_values_of_a_name_are_alternatives_and_names_hold_together() -> None:
    asked = of_words(["state=open,assigned", "account=KRAKEN/JOHN", "account=A,B", "since=2h"])
    text, parameters = asked.condition(COLUMNS, NOW)
    assert text == (
        "accounts && CAST(:account AS text[]) AND state = ANY(CAST(:state AS text[])) AND opened_at >= :since"
    )
    assert parameters == {
        "account": ["KRAKEN/JOHN", "A,B"],  # names are not taken apart
        "state": ["open", "assigned"],
        "since": NOW - timedelta(hours=2),
    }


def test_the_name_of_a_column_finds_its_filter() -> None:
    assert of_words(["asset=SOL", "unit=BTC"]).given == {"unit": ("SOL", "BTC")}
    assert of_words(["case_id=ab"]).one("case") == "ab"


def test_all_causes_are_named_to_whoever_names_none() -> None:
    with pytest.raises(ConfigError) as refused:
        of_words(["cause=zzz"]).check_words()
    told = str(refused.value).removeprefix("there is no cause 'zzz'; there are ")
    assert told.split(", ") == sorted(CAUSES)


def test_nothing_asked_for_is_true() -> None:
    assert Filter().condition(COLUMNS, NOW) == ("true", {})
    assert of_pairs([("state", ""), ("account", "")]) == Filter()


def test_options_come_beside_words() -> None:
    assert of_words(["state=open"]).also(gateway="prod-eu", account=None) == Filter(
        gateway=("prod-eu",), state=("open",)
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["stat=open"], "there is no filter 'stat'; did you mean state?"),
        (["open"], "'open' is no filter: give name=value, such as state=open"),
        (["state="], "'state=' is no filter"),
        (["since=1d", "since=2d"], "since is given twice"),
        ([f"account={'A' * 501}"], "the value of account is too long"),
    ],
)
def test_what_is_no_filter_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        of_words(words)
    assert message in str(refused.value)


def test_a_name_that_the_list_lacks_and_a_time_that_is_none_are_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be narrowed by cause, only by account, gateway, since and state"):
        of_words(["cause=deposit"]).condition(COLUMNS, NOW)
    with pytest.raises(ConfigError, match="since=soon is no time: give one such as"):
        of_words(["since=soon"]).condition(COLUMNS, NOW)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("state=opn", "there is no state 'opn'; did you mean open?"),
        ("cause=depost", "there is no cause 'depost'; did you mean deposit?"),
        ("severity=hi", "there is no severity 'hi'; did you mean high?"),
        ("side=buy", "there is no side 'buy'; did you mean BUY?"),
        ("verdict=zzz", "there is no verdict 'zzz'; there are agreed, break, pending, stale, unmodelled, unobserved"),
    ],
)
def test_a_word_that_there_is_not_is_refused_with_the_nearest(word: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        of_words([word]).check_words()
    assert str(refused.value) == message


def test_a_list_may_have_words_of_its_own() -> None:
    asked = of_words(["state=gap"])
    asked.check_words({"state": lambda: ("covered", "gap")})
    with pytest.raises(ConfigError, match="there is no state 'gap'"):
        asked.check_words()


VALUES = st.text(st.characters(codec="utf-8", exclude_characters=",\0"), min_size=1, max_size=20)


@given(st.lists(st.tuples(st.sampled_from([name for name in NAMES if name not in {"since", "until"}]), VALUES)))
def test_an_address_and_words_give_the_filter_back(pairs: list[tuple[str, str]]) -> None:
    asked = of_pairs([(name, value.strip()) for name, value in pairs if value.strip()])
    assert of_pairs(asked.pairs()) == asked
    assert of_words(asked.words()) == asked
