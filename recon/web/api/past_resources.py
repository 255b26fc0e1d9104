"""What the read API has of a past time: functions and SQL of two times, with the columns that are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from recon.errors import ConfigError
from recon.nearest import listed
from recon.reads import past_views
from recon.reads.as_of import ARGUMENTS, KNOWN, NOW, VALID, AsOf, of_texts
from recon.web.api.resources import RESOURCES, Resource
from recon.web.api.values import Column, columns_of

_BY_NAME: Final = {each.name: each for each in RESOURCES}


def _past(
    name: str, *, sql: str = "", lacks: Sequence[str] = (), has: str = "", unfiltered: Sequence[str] = ()
) -> Resource:
    """Return a resource of a past time: without the columns and filters that are not kept, with others in `has`.

    `sql` is what it reads, where schema `recon_exact` has no function of its name.
    """
    now = _BY_NAME[name]
    kept = {key: column for key, column in now.columns.items() if key not in lacks}
    more: dict[str, Column] = columns_of(has) if has else {}
    return msgspec.structs.replace(
        now,
        summary=f"{now.summary}, as of a past time",
        source=f"({sql})" if sql else f"recon_exact.{name}_as_of{ARGUMENTS}",
        columns={**kept, **more},
        filters={key: text for key, text in now.filters.items() if key not in unfiltered},
    )


PAST: Final = {
    each.name: each
    for each in (
        _past(
            "breaks",
            lacks=(
                "certainty", "amount_usd", "note", "candidates", "owns_residual", "offset_by", "rules_version",
                "assignee", "evidence", "tried", "proposal", "accepted_until", "accepted_amount", "severity",
                "explained_amount", "gap",
            ),
            has="""
                origin_at time?, after_seq int?, until_seq int?, seq int, at time, event text, reason text,
                actor text?""",
            unfiltered=("certainty", "severity", "who"),
        ),
        _past(
            "units",
            lacks=("in_flight", "rate_usd", "inferred", "agreed_source", "agreed_source_at"),
            has="fills decimal?, explained decimal?, venue_account text?",
        ),
        _past("coverage", sql=f"SELECT v.* FROM recon.coverage_as_of{ARGUMENTS} AS v", lacks=("recovery",)),  # noqa: S608 - ours
        _past("orders", has="status text?, last_seq int?, updated_at time?, open bool, changed_since bool"),
        _past("fills"),
        _past("cases", sql=past_views.CASES, lacks=("amount_usd", "severity"), unfiltered=("severity",)),
        _past("observations", sql=past_views.OBSERVATIONS),
        _past("source_checks", sql=past_views.SOURCE_CHECKS),
        _past(
            "accounts",
            sql=past_views.ACCOUNTS,
            lacks=(
                "last_alive_at", "clock_skew", "since", "open_orders_unaccounted", "unaccounted_orders",
                "venue_account", "catch_up", "stamp_resolution", "venue_ahead",
            ),
            has="from_time time",
        ),
        _past(
            "gateways",
            sql=past_views.GATEWAYS,
            lacks=(
                "session", "connected_at", "projected_seq", "lag_events", "url", "edition", "fold_version", "recorder",
                "recorder_login", "recorder_since",
            ),
        ),
        _past("events", sql=past_views.EVENTS),
        _past("alerts", sql=past_views.ALERTS),
    )
}  # fmt: skip


def resource_of(
    resource: Resource, pairs: Iterable[tuple[str, str]], now: datetime
) -> tuple[Resource, AsOf, list[tuple[str, str]]]:
    """Return the resource of the time that an address asks for, that time, and what else is asked.

    Errors: ConfigError for what is no time of the past, and where the resource has none.
    """
    given = list(pairs)
    texts = {name: [value for key, value in given if key == name] for name in (VALID, KNOWN)}
    for name, values in texts.items():
        if len(values) > 1:
            raise ConfigError(f"{name} is given twice; give one time")
    valid, known = (next(iter(texts[name]), None) for name in (VALID, KNOWN))
    as_of = of_texts(valid, known, now)
    others = [(name, value) for name, value in given if name not in texts]
    if not as_of.is_past:
        return resource, NOW, others
    if resource.name not in PAST:
        raise ConfigError(
            f"{resource.name} are of past days already, each with the log positions that it was signed at;"
            f" {listed(sorted(PAST))} can be of a past time"
        )
    return PAST[resource.name], as_of, others
