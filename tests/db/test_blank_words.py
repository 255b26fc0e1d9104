"""The database takes no reason and no name that shows nothing, whoever calls it and by whatever client."""

from __future__ import annotations

import psycopg
import pytest

from recon.db.engine import libpq_url
from recon.display.words import is_blank
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres

BLANK = ("", "  ", "\t", "\r\n", "\u00a0", "\u200b\u2009", "\u2800", "\u3164", "\ufeff", "\x01")
SEEN = ("a", " a ", "-", "ä", "中", "😀", "\u200bx")


def test_it_knows_a_blank_text_as_the_command_line_does(database: TestDatabase) -> None:
    texts = [*BLANK, *SEEN, None]
    with psycopg.connect(libpq_url(database.owner_url)) as raw:
        found = raw.execute(
            "SELECT recon_store.is_blank(t.text) FROM unnest(%s::text[]) WITH ORDINALITY AS t(text, place)"
            " ORDER BY place",
            (texts,),
        ).fetchall()
    assert [row[0] for row in found] == [text is None or is_blank(text) for text in texts]
    assert [row[0] for row in found] == [True] * len(BLANK) + [False] * len(SEEN) + [True]


@pytest.mark.parametrize("text", BLANK, ids=ascii)
def test_a_blank_silence_or_limit_is_refused(database: TestDatabase, text: str) -> None:
    for url, statement, given, told in (
        (database.service_url, _SILENCE, (text, "prod-eu"), "a silence has a reason"),
        (database.service_url, _SILENCE, ("we know", text), "a name in a silence is blank"),
        (database.owner_url, _LIMIT, (["*"], ["*"], text), "a limit has a reason"),
        (database.owner_url, _LIMIT, ([text], ["*"], "an audit"), "a gateway or an account of a limit is blank"),
        (database.owner_url, _LIMIT, (["*"], [text], "an audit"), "a gateway or an account of a limit is blank"),
    ):
        with (
            psycopg.connect(libpq_url(url)) as raw,
            pytest.raises(psycopg.errors.InvalidParameterValue, match=told),
        ):
            raw.execute(statement, given)


_SILENCE = "SELECT recon_store.silence(now() + interval '1 hour', %s, NULL, %s, NULL, NULL, NULL, NULL)"
_LIMIT = "SELECT recon_store.limit_login('recon_analyst', %s, %s, %s)"
