"""The parameters of every connection: UTC, keepalives that detect a lost server, and time limits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

#: Longest one statement may run on the server; a transaction's own deadline is usually shorter.
STATEMENT_TIMEOUT: Final = timedelta(seconds=60)
#: Longest one attempt to connect may take (per address that the name resolves to).
CONNECT_TIMEOUT: Final = timedelta(seconds=5)
#: The message about a URL that is not one of Postgres; it repeats no URL, which may contain a password.
URL_REFUSED: Final = "a database url must have the form postgresql://user@host:5432/name"

#: TCP: probe a silent peer after 10 s, 3 times, 5 s apart; give up unacknowledged data after 20 s.
_KEEPALIVES: Final = {
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}


def libpq_parameters(
    given: Mapping[str, object],
    application_name: str,
    statement_timeout: timedelta = STATEMENT_TIMEOUT,
    connect_timeout: timedelta = CONNECT_TIMEOUT,
) -> dict[str, str]:
    """Return libpq's keywords for a connection, except those that the URL has given."""
    settings = f"-c timezone=UTC -c statement_timeout={_milliseconds(statement_timeout)}"
    options = given.get("options", "")
    arguments = {
        "application_name": application_name,
        "client_encoding": "utf8",
        "connect_timeout": str(max(1, round(connect_timeout.total_seconds()))),
        **_KEEPALIVES,
    }
    own = {key: value for key, value in arguments.items() if key not in given}
    # Ours first: a later -c wins, so the URL's own options keep the last word.
    return own | {"options": f"{settings} {' '.join(options) if isinstance(options, tuple) else options}".strip()}


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
