"""recon/reads/check/document.py, rules 1 to 3, and what is material."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.reads.check.document import (
    EXIT_STATUS,
    MAX_LISTED,
    Asked,
    Document,
    OpenBreak,
    Unseen,
    answer,
    could_not_run,
    counts,
    is_material,
    schema,
)

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
HIDDEN = Unseen(what="nothing", reason="no account was ever seen")


def broken(number: int = 1, *, counting: bool = True) -> OpenBreak:
    return OpenBreak(
        id=f"{number:024x}",
        case_id="ca5e",
        gateway="g",
        account="A",
        unit_kind="asset",
        unit="BTC",
        cause="unexplained",
        certainty="candidate",
        severity=None,
        state="open" if counting else "accepted",
        amount="-0.1",
        amount_usd=None,
        opened_at=NOW,
        origin_at=None,
        accepted_until=None,
        material=True,
        counts=counting,
    )


def told(breaks: Sequence[OpenBreak] = (), unseen: Sequence[Unseen] = ()) -> Document:
    return answer(Asked(), NOW, logs=[], accounts=1, units={"agreed": 2}, breaks=breaks, unseen=unseen)


def test_rules_1_and_2_a_break_that_counts_goes_before_what_is_not_seen() -> None:
    assert told().status == "clean"
    assert told([broken()], [HIDDEN]).status == "breaks"
    assert told([broken(counting=False)], [HIDDEN]).status == "not_covered"
    assert told([broken(counting=False)]).status == "clean"
    assert [told().exit_status, told([broken()]).exit_status, told(unseen=[HIDDEN]).exit_status] == [0, 1, 2]
    assert could_not_run("why", NOW).exit_status == 3


@pytest.mark.parametrize("material", [True, False])
def test_rule_3_what_is_accepted_never_counts(material: bool) -> None:
    assert not any(counts(level, "accepted", material=material) for level in ("any", "material", "none"))
    assert counts("any", "proposed", material=material)
    assert counts("material", "open", material=material) is material
    assert not counts("none", "open", material=material)


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**9), max_value=10**9)))
def test_a_case_is_material_above_the_limit_by_the_sizes_of_its_legs_whatever_their_signs(sizes: list[Decimal]) -> None:
    total = sum((abs(size) for size in sizes), Decimal(0))
    assert not is_material(sizes, total)
    assert is_material([*sizes, Decimal("1e-12")], total)
    assert is_material([*sizes, None], total + 1), "of no known rate: it may be worth anything"


def test_a_long_list_is_cut_off_where_it_says_and_what_counts_comes_first() -> None:
    document = told([*(broken(number, counting=False) for number in range(MAX_LISTED)), broken(MAX_LISTED)])
    assert document.breaks[0].counts
    assert len(document.breaks) == MAX_LISTED
    assert document.left_out.breaks == 1
    assert document.counts.open_breaks == MAX_LISTED + 1
    many = told(unseen=[HIDDEN] * (MAX_LISTED + 5))
    assert (len(many.unseen), many.left_out.unseen, many.counts.unseen) == (MAX_LISTED, 5, MAX_LISTED + 5)


@pytest.mark.parametrize("document", [told([broken()], [HIDDEN]), told(), could_not_run("no", NOW)])
def test_each_document_is_one_of_its_schema(document: Document) -> None:
    found = json.loads(msgspec.json.encode(document))
    jsonschema.Draft202012Validator(schema()).validate(found)
    assert found["exit_status"] == EXIT_STATUS[document.status]
    wrongs: list[dict[str, object]] = [{"status": "fine"}, {"exit_status": "0"}, {"breaks": [{}]}]
    for wrong in wrongs:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(schema()).validate(found | wrong)
