"""Listening on loopback, for tools that know no Unix socket: the port has to be free."""

from __future__ import annotations

import socket

from recon.db.embedded.cluster import LOOPBACK
from recon.errors import EmbeddedPostgresError


def check_free(port: int) -> None:
    """Refuse a port that another program has; Postgres would only say that it did not start.

    Errors: EmbeddedPostgresError.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            raise EmbeddedPostgresError(
                f"the embedded server cannot listen on {LOOPBACK}:{port}: another program has the port, or this "
                "account may not use it; set [database] port to a free one, or leave listen out"
            ) from None
