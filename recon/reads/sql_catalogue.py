"""What schema `recon` holds: views and functions with their columns, as their comments tell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Final, Literal

import msgspec

from recon.db.source import Source, query_rows

#: Columns of views by their place; of functions what they take and return, named as they are called.
_COLUMNS: Final = """
    SELECT 'view' AS kind, c.relname AS name, obj_description(c.oid, 'pg_class') AS about, '' AS arguments,
           a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type,
           col_description(c.oid, a.attnum) AS meaning,
           a.attnum AS place
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE n.nspname = 'recon' AND c.relkind IN ('v', 'm')
    UNION ALL
    SELECT 'function', p.proname, obj_description(p.oid, 'pg_proc'), pg_get_function_arguments(p.oid),
           coalesce(o.name, ''),
           -- Of a domain the type that programs see.
           coalesce(
               CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) ELSE format_type(t.oid, NULL) END,
               pg_get_function_result(p.oid)
           ),
           NULL,
           coalesce(o.place, 0)
    FROM pg_proc AS p
    JOIN pg_namespace AS n ON n.oid = p.pronamespace
    LEFT JOIN LATERAL unnest(p.proargnames, p.proallargtypes, p.proargmodes) WITH ORDINALITY
        AS o (name, type, mode, place) ON o.mode = 't'
    LEFT JOIN pg_type AS t ON t.oid = o.type
    WHERE n.nspname = 'recon'
    ORDER BY kind DESC, name, arguments, place
"""


class CatalogueColumn(msgspec.Struct, frozen=True):
    """A column: its name, its type in SQL, and what it means; a function's columns have the view's meaning."""

    name: str
    type: str
    meaning: str | None = None


class CatalogueObject(msgspec.Struct, frozen=True):
    """A view or a function of the public SQL surface; `arguments` as they are declared."""

    kind: Literal["view", "function"]
    name: str
    about: str
    arguments: str
    columns: tuple[CatalogueColumn, ...]


def read_catalogue(source: Source) -> list[CatalogueObject]:
    """Return all views, then all functions, by name."""
    rows = query_rows(source, _COLUMNS, {})
    found = []
    for (kind, name, arguments), group in groupby(rows, lambda row: (row["kind"], row["name"], row["arguments"])):
        columns = list(group)
        found.append(
            CatalogueObject(
                "view" if kind == "view" else "function",
                str(name),
                _words(columns[0]["about"]),
                str(arguments),
                tuple(
                    CatalogueColumn(str(row["column"]), str(row["type"]), _meaning(row["meaning"])) for row in columns
                ),
            )
        )
    return found


def as_markdown(objects: Sequence[CatalogueObject]) -> str:
    """Return the catalogue as a document: a heading for each object, and a table of its columns."""
    lines = ["# Schema recon", ""]
    for each in objects:
        call = f"({each.arguments})" if each.kind == "function" else ""
        lines += [f"## {each.kind} recon.{each.name}{call}", "", each.about, "", "| column | type | meaning |"]
        lines += ["|---|---|---|"]
        lines += [f"| {_cell(c.name)} | {_cell(c.type)} | {_cell(c.meaning or '')} |" for c in each.columns]
        lines.append("")
    return "\n".join(lines)


def as_dbt(objects: Sequence[CatalogueObject]) -> str:
    """Return the views as `sources.yml` of dbt. Texts are in quotes as JSON has them, which YAML reads alike."""
    lines = [
        "# Written by `recon sql --catalogue --format dbt`.",
        "version: 2",
        "sources:",
        "  - name: recon",
        f"    description: {_quoted('What recon knows, as views')}",
        "    schema: recon",
        "    tables:",
    ]
    for each in objects:
        if each.kind == "function":
            continue
        lines += [f"      - name: {_quoted(each.name)}", f"        description: {_quoted(each.about)}"]
        lines.append("        columns:")
        for column in each.columns:
            lines.append(f"          - name: {_quoted(column.name)}")
            lines.append(f"            description: {_quoted(column.meaning or '')}")
            lines.append(f"            data_type: {_quoted(column.type)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _words(value: object) -> str:
    return "" if value is None else str(value)


def _meaning(value: object) -> str | None:
    return None if value is None else str(value)
