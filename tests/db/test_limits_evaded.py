# ruff: noqa: S608 - names of our own
"""Ways around a limit: each is tried by a limited login, and by one that sees all, whom it leads somewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final
from uuid import uuid4

import psycopg
import pytest

from recon.db.engine import create_engine, libpq_url
from recon.db.limits import Pattern, lift, limit
from recon.db.roles import ANALYST, OPERATOR
from recon.simulator.scenarios import demo_plan
from tests.conftest import TestDatabase
from tests.support.database_days import write_day
from tests.support.limited_rows import write_rows
from tests.support.logins import login_of

pytestmark = pytest.mark.postgres

DAY, MINE, OTHERS = "prod-eu", "KRAKEN/JOHN", "BINANCE"
#: A function of one's own that tells each value it is given, and that the planner takes for free of cost.
_LEAK: Final = """
    CREATE FUNCTION pg_temp.leak(anyelement) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
    $$ BEGIN RAISE NOTICE 'leaked %', $1; RETURN true; END $$"""
_LATE: Final = "'2100-01-01Z', '2100-01-01Z'"
#: Statements that are run one after another; what they return, tell or are refused with is looked through.
WAYS: Final[dict[str, tuple[str, ...]]] = {
    "a view": ("SELECT * FROM recon.entries",),
    "a cheap function with a side effect": (_LEAK, "SELECT count(*) FROM recon.entries WHERE pg_temp.leak(account)"),
    "such a function over a join": (
        _LEAK,
        "SELECT count(*) FROM recon.breaks JOIN recon.units USING (gateway, account) WHERE pg_temp.leak(account)",
    ),
    "such a function over a sum": (_LEAK, "SELECT count(*) FROM recon.balances AS b WHERE pg_temp.leak(b.account)"),
    "such a function over messages": (_LEAK, "SELECT count(*) FROM recon.deliveries WHERE pg_temp.leak(id)"),
    "such a function in an order": (_LEAK, "SELECT 1 FROM recon.fills ORDER BY pg_temp.leak(account)"),
    "such an operator": (
        _LEAK,
        (
            "CREATE FUNCTION pg_temp.same(text, text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS"
            " $$ BEGIN RAISE NOTICE 'leaked %', $1; RETURN $1 = $2; END $$"
        ),
        "CREATE OPERATOR pg_temp.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.same)",
        "SELECT count(*) FROM recon.orders WHERE account OPERATOR(pg_temp.===) 'x'",
    ),
    "a function that says it leaks nothing": (
        _LEAK,
        "ALTER FUNCTION pg_temp.leak(anyelement) LEAKPROOF",
        "SELECT count(*) FROM recon.entries WHERE pg_temp.leak(account)",
    ),
    "a cast that fails": ("SELECT count(*) FROM recon.entries WHERE account = 'BINANCE' AND account::int = 1",),
    "the role of all analysts": ("SET ROLE recon_analyst", "SELECT * FROM recon.accounts"),
    "a view of one's own": (
        "CREATE TEMP VIEW mine AS SELECT * FROM recon.accounts",
        "SELECT * FROM pg_temp.mine",
    ),
    "a barrier turned off in a view of one's own": (
        "CREATE TEMP VIEW mine WITH (security_barrier = false) AS SELECT * FROM recon.deliveries",
        _LEAK,
        "SELECT count(*) FROM pg_temp.mine WHERE pg_temp.leak(id)",
    ),
    "a function with one's own rights": (
        (
            "CREATE FUNCTION pg_temp.all() RETURNS SETOF recon.accounts LANGUAGE sql SECURITY DEFINER AS"
            " 'SELECT * FROM recon.accounts'"
        ),
        "SELECT * FROM pg_temp.all()",
    ),
    "functions of one's own before ours": (
        "CREATE FUNCTION pg_temp.has_table_privilege(name, oid, text) RETURNS boolean LANGUAGE sql AS 'SELECT false'",
        "CREATE FUNCTION pg_temp.sees(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "CREATE FUNCTION pg_temp.seen_accounts() RETURNS text[] LANGUAGE sql AS $$ SELECT ARRAY['%'] $$",
        "CREATE TEMP TABLE limits AS SELECT 'x' AS login, '%' AS pattern",
        "SET search_path = pg_temp, recon_store, recon, pg_catalog",
        "SELECT * FROM recon.accounts",
    ),
    "settings": (
        "SELECT set_config('recon.reason', 'x', false), set_config('session_authorization', 'recon_owner', false)",
        "SELECT set_config('role', 'recon_owner', false)",
        "SELECT * FROM recon.accounts",
    ),
    "rights on the badge": (
        "GRANT SELECT ON recon_store.limited TO PUBLIC",
        "REVOKE ALL ON recon_store.limited FROM CURRENT_USER",
        "SELECT * FROM recon.accounts",
    ),
    "a prepared statement": (
        "PREPARE asked (text) AS SELECT * FROM recon.accounts WHERE account = $1",
        *["EXECUTE asked ('BINANCE')"] * 7,
    ),
    "a cursor": (
        "DECLARE asked SCROLL CURSOR WITH HOLD FOR SELECT * FROM recon.accounts",
        "FETCH ALL FROM asked",
        "FETCH BACKWARD ALL FROM asked",
    ),
    "COPY": ("COPY (SELECT * FROM recon.accounts) TO STDOUT",),
    "a limit and an offset": ("SELECT * FROM recon.events ORDER BY seq OFFSET 30 LIMIT 1000",),
    "a window": ("SELECT lag(account) OVER (ORDER BY seq), lead(account) OVER (ORDER BY seq) FROM recon.events",),
    "all rows as one": ("SELECT string_agg(DISTINCT account, ' ') FROM recon.events",),
    "a recursive query": (
        (
            "WITH RECURSIVE r AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM r WHERE seq < 500)"
            " SELECT e.account FROM r JOIN recon.events AS e USING (seq)"
        ),
    ),
    "a lateral join": (
        (
            "SELECT x.account FROM recon.gateways AS g CROSS JOIN LATERAL"
            " (SELECT * FROM recon.breaks AS b WHERE b.gateway = g.name) AS x"
        ),
    ),
    "books of the past": (f"SELECT * FROM recon.balances_as_of({_LATE})",),
    "fills of the past": (f"SELECT * FROM recon.fills_as_of({_LATE})",),
    "a unit of the past": (
        (
            "SELECT opening, 'BINANCE' FROM recon.unit_as_of('prod-eu', 1, 'BINANCE', 'asset', 'USDT', now(), now())"
            " WHERE opening IS NOT NULL"
        ),
    ),
    "restatements": (_LEAK, "SELECT count(*) FROM recon.units_as_of(now()) WHERE pg_temp.leak(account)"),
    "the rules of all": (
        (
            "SELECT convert_from(recon.rules_document(gateway, seq), 'UTF8') || 'BINANCE' FROM recon.events"
            " WHERE kind = 'rules' LIMIT 1"
        ),
    ),
    "proofs of events": ("SELECT account, convert_from(raw, 'UTF8') FROM recon.event_proofs WHERE readable",),
}
#: What a table's own statistics, and what the catalogues, tell: nothing of a table that nobody but the owner reads.
STATISTICS: Final = (
    "SELECT most_common_vals::text FROM pg_stats WHERE schemaname LIKE 'recon%' AND most_common_vals IS NOT NULL",
    "SELECT histogram_bounds::text FROM pg_stats WHERE schemaname LIKE 'recon%' AND histogram_bounds IS NOT NULL",
)
#: Refused outright to analysts: what lies behind the views, and what would change a limit.
REFUSED: Final = (
    "SELECT * FROM recon_store.breaks",
    "SELECT * FROM recon_store.limits",
    "SELECT recon_store.limit_login('x', '{*}', '{*}', 'x')",
    "DELETE FROM recon_store.limits",
    "DELETE FROM recon.limits",
    "ALTER TABLE recon_store.entries DISABLE ROW LEVEL SECURITY",
    "DROP POLICY limits ON recon_store.entries",
    "SELECT * FROM pg_statistic",
    "SELECT nextval('recon_store.signals_number_seq')",
    "SET ROLE recon_owner",
    "SET SESSION AUTHORIZATION recon_service",
)
#: Fails if a row of another account is looked at, and would fail for who sees all.
_DIVIDE: Final = "SELECT count(*) FROM recon.accounts WHERE 1 / (CASE account WHEN 'BINANCE' THEN 0 ELSE 1 END) = 1"


@pytest.fixture(scope="module")
def day(database_of_module: TestDatabase) -> TestDatabase:
    write_day(database_of_module.service_url, demo_plan(7, 30.0))
    with psycopg.connect(libpq_url(database_of_module.superuser_url)) as admin:
        write_rows(admin, DAY, (MINE, OTHERS))
        admin.execute("ANALYZE")
    return database_of_module


@pytest.fixture(scope="module")
def free(day: TestDatabase) -> Iterator[str]:
    with login_of(day, "free", ANALYST, OPERATOR) as url:
        yield url


@pytest.fixture(scope="module")
def bound(day: TestDatabase) -> Iterator[str]:
    """A login that is limited to one account of the day."""
    with login_of(day, "bound", ANALYST, OPERATOR) as url:
        owner, name = create_engine(day.owner_url, "tests", pooled=False), url.split("//")[1].split("@", maxsplit=1)[0]
        limit(owner, name, [Pattern(DAY, MINE)], "a test")
        yield url
        lift(owner, name, "the test is over")


def learned(url: str, statements: tuple[str, ...]) -> str:
    """Return all that a login learns of statements: rows, notices, and errors with their details."""
    told: list[str] = []
    with psycopg.connect(libpq_url(url), autocommit=True) as raw:
        raw.add_notice_handler(lambda notice: told.append(str(notice.message_primary)))
        raw.execute("SET default_transaction_read_only = off")
        for statement in statements:
            try:
                with raw.cursor() as cursor:
                    if statement.startswith("COPY"):
                        with cursor.copy(statement.encode()) as copy:
                            told += [bytes(part).decode() for part in copy]
                        continue
                    cursor.execute(statement.encode())
                    told += [str(row) for row in (cursor.fetchall() if cursor.description else [])]
            except psycopg.Error as error:
                told.append(f"{error.diag.message_primary} {error.diag.message_detail} {error.diag.context}")
    return "\n".join(told)


@pytest.mark.parametrize("way", WAYS)
def test_no_way_leads_to_another_account(free: str, bound: str, way: str) -> None:
    assert OTHERS in learned(free, WAYS[way]), "the way leads nowhere, so it shows nothing here"
    assert OTHERS not in learned(bound, WAYS[way])


def test_a_division_fails_on_no_row_that_is_hidden(free: str, bound: str) -> None:
    assert "division by zero" in learned(free, (_DIVIDE,))
    assert learned(bound, (_DIVIDE,)) == "(1,)"


def test_policies_are_not_turned_off(bound: str) -> None:
    told = learned(bound, ("SET row_security = off", "SELECT * FROM recon.accounts"))
    assert "query would be affected by row-level security policy" in told


@pytest.mark.parametrize("statement", STATISTICS)
def test_statistics_of_tables_are_nobodys(day: TestDatabase, bound: str, statement: str) -> None:
    assert OTHERS in learned(day.superuser_url, (statement,))
    assert learned(bound, (statement,)) == ""


@pytest.mark.parametrize("statement", REFUSED)
def test_what_lies_behind_the_views_is_refused(bound: str, statement: str) -> None:
    with psycopg.connect(libpq_url(bound), autocommit=True) as raw, pytest.raises(psycopg.Error) as refused:
        raw.execute(statement.encode())
    assert isinstance(refused.value, psycopg.errors.InsufficientPrivilege | psycopg.errors.ObjectNotInPrerequisiteState)


def test_a_function_of_somebody_who_sees_all_shows_no_more(day: TestDatabase, free: str, bound: str) -> None:
    name = free.split("//")[1].split("@", maxsplit=1)[0]
    with psycopg.connect(libpq_url(day.superuser_url), autocommit=True) as admin:
        admin.execute(
            "CREATE FUNCTION public.lent() RETURNS SETOF recon.accounts LANGUAGE sql SECURITY DEFINER"
            " AS 'SELECT * FROM recon.accounts'"
        )
        admin.execute(f"ALTER FUNCTION public.lent() OWNER TO {name}".encode())
    try:
        assert OTHERS in learned(free, ("SELECT * FROM public.lent()",))
        assert MINE in learned(bound, ("SELECT * FROM public.lent()",))
        assert OTHERS not in learned(bound, ("SELECT * FROM public.lent()",))
    finally:
        with psycopg.connect(libpq_url(day.superuser_url), autocommit=True) as admin:
            admin.execute("DROP FUNCTION public.lent()")


def test_a_plan_counts_what_it_left_out_and_names_nothing(bound: str) -> None:
    told = learned(bound, ("EXPLAIN (ANALYZE, VERBOSE, COSTS off) SELECT * FROM recon.breaks",))
    assert OTHERS not in told
    assert "rows=3" in told or "rows=3.00" in told


def decide(raw: psycopg.Connection, kind: str, document: dict[str, object], account: str | None = None) -> None:
    raw.execute(
        "SELECT recon_store.decide(%s, %s, 1, 4102444800000000, %s, %s, %s, NULL)",
        (DAY, uuid4(), kind, [json.dumps(document)], [account]),
    )


def breaks_of(url: str, account: str) -> list[str]:
    asked = "SELECT id FROM recon.breaks WHERE account = %s AND gateway = %s ORDER BY id"
    with psycopg.connect(libpq_url(url)) as raw:
        return [str(row[0]) for row in raw.execute(asked, (account, DAY)).fetchall()]


def test_who_is_limited_decides_on_what_is_seen_alone(free: str, bound: str) -> None:
    (mine, *_), (other, *_) = breaks_of(free, MINE), breaks_of(free, OTHERS)
    fact: dict[str, object] = {"fact": "deposit", "unit": "BTC", "amount": "1", "external_id": "x"}
    refused: list[tuple[str, dict[str, object], str | None]] = [
        ("decision", {"action": "comment", "breaks": [other], "text": "x"}, None),
        ("decision", {"action": "comment", "breaks": [other], "text": "x"}, MINE),
        ("decision", {"action": "comment", "breaks": [mine, other], "text": "x"}, MINE),
        ("decision", {"action": "comment", "breaks": ["nothing"], "text": "x"}, None),
        ("decision", {"action": "comment", "breaks": [mine], "account": OTHERS, "text": "x"}, None),
        ("decision", {"action": "approve_rules", "rules_digest": "00", "breaks": [mine]}, None),
        ("decision", {"action": "approve_facts", "facts": [1]}, None),
        ("decision", {"action": "sign_close", "account": OTHERS, "day": "2026-01-05"}, None),
        ("fact", {**fact, "account": OTHERS}, None),
        ("fact", {**fact, "account": MINE, "counter_account": OTHERS}, None),
        ("fact", fact, None),
    ]
    told = set()
    with psycopg.connect(libpq_url(bound), autocommit=True) as raw:
        for kind, document, account in refused:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is limited to some accounts") as error:
                decide(raw, kind, document, account)
            told.add(str(error.value.diag.message_primary))
        decide(raw, "decision", {"action": "comment", "breaks": [mine], "text": "mine"}, MINE)
        decide(raw, "fact", {**fact, "account": MINE})
    assert len(told) == 1, "what is hidden and what is not there are told apart"


def test_a_gateway_that_is_hidden_is_refused_as_one_that_is_not_there(bound: str) -> None:
    told = set()
    with psycopg.connect(libpq_url(bound), autocommit=True) as raw:
        for gateway in ("prod-us", "nowhere"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as error:
                raw.execute(
                    "SELECT recon_store.decide(%s, %s, 1, 0, 'decision', %s, %s, NULL)",
                    (gateway, uuid4(), ['{"action": "comment", "breaks": ["b"]}'], [None]),
                )
            told.add(str(error.value.diag.message_primary))
    assert len(told) == 1


def silence(raw: psycopg.Connection, **of: str) -> str:
    given = [of.get(name) for name in ("gateway", "account", "unit", "case", "cause")]
    row = raw.execute(
        "SELECT recon_store.silence(now() + interval '1 hour', 'a test', NULL, %s, %s, %s, %s, %s)", given
    ).fetchone()
    assert row is not None
    return str(row[0])


def test_who_is_limited_silences_what_is_seen_alone(free: str, bound: str) -> None:
    with psycopg.connect(libpq_url(free), autocommit=True) as raw:
        cases: dict[str, str] = dict(
            raw.execute("SELECT account, case_id FROM recon.breaks WHERE gateway = %s", (DAY,)).fetchall()
        )
        others = [silence(raw, gateway=DAY, account=OTHERS), silence(raw, cause="missed_fill")]
    with psycopg.connect(libpq_url(bound), autocommit=True) as raw:
        for of in (
            {"gateway": DAY},
            {"account": MINE},
            {"gateway": DAY, "account": OTHERS},
            {"unit": "BTC"},
            {"cause": "missed_fill"},
            {"case": cases[OTHERS]},
            {"case": "nothing"},
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is limited to some accounts"):
                silence(raw, **of)
        own = [silence(raw, gateway=DAY, account=MINE), silence(raw, case=cases[MINE])]
        ended = [raw.execute("SELECT recon_store.unsilence(%s)", (each,)).fetchone() for each in [*others, *own]]
        assert ended == [(False,), (False,), (True,), (True,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="messages are of all"):
            raw.execute("SELECT recon_store.retry_deliveries(NULL, NULL)")


def test_parts_of_the_service_are_shown_to_who_sees_all(day: TestDatabase, free: str, bound: str) -> None:
    with psycopg.connect(libpq_url(day.superuser_url)) as admin:
        admin.execute(
            "INSERT INTO recon_store.service_parts (gateway, instance, part, state, detail, since, updated_at)"
            " VALUES ('prod-eu', 'i', 'recorder', 'up', 'BINANCE', now(), now())"
        )
    asked = ("SELECT * FROM recon_store.service_parts",)
    assert OTHERS in learned(free, asked)
    assert learned(bound, asked) == ""
