# ruff: noqa: S608 - names of our own
"""A login that is limited to some accounts: what each view and each function of schema `recon` shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, cast

import psycopg
import pytest

from recon.db.engine import create_engine, libpq_url
from recon.db.limits import Pattern, lift, limit
from recon.db.roles import ANALYST
from recon.simulator.scenarios import demo_plan
from tests.conftest import TestDatabase
from tests.support.database_days import write_day
from tests.support.limited_rows import write_rows
from tests.support.logins import login_of

pytestmark = pytest.mark.postgres

#: The gateway of the simulated day, one of its accounts, and another one.
DAY, MINE, OTHERS = "prod-eu", "KRAKEN/JOHN", "BINANCE"
#: Views that show a limited login rows of no account: its own limits, and how large the log is.
OWN: Final = frozenset({"limits", "limit_changes", "log_partitions"})
#: Views of limits, or with rows of several accounts or of none in them: what a row is of is not in its column account.
OF_SEVERAL: Final = frozenset({"limits", "limit_changes", "heartbeats", "approvals"})
#: What nobody may find who sees `MINE` alone: the other accounts of both gateways, and the other gateway.
HIDDEN: Final = (OTHERS, "BITMEX", "prod-us", "DERIBIT", "COINBASE")
#: Columns that change while a test runs, because they are counted until now.
BY_NOW: Final = "'{age,business_age,elapsed,covered,dead,unknown,covered_share,whole,lasted}'::text[]"
#: Functions whose answer is of a gateway: it is the same for whoever sees an account of it.
TOLD_BY_GATEWAY: Final = frozenset({"seq_at", "log_at", "log_as_of"})

_VIEWS: Final = """
    SELECT n.nspname || '.' || c.relname,
           EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'account')
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('recon', 'recon_exact') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND has_table_privilege('recon_analyst', c.oid, 'SELECT') ORDER BY 1
"""
_FUNCTIONS: Final = """
    SELECT n.nspname || '.' || p.proname, p.proargnames[1:p.pronargs]
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    -- What is immutable reads nothing.
    WHERE n.nspname IN ('recon', 'recon_exact') AND p.provolatile <> 'i'
      AND has_function_privilege('recon_analyst', p.oid, 'EXECUTE') ORDER BY 1
"""
#: A value for each argument that a function of schema `recon` takes. What takes none of a past time has the last one.
ARGUMENTS: Final = {
    "valid_at": "now()", "known_at": "now()", "from_at": "'2000-01-01Z'::timestamptz", "to_at": "now()",
    "gateway": "'{gateway}'", "account": "'{account}'", "at": "now()", "seq": "3::bigint",
    "known_seq": "9223372036854775807::bigint",
    "p_gateway": "'{gateway}'", "p_edition": "1", "p_account": "'{account}'", "p_unit_kind": "'asset'",
    "p_unit": "'USDT'", "p_at": "now()", "p_valid_at": "now()", "p_known_at": "now()",
    "p_from_at": "'2000-01-01Z'::timestamptz", "p_to_at": "now()",
}  # fmt: skip
#: What a function says to who sees nothing; where it is not listed, it has no row.
NOTHING: Final[dict[str, list[tuple[object, ...]]]] = {
    "sees": [(False,)],
    "seq_at": [(0,)],
    "log_at": [(None, None)],
    "rules_document": [(None,)],
    "entry_near": [(0,)],
    "entries_learned": [([],)],
    "unit_as_of": [(None, None, "nothing was known of it by then")],
}


class World(NamedTuple):
    """A database with a day of several accounts and the days that are known by heart, and three logins."""

    database: TestDatabase
    #: Sees all; sees one account of the simulated day; sees none that there is.
    free: str
    mine: str
    none: str


@pytest.fixture(scope="module")
def world(database_of_module: TestDatabase) -> Iterator[World]:
    database = database_of_module
    write_day(database.service_url, demo_plan(7, 30.0))
    with psycopg.connect(libpq_url(database.superuser_url)) as admin:
        write_rows(admin, DAY, (MINE, OTHERS))
    with (
        login_of(database, "mine", ANALYST) as mine,
        login_of(database, "none", ANALYST) as none,
        login_of(database, "free", ANALYST) as free,
    ):
        owner = create_engine(database.owner_url, "tests", pooled=False)
        limit(owner, _name(mine), [Pattern(DAY, MINE)], "a test")
        limit(owner, _name(none), [Pattern("*", "NOBODY/*"), Pattern("other-*", "*")], "a test")
        yield World(database, free, mine, none)
        for url in (mine, none):
            lift(owner, _name(url), "the test is over")


def _name(url: str) -> str:
    return url.split("//")[1].split("@", maxsplit=1)[0]


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(libpq_url(url)) as raw:
        return raw.execute(statement.encode()).fetchall()


def views(world: World) -> list[tuple[str, bool]]:
    return [(str(name), bool(by_account)) for name, by_account in rows(world.database.superuser_url, _VIEWS)]


def short(name: str) -> str:
    return name.split(".")[1]


def shown(url: str, view: str, where: str = "true") -> list[str]:
    """Return the rows of a view as JSON, in an order of their own."""
    found = rows(url, f"SELECT (to_jsonb(v) - {BY_NOW})::text FROM {view} AS v WHERE {where} ORDER BY 1")
    return [str(row[0]) for row in found]


def call(name: str, arguments: list[str], gateway: str, account: str) -> str:
    given = ", ".join(ARGUMENTS[each].format(gateway=gateway, account=account) for each in arguments)
    return f"SELECT * FROM {name}({given})"


def functions(world: World) -> list[tuple[str, list[str]]]:
    return [(str(name), cast("list[str]", names)) for name, names in rows(world.database.superuser_url, _FUNCTIONS)]


def test_who_sees_no_account_sees_no_row_of_any_view(world: World) -> None:
    for view, _ in views(world):
        assert shown(world.free, view), f"{view} is empty for all, so it shows nothing here: give it a row"
        if short(view) not in OWN:
            assert not shown(world.none, view), view


def test_who_sees_one_account_sees_all_of_it_and_nothing_of_another(world: World) -> None:
    place = f"gateway = '{DAY}' AND account = '{MINE}'"
    for view, by_account in views(world):
        found = shown(world.mine, view)
        if short(view) not in OWN:
            assert not [row for row in found if any(name in row for name in HIDDEN)], view
        if by_account and short(view) not in OF_SEVERAL:
            assert sorted(found) == sorted(row for row in shown(world.free, view, place)), view


def test_a_function_shows_who_sees_no_account_nothing(world: World) -> None:
    for name, arguments in functions(world):
        asked = call(name, arguments, DAY, OTHERS)
        assert rows(world.free, asked), name
        assert [row[:3] for row in rows(world.none, asked)] == NOTHING.get(short(name), []), name


def test_a_function_shows_one_account_alone(world: World) -> None:
    for name, arguments in functions(world):
        if short(name) not in TOLD_BY_GATEWAY:
            asked = call(name, arguments, DAY, OTHERS)
            found = rows(world.mine, f"SELECT to_jsonb(f)::text FROM ({asked}) AS f")
            assert not [row for row in found if any(each in str(row[0]) for each in HIDDEN)], name
            if any(each.endswith("account") for each in arguments):
                assert [row[:3] for row in rows(world.mine, asked)] == NOTHING[short(name)], name


def test_functions_of_the_past_agree_with_who_sees_all(world: World) -> None:
    for name in ("units_as_of", "breaks_as_of", "coverage_as_of", "entries_as_of", "fills_as_of", "orders_as_of"):
        asked = f"SELECT to_jsonb(f)::text FROM recon.{name}('2100-01-01Z', '2100-01-01Z') AS f"
        place = f"WHERE f.gateway = '{DAY}' AND f.account = '{MINE}'"
        assert sorted(rows(world.mine, asked)) == sorted(rows(world.free, f"{asked} {place}")) != [], name


def test_what_is_of_the_whole_gateway_is_told_to_who_sees_an_account_of_it(world: World) -> None:
    end = f"SELECT name, head_seq, projected_seq, last_event_at, state FROM recon.gateways WHERE name = '{DAY}'"
    assert rows(world.mine, end) == rows(world.free, end) != []
    position = f"SELECT recon.seq_at('{DAY}', now()), (recon.log_at('{DAY}', 5)).digest"
    assert rows(world.mine, position) == rows(world.free, position)


def test_rules_are_shown_without_those_of_other_accounts(world: World) -> None:
    asked = f"""
        SELECT convert_from(recon.rules_document('{DAY}', r.seq), 'UTF8')::jsonb
        FROM recon.rules_logged('{DAY}', 9223372036854775807) AS r WHERE r.kind = 'rules'"""
    ((whole,),), ((mine,),) = rows(world.free, asked), rows(world.mine, asked)
    assert isinstance(whole, dict)
    assert isinstance(mine, dict)
    assert "BITMEX" in whole["accounts"]
    assert mine["accounts"].keys() == {MINE}
    assert mine == {**whole, "accounts": {MINE: whole["accounts"][MINE]}}


def test_each_table_of_accounts_has_a_policy_that_holds(world: World) -> None:
    """Tables that no view reads need none; what has an account is read by somebody some day."""
    lacking = rows(
        world.database.superuser_url,
        """
        SELECT c.relname FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'account' AND NOT a.attisdropped
        WHERE c.relnamespace = 'recon_store'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relname NOT IN ('limits', 'limit_changes')
          AND NOT (c.relrowsecurity AND c.relforcerowsecurity
                   AND EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = 'limits'))""",
    )
    assert lacking == []


def test_what_was_changed_is_kept_with_who_did_it(world: World) -> None:
    changes = rows(
        world.database.superuser_url,
        f"SELECT change, gateway, account, by, reason FROM recon.limit_changes WHERE login = '{_name(world.none)}'"
        " ORDER BY number",
    )
    assert changes == [
        ("added", "*", "NOBODY/*", "recon_owner", "a test"),
        ("added", "other-*", "*", "recon_owner", "a test"),
    ]
    for statement in (
        "UPDATE recon_store.limit_changes SET by = 'x'",
        "DELETE FROM recon_store.limit_changes",
        "TRUNCATE recon_store.limit_changes",
        "TRUNCATE recon_store.limits",
    ):
        with (
            psycopg.connect(libpq_url(world.database.superuser_url)) as admin,
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="only added to"),
        ):
            admin.execute(statement.encode())
