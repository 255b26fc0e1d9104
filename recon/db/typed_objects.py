"""Schema `recon` beside schema `recon_exact`: the same views and functions, each number as `numeric(38,18)`.

1. Other programs read a bare `numeric` as a double, or as text; `numeric(38,18)` they read to the last digit.
2. An object of `recon_exact` has its numbers as they are. Its twin in `recon` follows from it by rule, with its
   comments and rights, so that no number can be left out.
3. A number that `numeric(38,18)` does not hold is null there; the last column, `exact`, has its text.
4. A value in USD has the digits of an amount and of a rate: it is rounded to 18 digits, and whole in `exact`.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from recon.db.roles import EXACT_SCHEMA, VIEW_SCHEMA

#: Products of two numbers.
ROUNDED: Final = frozenset({"amount_usd", "balance_usd", "usd"})
#: The type of a number of a function, whose results would forget the digits of any other.
NUMBER: Final = f"{VIEW_SCHEMA}.number"
_ABOUT_EXACT: Final = (
    "The numbers here that numeric(38,18) does not hold to the last digit, as JSON of their texts by column; null: none"
)
_ROUNDED_NOTE: Final = "; rounded to 18 digits after the point, see exact"
_READERS: Final = "recon_analyst, recon_service, recon_operator"

_VIEW_COLUMNS: Final = """
    SELECT a.attname AS name, a.atttypid = 'numeric'::regtype AND a.atttypmod = -1 AS bare,
           col_description(a.attrelid, a.attnum) AS about
    FROM pg_attribute AS a
    WHERE a.attrelid = CAST(:name AS regclass) AND a.attnum > 0
    ORDER BY a.attnum
"""
_FUNCTION: Final = """
    SELECT p.oid, obj_description(p.oid, 'pg_proc') AS about, p.prorows::bigint AS rows
    FROM pg_proc AS p WHERE p.oid = CAST(:name AS regproc)
"""
_FUNCTION_COLUMNS: Final = """
    SELECT a.name, a.mode, a.type = 'numeric'::regtype AS bare, format_type(a.type, NULL) AS type,
           CASE a.mode WHEN 'i' THEN pg_get_function_arg_default(p.oid, a.place::integer) END AS fallback
    FROM pg_proc AS p
    CROSS JOIN LATERAL unnest(p.proargnames, p.proallargtypes, p.proargmodes)
        WITH ORDINALITY AS a (name, type, mode, place)
    WHERE p.oid = CAST(:name AS regproc) AND p.proargmodes IS NOT NULL
    ORDER BY a.place
"""


def typed_twin(bind: Connection, kind: str, schema: str, name: str) -> str | None:
    """Return the SQL that creates the twin of a view or function; None: it has none, being of no rows or elsewhere."""
    if schema != EXACT_SCHEMA:
        return None
    return _view(bind, name) if kind == "VIEW" else _function(bind, name)


def _view(bind: Connection, name: str) -> str:
    columns = bind.execute(text(_VIEW_COLUMNS), {"name": f"{EXACT_SCHEMA}.{name}"}).all()
    about = bind.scalar(text("SELECT obj_description(CAST(:name AS regclass))"), {"name": f"{EXACT_SCHEMA}.{name}"})
    typed = f"{VIEW_SCHEMA}.{name}"
    bare = [column.name for column in columns if column.bare]
    wanted = [
        f"{_typed(column.name)}::numeric(38,18) AS {column.name}" if column.bare else f"x.{column.name}"
        for column in columns
    ]
    asked = f"SELECT {', '.join(wanted)}, {_exact(bare)} AS exact FROM recon_exact.{name} AS x"  # noqa: S608 - ours
    statements = [
        f"CREATE VIEW {typed} AS {asked}",
        f"COMMENT ON VIEW {typed} IS {_quoted(about)}",
        f"GRANT SELECT ON {typed} TO {_READERS}",
        f"COMMENT ON COLUMN {typed}.exact IS {_quoted(_ABOUT_EXACT)}",
    ]
    for column in columns:
        note = _ROUNDED_NOTE if column.bare and column.name in ROUNDED else ""
        statements.append(f"COMMENT ON COLUMN {typed}.{column.name} IS {_quoted(f'{column.about}{note}')}")
    return ";\n".join(statements)


def _function(bind: Connection, name: str) -> str | None:
    function = bind.execute(text(_FUNCTION), {"name": f"{EXACT_SCHEMA}.{name}"}).one()
    columns = bind.execute(text(_FUNCTION_COLUMNS), {"name": f"{EXACT_SCHEMA}.{name}"}).all()
    if all(column.mode == "i" for column in columns):
        return None
    typed = f"{VIEW_SCHEMA}.{name}"
    given = [column for column in columns if column.mode == "i"]
    found = [column for column in columns if column.mode != "i"]
    arguments = [
        f"{column.name} {column.type}" + (f" DEFAULT {column.fallback}" if column.fallback else "") for column in given
    ]
    returned = [f"{column.name} {NUMBER if column.bare else column.type}" for column in found]
    wanted = [f"{_typed(column.name)}::{NUMBER}" if column.bare else f"x.{column.name}" for column in found]
    passed = ", ".join(f"{name}.{column.name}" for column in given)
    return f"""
CREATE FUNCTION {typed}({", ".join(arguments)}) RETURNS TABLE ({", ".join(returned)}, exact jsonb)
LANGUAGE sql STABLE PARALLEL SAFE ROWS {function.rows or 1} AS $$
    SELECT {", ".join(wanted)}, {_exact([column.name for column in found if column.bare])}
    FROM recon_exact.{name}({passed}) AS x
$$;
COMMENT ON FUNCTION {typed} IS {_quoted(function.about)};
REVOKE ALL ON FUNCTION {typed} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {typed} TO {_READERS}"""  # noqa: S608 - names of our own


def _typed(column: str) -> str:
    return f"recon_exact.{'rounded' if column in ROUNDED else 'held'}(x.{column})"


def _exact(columns: list[str]) -> str:
    """Return the expression of column `exact`, which costs little where every number is held."""
    held = " AND ".join(f"recon_exact.is_held(x.{column})" for column in columns)
    names = ", ".join(f"'{column}'" for column in columns)
    values = ", ".join(f"x.{column}" for column in columns)
    return f"CASE WHEN NOT ({held}) THEN recon_exact.texts_of(ARRAY[{names}], ARRAY[{values}]) END"


def _quoted(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"
