"""The account of the operating system that the embedded server runs as (architecture 6).

As root the server runs as an account that exists already; none is created and no existing mode is changed.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from typing import Final

from recon.errors import EmbeddedPostgresError

#: Accounts that may run the server when recon itself is root, the first that exists.
UNPRIVILEGED_ACCOUNTS: Final = ("postgres", "nobody")
#: The environment of the programs: nothing of PGDATA, PGHOST or a foreign locale.
ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the operating system that the server runs as."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """Return the account to run the server as; None: recon's own, which is not root."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    names = " or ".join(UNPRIVILEGED_ACCOUNTS)
    raise EmbeddedPostgresError(
        f"Postgres refuses to run as root and there is no account {names}; run recon as another account, "
        "or name a server in [database] url"
    )


def run_as(
    account: Account | None,
    command: list[str],
    *,
    timeout: float,
    environment: dict[str, str] | None = None,
    given: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run one program to its end under an account; return its output as text, stderr with stdout.

    `given` is its standard input. Raise subprocess.TimeoutExpired, or OSError if the account cannot run it.
    """
    return subprocess.run(  # noqa: S603 - commands are built in this package alone
        command,
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=timeout,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
        umask=0o077,
        env=environment or ENVIRONMENT,
        cwd="/",
    )
