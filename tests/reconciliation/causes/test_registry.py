"""The records of the causes: complete, in their published order, and in agreement with what they refer to."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from recon.cli.commands.record import Kind
from recon.ledger.facts.external_fact import MISSED_FILL, MovementKind
from recon.reconciliation import causes
from recon.reconciliation.causes.cause import Cause
from recon.reconciliation.causes.registry import CAUSES, floor_of, replaceable_causes

DOCUMENT = Path(__file__).parents[3] / "recon/docs/architecture.md"
#: Codes that stand in the logs, alerts and views of users. New codes may stand between them; none is ever removed.
PUBLISHED = [
    "in_flight", "stale_source", "inconsistent_report", "amount_regression", "overfill", "missed_fill_gap",
    "missed_fill", "external_order", "fee_expected", "fee_variance", "fee_third_asset", "rebate", "funding",
    "interest", "reward", "conversion", "deposit", "withdrawal", "transfer", "liquidation", "adl", "expiry",
    "unit_or_side", "rounding", "dust", "unmapped", "unexplained",
]  # fmt: skip


def test_published_codes_stay_and_keep_their_order() -> None:
    assert [code for code in CAUSES if code in PUBLISHED] == PUBLISHED


def test_every_family_stands_in_the_registry_and_no_code_twice() -> None:
    modules = [import_module(f"{causes.__name__}.{module.name}") for module in pkgutil.iter_modules(causes.__path__)]
    families = [module.CAUSES for module in modules if isinstance(getattr(module, "CAUSES", None), tuple)]
    records: list[Cause] = [cause for family in families for cause in family]
    assert len({cause.code for cause in records}) == len(records)
    assert all(CAUSES.get(cause.code) is cause for cause in records)


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)
def test_a_record_is_complete(cause: Cause) -> None:
    assert cause.meaning
    assert cause.code == cause.code.lower()


@pytest.mark.parametrize("cause", [cause for cause in CAUSES.values() if cause.advice], ids=lambda cause: cause.code)
def test_advice_names_a_command_that_exists(cause: Cause) -> None:
    advice = cause.advice or ""
    if "{record}" in advice:
        assert cause.booked_as in set(Kind)
    assert ("recon import" in advice) == ("{place}" in advice), "with several gateways it needs to be told which"


def test_the_architecture_document_lists_every_cause_in_order() -> None:
    section = DOCUMENT.read_text(encoding="utf-8").split("**4.7 Causes.**")[1].split("**4.8")[0]
    assert re.findall(r"`([a-z_]+)`", section) == list(CAUSES)


def test_a_cause_that_a_person_named_has_no_floor() -> None:
    assert floor_of("lost_in_the_post") == "info"
    assert floor_of("unit_or_side") == "critical"


@pytest.mark.parametrize(
    ("posted", "replaced"),
    [
        ("deposit", "deposit transfer withdrawal"),
        ("fee", "fee fee_expected fee_third_asset fee_variance rebate"),
        ("reward", "interest reward"),
        ("funding", "funding"),
        ("missed_fill", "external_order missed_fill missed_fill_gap"),
        ("adjustment", "adjustment"),
    ],
)
def test_a_fact_replaces_entries_of_the_causes_that_it_documents(posted: str, replaced: str) -> None:
    assert replaceable_causes(posted) >= set(replaced.split())


def test_families_of_facts_do_not_overlap() -> None:
    families = [replaceable_causes(posted) for posted in ("deposit", "fee", "reward", "funding", "missed_fill")]
    assert sum(map(len, families)) == len(frozenset.union(*families))


def test_every_cause_that_a_fact_documents_names_a_kind_of_fact() -> None:
    for cause in CAUSES.values():
        assert cause.booked_as is None or cause.booked_as in {*get_args(MovementKind), MISSED_FILL}
